"""Cells that two tables share."""

from itertools import combinations

import numpy as np
import pytest
from audit_helpers import printed, table
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from fave_bench.forensics.audit import known_users
from fave_bench.forensics.copies import coincidence, copies, shared_cells
from fave_bench.forensics.printed_table import Rate
from fave_bench.forensics.reading import shipped

USERS = {"x": (943,)}


def test_the_baselines_of_the_main_table_are_those_of_the_earlier_paper() -> None:
    found = {finding.table: finding for finding in copies(shipped(), known_users())}
    copied = found["FAVE, Table 1 and FMRec, Table 2"]
    assert copied.kind == "copied" and copied.detail.startswith("108 of the 108 cells")
    assert len(copied.models) == 9 and "FAVE" not in copied.models
    assert copied.chance and copied.chance < 1e-50


def test_tables_of_one_paper_restate_each_other() -> None:
    kinds = {finding.table: (finding.kind, finding.dataset) for finding in copies(shipped(), known_users())}
    assert kinds["FAVE, Table 1 and FAVE, Table 4"] == ("restated", "ml-100k")  # which does not name its dataset
    assert kinds["FAVE, Table 1 and FAVE, Table 2"] == ("restated", "")
    assert not any(kind == "contradiction" for kind, _ in kinds.values())


def test_one_digit_off_within_a_paper_is_a_contradiction() -> None:
    one = table({("A", "x"): {"H@10": "12.1951", "N@10": "6.0000"}}, "Paper, Table 1")
    other = table({("A", "x"): {"H@10": "12.1952", "N@10": "6"}}, "Paper, Table 2")
    (finding,) = copies([one, other], USERS)
    assert finding.kind == "contradiction" and finding.models == ("A",)
    assert finding.detail == "H@10 is 12.1951 in Paper, Table 1 and 12.1952 in Paper, Table 2"
    assert not list(copies([one, table({("A", "x"): {"H@10": "12.2"}}, "Other, Table 1")], USERS))


def test_a_table_without_a_dataset_is_aligned_either_way_round() -> None:
    *_, unnamed, _ = tables = shipped()
    assert unnamed.datasets == ("",)
    forth, back = shared_cells(tables[0], unnamed), shared_cells(unnamed, tables[0])
    assert forth == back and len(forth) == 6 and {cell.dataset for cell in forth} == {"ml-100k"}


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_runs_made_twice_are_not_called_copied(seed: int) -> None:
    random = np.random.default_rng(seed)

    def run_of(paper: str):
        rows = {(name, "x"): printed((random.random(943) ** 1.5 * 90).astype(int).tolist()) for name in "ABCDEF"}
        return table(rows, f"{paper}, Table 1")

    assert not [finding for finding in copies([run_of("One"), run_of("Other")], USERS) if finding.kind == "copied"]


@pytest.mark.parametrize(("users", "percent"), [(943, 20), (943, 5), (22363, 9), (281428, 12)])
def test_the_chance_of_a_coincidence_is_that_of_two_binomials(users: int, percent: int) -> None:
    exact = (binom.pmf(np.arange(users + 1), users, percent / 100) ** 2).sum()
    assert coincidence(Rate(percent * 10**4, 4), users) == pytest.approx(exact, rel=0.02)


def test_few_digits_coincide_more_often() -> None:
    chances = [coincidence(Rate(9 * 10**decimals, decimals), 22363) for decimals in range(4)]
    assert all(one > other for one, other in combinations(chances[:3], 2))
    random = np.random.default_rng(0)
    one, other = (np.round(100 * random.binomial(22363, 0.09, 20000) / 22363, 1) for _ in range(2))
    assert chances[1] == pytest.approx((one == other).mean(), rel=0.05)
