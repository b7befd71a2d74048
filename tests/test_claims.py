"""Claims about parts and about lists are judged by what tables of records say, never by runs that a budget stopped."""

from typing import Any

import pytest

from fave_bench.rendering.claims.claim import VERDICTS, Claim
from fave_bench.rendering.claims.lists import list_claims
from fave_bench.rendering.claims.parts import part_claims
from fave_bench.rendering.contents import Contents
from fave_bench.rendering.table_model import Table
from fave_bench.studies.catalogue import Family

FAMILY = Family(
    model="m", setting="released", about="", full="M", datasets=["toy"], printed="x.csv", variants={"w/o p": {"k": 0}}
)
PRINTED = {("M", "toy", "H@20"): 20.0, ("w/o p", "toy", "H@20"): 18.5}
ILD = {("Own", "toy", "ILD@20"): 0.5, ("Near", "toy", "ILD@20"): 0.4, ("Far", "toy", "ILD@20"): 0.8}


def contents(name: str, *rows: dict[str, Any]) -> Contents:
    return Contents((), (), (Table(name, "", (), (), (), rows),), ())


def part(low: float | None, high: float | None, **changed: Any) -> Claim:
    """The claim about the part, from an interval of the variant's change."""
    shared = {"family": "paper", "dataset": "toy", "setting": "released", "protocol": "released", "metric": "H@20"}
    shared |= {"truncated": False, "seeds": 2} | changed
    middle = None if low is None or high is None else (low + high) / 2
    change = {"change_from_full": middle, "change_low": low, "change_high": high}
    full = {"full": True, "variant": "M", "change_from_full": None, "change_low": None, "change_high": None}
    variant = {"full": False, "variant": "w/o p"} | change
    (claim,) = part_claims(contents("ablation", shared | full, shared | variant), {"paper": FAMILY}, {"paper": PRINTED})
    return claim


@pytest.mark.parametrize(("low", "high", "verdict"), [(-3, -1, "holds"), (-1, 1, "undecided"), (1, 3, "fails")])
def test_a_part_is_judged_by_the_interval_of_its_paired_difference(low, high, verdict):
    claim = part(low, high)
    assert claim.verdict == verdict
    assert claim.text == "M w/o p is worse on toy (H@20 −1.50)"
    assert "seeds: 2" in claim.because


@pytest.mark.parametrize(
    "changed",
    [{"truncated": True}, {"setting": "paper"}, {"dataset": "other"}, {"seeds": 0}, {"split": "temporal"}],
)
def test_a_part_is_open_without_whole_runs_of_the_same_setting(changed):
    assert part(-3, -1, **changed).verdict == "open"


def test_a_part_is_open_where_no_seed_is_in_both():
    assert part(None, None).verdict == "open"


def lists(own: dict[str, float], other: dict[str, float], **changed: Any) -> dict[str, str]:
    """Other model -> verdict, from ILD by space; both rivals have the same."""
    shared = {"dataset": "toy", "metric": "ILD@20", "protocol": "filtered", "truncated": False}
    shared |= {"ours_sd": None, "sampling_error": 0.01} | changed
    rows = [
        shared | {"title": title, "configuration": title, "space": space, "ours_mean": ild}
        for title, spaces in (("Own", own), ("Near", other), ("Far", other))
        for space, ild in spaces.items()
    ]
    found = list_claims(contents("diversity", *rows), ILD, "Own")
    assert {claim.verdict for claim in found} <= set(VERDICTS)
    disagree = len({own[space] > other[space] for space in own}) > 1 and not changed
    assert all(("say the opposite" in claim.because) == disagree for claim in found)
    return {name: claim.verdict for claim in found for name in ("Near", "Far") if f"than {name}" in claim.text}


def test_lists_are_judged_in_the_direction_that_is_printed():
    assert lists({"genres": 0.6}, {"genres": 0.3}) == {"Near": "holds", "Far": "fails"}
    assert lists({"genres": 0.3}, {"genres": 0.6}) == {"Near": "fails", "Far": "holds"}


def test_spaces_that_disagree_or_differences_within_their_error_decide_nothing():
    both = {"Near": "undecided", "Far": "undecided"}
    assert lists({"genres": 0.6, "co-occurrence": 0.2}, {"genres": 0.3, "co-occurrence": 0.4}) == both
    assert lists({"genres": 0.31}, {"genres": 0.3}) == both


def test_a_models_own_space_and_cut_runs_decide_nothing():
    both = {"Near": "open", "Far": "open"}
    assert lists({"own": 0.9}, {"own": 0.1}) == both
    assert lists({"genres": 0.6}, {"genres": 0.3}, truncated=True) == both


def test_the_most_accurate_row_of_a_model_speaks_for_it():
    def row(metric: str, configuration: str, value: float, **more: Any) -> dict[str, Any]:
        return {
            "title": "Own", "dataset": "toy", "metric": metric, "space": None, "protocol": "released",
            "configuration": configuration, "ours_mean": value, "ours_sd": None, "sampling_error": 0.01,
            "truncated": False,
        } | more  # fmt: skip

    rows = [row("N@20", "a", 5.0), row("N@20", "b", 9.0)]
    rows += [row("ILD@20", "a", 0.9, space="genres"), row("ILD@20", "b", 0.2, space="genres")]
    rows.append(row("ILD@20", "c", 0.5, space="genres", title="Near"))
    near = next(c for c in list_claims(contents("diversity", *rows), ILD, "Own") if "Near" in c.text)
    assert near.verdict == "fails" and "genres 0.200 and 0.500" in near.because
