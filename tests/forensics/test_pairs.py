"""What no ranking gives is found, and what some ranking gives is not."""

import pytest
from audit_helpers import printed, ranks, table
from hypothesis import given
from hypothesis import strategies as st

from fave_bench.forensics.pairs import breaches, impossible_pairs
from fave_bench.forensics.reading import read_table, shipped
from fave_bench.rendering.printed import REFERENCE, read_overall

IMPOSSIBLE = {
    ("SASRec", "beauty"), ("AutoSeqRec", "beauty"), ("DreamRec", "beauty"),
    ("DreamRec", "ml-100k"), ("DreamRec", "steam"), ("STOSA", "ml-100k"),
}  # fmt: skip


def row_of(**digits: str) -> dict:
    (row,) = table({("A", "x"): {name.replace("_", "@"): text for name, text in digits.items()}}).rows("x").values()
    return row


@given(ranks, st.sampled_from(["filtered", "released"]), st.integers(0, 6), st.booleans())
def test_no_run_is_called_impossible(higher: list[int], protocol: str, decimals: int, cut: bool) -> None:
    assert not list(impossible_pairs(table({("A", "x"): printed(higher, protocol, decimals, cut)})))


@given(ranks, ranks, st.integers(1, 99))
def test_nor_is_an_average_of_runs(one: list[int], other: list[int], percent: int) -> None:
    mixed = {
        metric: f"{(percent * float(a) + (100 - percent) * float(b)) / 100:.4f}"
        for (metric, a), b in zip(printed(one, decimals=8).items(), printed(other, decimals=8).values(), strict=True)
    }
    assert not list(impossible_pairs(table({("A", "x"): mixed})))


@given(st.floats(1, 40), st.floats(1, 40), st.floats(0, 1), st.sampled_from([-1, 1]))
def test_a_thousandth_of_a_point_beyond_the_bound_is_found(low: float, more: float, at: float, side: int) -> None:
    base, high = 0.4 * low, low + more  # at rank 4.66 on average, which the first ten can give
    for outside in (0, 1):
        end = more * (1 / 4.392317 if side < 0 else 1 / 3.584963)  # log2(21) and log2(12)
        gain = end + side * (0.001 if outside else -0.001)
        row = row_of(H_10=f"{low:.4f}", H_20=f"{high:.4f}", N_10=f"{base:.4f}", N_20=f"{base + gain:.4f}")
        found = [breach for breach in breaches(row) if breach.between == "between cut-offs 10 and 20"]
        assert bool(found) == bool(outside)


@pytest.mark.parametrize(
    ("digits", "between", "what"),
    [
        ({"H_10": "20", "N_10": "22"}, "up to cut-off 10", "NDCG by 22"),
        ({"H_20": "20.00", "N_20": "4.40"}, "up to cut-off 20", "must lie between 4.5534"),
        ({"H_5": "9.1", "H_10": "8.9"}, "between cut-offs 5 and 10", "a metric falls"),
        ({"N_5": "9.1", "N_20": "8.9"}, "between cut-offs 5 and 20", "a metric falls"),
    ],
)
def test_each_bound_has_its_sentence(digits: dict[str, str], between: str, what: str) -> None:
    (worst, *_) = breaches(row_of(**digits))
    assert worst.between == between and what in worst.what


def test_digits_that_were_cut_off_or_rounded_away_are_forgiven() -> None:
    assert not breaches(row_of(H_10="20.0", N_10="20.0", H_20="20.0", N_20="20.1"))
    assert breaches(row_of(H_10="20.0", N_10="20.0", H_20="20.0", N_20="20.2"))


def test_a_tie_at_the_cut_off_needs_half_ranks() -> None:
    row = row_of(H_10="0.00", H_20="99.00", N_10="0.00", N_20="28.05")  # rank 10.5 adds 1 / log2(11.5)
    assert breaches(row) and not breaches(row, ties=True)


def test_the_six_impossible_pairs_of_the_main_table() -> None:
    found = list(impossible_pairs(read_table(REFERENCE / "table1_overall.csv")))
    assert {(*finding.models, finding.dataset) for finding in found} == IMPOSSIBLE and len(found) == 6
    (sasrec,) = [finding for finding in found if finding.models == ("SASRec",)]
    for number in ("2.7143", "0.4258", "0.6180", "0.7571", "cut-offs 10 and 20"):
        assert number in sasrec.detail


def test_the_rendered_main_table_marks_the_same_rows() -> None:
    found = {(*finding.models, finding.dataset) for each in shipped() for finding in impossible_pairs(each)}
    papers = read_overall()
    printed_rows = {(model, dataset) for model, dataset, _ in papers.values}
    assert {row for row in printed_rows if papers.impossible(*row)} == {row for row in found if row in printed_rows}
