"""Which averages the printed hit rates come from."""

import pytest
from audit_helpers import printed, ranks, table
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from fave_bench.forensics.audit import known_users
from fave_bench.forensics.chance import at_least
from fave_bench.forensics.finding import odds
from fave_bench.forensics.grids import grid_findings
from fave_bench.forensics.reading import shipped
from fave_bench.forensics.user_counts import chance_of_any, counts_that_fit, user_counts


def found(kind: str) -> dict[tuple[str, str], list[tuple[str, ...]]]:
    """(table, dataset) -> models of each finding."""
    result: dict[tuple[str, str], list[tuple[str, ...]]] = {}
    for each in shipped():
        for finding in [*grid_findings(each, known_users()), *user_counts(each, known_users())]:
            if finding.kind == kind:
                result.setdefault((finding.table, finding.dataset), []).append(finding.models)
    return result


@settings(max_examples=40)
@given(ranks, st.sampled_from(["filtered", "released"]), st.integers(0, 6), st.booleans())
def test_a_run_is_never_said_not_to_come_from_its_users(
    higher: list[int], protocol: str, decimals: int, cut: bool
) -> None:
    made = table({("A", "x"): printed(higher, protocol, decimals, cut)})
    users = {"x": (len(higher),)}
    kinds = {finding.kind for finding in [*grid_findings(made, users), *user_counts(made, users)]}
    assert not kinds & {"off_grid", "other_users"}


def test_one_user_more_is_noticed() -> None:
    made = table({("A", "x"): printed([0] * 131 + [30] * 812)})
    kinds = {count: [finding.kind for finding in grid_findings(made, {"x": (count,)})] for count in (943, 944)}
    assert kinds == {943: ["grid"], 944: ["off_grid"]}


def test_the_batch_means_behind_ml_100k() -> None:
    grids = found("grid")
    assert ("DiffuRec", "FMRec", "FAVE") in grids["FAVE, Table 1", "ml-100k"]
    assert grids["FAVE, Table 2", "ml-100k"] == [("w/o stage", "w/o cons", "w/o match", "w/o prior", "FAVE")]
    assert set(grids["FMRec, Table 2", "ml-100k"]) == {("SASRec", "BERT4Rec"), ("GRU4Rec",), ("DiffuRec", "FMRec")}
    assert grids["FMRec, Table 2", "beauty"] == [("SASRec", "STOSA")]  # the public 22,363, not the printed 22,361


def test_saturated_grids_are_said_to_say_nothing() -> None:
    silent = {(name, dataset) for name, dataset in found("uninformative") if name.endswith("1")}
    assert silent == {("FAVE, Table 1", "beauty"), ("FAVE, Table 1", "steam")}


def test_only_ml_100k_is_small_enough_to_exclude_rows() -> None:
    off = found("off_grid")
    assert {dataset for _, dataset in off} == {"ml-100k"}
    assert off["FAVE, Table 1", "ml-100k"] == [("Caser",), ("STOSA",), ("AutoSeqRec",), ("DreamRec",)]


def test_autoseqrec_has_the_users_of_its_own_test_set() -> None:
    assert found("other_users") == {("FMRec, Table 2", "ml-100k"): [("AutoSeqRec",)]}
    (row,) = [each.hit_rates("ml-100k")["AutoSeqRec"] for each in shipped() if each.title == "FMRec, Table 2"]
    assert counts_that_fit(row).tolist() == [9929, 2 * 9929, 3 * 9929]
    assert chance_of_any(9929, row) == pytest.approx(9929**4 / 4 * 1e-18, rel=0.01)


@given(st.integers(1, 400), st.lists(st.integers(0, 400), min_size=1, max_size=3))
def test_the_true_count_is_always_among_those_that_fit(users: int, hits: list[int]) -> None:
    digits = {f"H@{5 + place}": f"{100 * min(hit, users) / users:.4f}" for place, hit in enumerate(sorted(hits))}
    rates = table({("A", "x"): digits}).hit_rates("x")["A"]
    assert users in counts_that_fit(rates)


def test_a_dataset_of_unknown_size_gives_its_size_away() -> None:
    made = table({("A", "mine"): printed([0, 0, 6, 12, 40, 9, 3] * 31)})
    (finding,) = user_counts(made, {})
    assert finding.kind == "implied_users" and "7" in finding.detail
    assert not list(grid_findings(made, {}))


@given(st.integers(0, 12), st.integers(1, 12), st.floats(0, 1))
def test_at_least_is_the_binomial_where_chances_are_equal(count: int, of: int, chance: float) -> None:
    assert at_least(count, [chance] * of) == pytest.approx(binom.sf(count - 1, of, chance), abs=1e-12)


@pytest.mark.parametrize(
    ("chance", "words"), [(1, "100%"), (1 / 6, "1 in 6"), (8e-4, "1 in 1,250"), (1e-9, "1 in 10^9")]
)
def test_odds_read_like_odds(chance: float, words: str) -> None:
    assert odds(chance) == words
