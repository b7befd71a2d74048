"""Validation during training, as drawn and as written down."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import add_run, make_record
from hypothesis import given
from hypothesis import strategies as st

from fave_bench.errors import BenchError
from fave_bench.figure import main
from fave_bench.records import Look, Record, Store, TrainingSummary
from fave_bench.rendering import curves
from fave_bench.rendering.labels import apart
from fave_bench.rendering.picture import Picture
from fave_bench.rendering.plotting import PALETTE, render, styles
from fave_bench.rendering.printed import Overall


def look(stage: str, epoch: int, seconds: float, value: float) -> Look:
    return Look(stage=stage, epoch=epoch, seconds=seconds, validation={"filtered": {"N@20": value}})


def trained(*looks: Look, epochs: float, best: int = 1, because: Any = "converged") -> TrainingSummary:
    return TrainingSummary(epochs=epochs, best_epoch=best, stopped_because=because, seconds=9, curve=list(looks))


ONE = trained(look("train", 1, 3, 0.1), look("train", 2, 6, 0.2), epochs=2, best=2)
TWO = trained(look("first", 1, 2, 0.1), look("first", 2, 4, 0.12), look("second", 1, 8, 0.3), epochs=3)
CUT = trained(look("first", 1, 6, 0.1), look("second", 1, 8, 0.3), epochs=0.4, because="budget")


def run(training: TrainingSummary, **fields: Any) -> Record:
    return make_record(training=training, **fields)


def shown(*records: Record) -> list[curves.Panel]:
    return curves.collect(list(records), Overall({}, ""), protocol="filtered")


def picture() -> Picture:
    return curves.picture(
        shown(
            run(ONE), run(TWO, model="two", title="Two"), run(CUT, model="cut", title="Cut"), make_record(model="none")
        )
    )


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_the_same_records_give_the_same_bytes(ending: str) -> None:
    assert render(picture(), ending) == render(picture(), ending)


def test_epochs_of_stages_add_up_and_a_cut_pass_is_a_part_of_one() -> None:
    def passes(training: TrainingSummary) -> list[float]:
        return [point.passes for point in curves.points(run(training), "filtered")]

    assert passes(ONE) == [1, 2]
    assert passes(TWO) == [1, 2, 3]
    assert passes(CUT) == pytest.approx([0.4 * 6 / 8, 0.4])  # two passes begun, 0.4 of one made
    cut_late = trained(look("train", 5, 3, 0.1), look("train", 7, 4, 0.1), epochs=6.2, because="budget")
    assert passes(cut_late) == [5, 6.2]


def test_stages_end_and_the_weights_kept_are_those_of_the_best_look() -> None:
    points = curves.points(run(TWO), "filtered")
    assert [point.stage_ends for point in points] == [False, True, False]
    assert [point.kept for point in points] == [False, False, True]  # the best epoch is the last stage's
    assert [point.error is None for point in points] == [True, True, False]
    error = run(TWO).standard_errors["filtered"]["validation"]["N@20"]
    assert points[-1].error == pytest.approx(100 * error)


def test_what_is_drawn_is_what_is_written() -> None:
    found = picture()
    against_passes, against_seconds = found.draw().axes
    for axes, column in ((against_passes, "passes"), (against_seconds, "seconds")):
        ways = [line.get_xydata().tolist() for line in axes.lines if line.get_linewidth() == 1.0 and line.get_alpha()]
        written: dict[Any, list[list[float]]] = {}
        for row in found.rows:
            written.setdefault(row["model"], []).append([row[column], row["value"]])  # type: ignore[list-item]
        for way, rows in zip(sorted(ways), sorted(written.values()), strict=True):
            assert np.array(way) == pytest.approx(np.array(rows), abs=1e-5)
    assert sorted(text.get_text() for text in against_seconds.texts if text.get_text()) == ["Cut", "SASRec", "Two"]


def test_the_caption_explains_only_marks_that_are_there() -> None:
    assert "Hollow" in picture().caption and "Upright stroke" in picture().caption
    plain = curves.picture(shown(run(ONE)))
    assert "Hollow" not in plain.caption and "Upright stroke" not in plain.caption and "seeds" not in plain.caption
    assert "seeds" in curves.picture(shown(run(ONE), run(ONE, seed=1))).caption


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.floats(0.01, 0.08))
def test_names_stay_in_order_below_the_top_and_never_overlap(heights: list[float], gap: float) -> None:
    found = apart(sorted(heights), gap)
    assert max(found) <= 1 + 1e-9
    assert all(b - a >= gap - 1e-9 for a, b in pairwise(found))
    spread = [i * gap for i in range(len(heights))]
    assert apart(spread, gap) == pytest.approx(spread)  # what has room stays where it is


def test_every_row_looks_unlike_the_others() -> None:
    rows = [(f"title {i}", f"row {i}.{j}") for i in range(13) for j in range(2)]
    found = styles(rows)
    assert len({(look.color, look.marker, str(look.dash)) for look in found.values()}) == len(rows)
    assert {look.color for look in found.values()} == set(PALETTE)


def test_the_verb_draws_and_says_what_is_missing(tmp_path: Path) -> None:
    results = tmp_path / "results"
    add_run(Store(results), model="none")
    asked = ["--name", "curves", "--results", str(results), "--out", str(tmp_path / "out"), "--format", "png"]
    with pytest.raises(BenchError, match="no recorded run looked at validation"):
        main(asked)
    add_run(Store(results), training=ONE)
    assert main(asked) == 0 and main([*asked, "--check"]) == 0
