"""Accuracy against sampler steps, as drawn and as written down."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from helpers import add_run, make_record
from measured_helpers import keep

from fave_bench.errors import BenchError, UsageError
from fave_bench.figure import main
from fave_bench.records import Inference, Record, Store
from fave_bench.records.measurements import StepsRow
from fave_bench.rendering import steps
from fave_bench.rendering.picture import Picture
from fave_bench.rendering.plotting import render
from fave_bench.rendering.printed import Overall

FLOW: dict[str, Any] = {"model": "flow", "title": "Flow", "inference": Inference(steps=4)}


def again(record: Record, count: int, hit: float, gain: float, error: float = 0.02) -> StepsRow:
    metrics, errors = {"H@20": hit, "N@20": gain}, {"H@20": error, "N@20": error}
    return StepsRow(
        model=record.model, title=record.title, dataset=record.dataset.name, setting=record.setting, run=record.key,
        steps=count, metrics={"filtered": metrics, "released": metrics},
        standard_errors={"filtered": errors, "released": errors}, truncated=record.truncated,
    )  # fmt: skip


def shown(records: list[Record], *rows: StepsRow) -> list[steps.Panel]:
    in_steps = {(row.run, row.steps): row for row in rows}
    return steps.collect(records, in_steps, Overall({}, ""), protocol="filtered")


def picture() -> Picture:
    flow, cut = make_record(**FLOW), make_record(**FLOW, setting="paper", stopped_because="budget")
    rows = [again(flow, 1, 0.4, 0.2), again(flow, 8, 0.5, 0.3), again(cut, 1, 0.1, 0.05)]
    return steps.picture(shown([flow, cut, make_record()], *rows))


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_the_same_rows_give_the_same_bytes(ending: str) -> None:
    assert render(picture(), ending) == render(picture(), ending)


def test_the_data_are_those_of_the_rows_and_of_the_record() -> None:
    rows = [row for row in csv.DictReader(io.StringIO(picture().as_csv())) if row["setting"] == "released"]
    hits = {int(row["steps"]): row for row in rows if row["metric"] == "H@20"}
    assert sorted(hits) == [1, 4, 8]
    assert [hits[count]["own_steps"] for count in (1, 4, 8)] == ["false", "true", "false"]
    record = make_record(**FLOW)
    assert float(hits[4]["value"]) == pytest.approx(100 * record.metrics["filtered"]["test"]["H@20"], abs=1e-5)
    assert (hits[1]["value"], hits[1]["sampling_error"], hits[1]["deviation"]) == ("40.0", "2.0", "")
    assert {row["model"] for row in rows} == {"flow"}  # a model without a sampler has no line


def test_what_is_drawn_is_what_is_written() -> None:
    found = picture()
    written = sorted((row["metric"], row["value"]) for row in found.rows)
    axes = found.draw().axes
    drawn = [
        (metric, y)
        for metric, panel in zip(steps.METRICS, axes, strict=True)
        for line in panel.lines
        if line.get_marker() != "None"
        for y in line.get_ydata()
    ]
    assert [metric for metric, _ in sorted(drawn)] == [metric for metric, _ in written]
    assert [y for _, y in sorted(drawn)] == pytest.approx([value for _, value in written], abs=1e-5)
    assert "Hollow: stopped by a budget, no verdict on the model (Flow paper)." in found.caption


def test_long_names_beside_the_panels_stay_inside_the_picture() -> None:
    long = make_record(**FLOW, variant="fixed,window=200,key_mask=on")
    figure = steps.picture(shown([long], again(long, 1, 0.4, 0.2))).draw()
    figure.canvas.draw()
    right = max(text.get_window_extent().x1 for axes in figure.axes for text in axes.texts)
    assert right <= figure.bbox.x1


def test_seeds_are_averaged_and_their_deviation_is_the_bar() -> None:
    seeds = [make_record(**FLOW, seed=seed) for seed in range(2)]
    panels = shown(seeds, *(again(record, 1, 0.1 * (1 + record.seed), 0.1) for record in seeds))
    (curve,) = panels[0].curves
    assert (curve.values[1].mean, curve.values[1].seeds) == (pytest.approx(15), 2)
    assert curve.values[1].spread == pytest.approx(10 / 2**0.5)


def test_a_line_is_of_the_same_seeds_at_every_number_of_steps() -> None:
    """A seed without rows in other steps would move the model's own number alone."""
    asked, other = make_record(**FLOW), make_record(**FLOW, seed=1, higher=(90, 90, 90, 90, 90))
    (panel, _) = shown([asked, other], again(asked, 1, 0.4, 0.2), again(asked, 8, 0.5, 0.3))
    (curve,) = panel.curves
    own = 100 * asked.metrics["filtered"]["test"]["H@20"]
    assert {steps: value.seeds for steps, value in curve.values.items()} == {1: 1, 4: 1, 8: 1}
    assert curve.values[4].mean == pytest.approx(own)


def test_the_verb_draws_and_says_what_is_missing(tmp_path: Path) -> None:
    results, out = tmp_path / "results", tmp_path / "out"
    record = add_run(Store(results), **FLOW)
    asked = ["--name", "steps", "--results", str(results), "--out", str(out)]
    with pytest.raises(BenchError, match=r"was ranked in other numbers of steps; .*--what steps"):
        main(asked)
    keep(results, again(record, 1, 0.4, 0.2))
    assert main(asked) == 0 and main([*asked, "--check"]) == 0
    with pytest.raises(UsageError, match="unknown model 'flw'; did you mean 'flow'"):
        main([*asked, "--models", "flw"])
