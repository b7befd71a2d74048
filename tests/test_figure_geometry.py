"""Trajectories and priors, as drawn and as written down."""

from pathlib import Path
from typing import Any

import pytest
from helpers import make_record
from kept_helpers import FAVE, keep_run

from fave_bench.errors import BenchError
from fave_bench.figure import main
from fave_bench.geometry import priors as measured_priors
from fave_bench.geometry import trajectories as measured_trajectories
from fave_bench.records import Record
from fave_bench.records.geometry_rows import Planes, PriorsRow, TrajectoriesRow
from fave_bench.records.row import RunRow
from fave_bench.rendering import priors, trajectories
from fave_bench.rendering.picture import Picture
from fave_bench.rendering.plotting import render
from fave_bench.rendering.printed import Overall
from fave_bench.rendering.runs import Shown, joined

LAYOUT = {"vectors": 9, "perplexity": 1.6, "seed": 0, "scikit_learn": "1.9", "explained": 0.5}


def planes(first: float, count: int) -> Planes:
    return Planes(
        tsne=[(10 * first + i, i * i) for i in range(count)],
        pca=[(first / 10, i / 10 + first / 50) for i in range(count)],
    )


def on_run(record: Record) -> dict[str, Any]:
    return {
        "model": record.model, "title": record.title, "dataset": record.dataset.name, "setting": record.setting,
        "run": record.key, "truncated": record.truncated, "users": 5, "layout": LAYOUT,
    }  # fmt: skip


def walked(record: Record) -> TrajectoriesRow:
    return TrajectoriesRow(
        **on_run(record), steps=9, straightness=1.5, straightness_quartiles=[1.25, 1.5, 2], shown=[0, 4, 9],
        to_target=[[1.3, 1.4, 1.5], [1.1, 1.2, 1.3], [0.8, 0.9, 1]], to_other=[[1.3, 1.4, 1.5]] * 3,
        paths=[{"user": 3, "target": 7, "at": planes(1, 3)}, {"user": 4, "target": 8, "at": planes(2, 3)}],
        targets={7: planes(3, 1), 8: planes(4, 1)}, items=planes(5, 4),
    )  # fmt: skip


def started(record: Record) -> PriorsRow:
    distance = {"to_target": [1.3, 1.4, 1.5], "to_other": [1.2, 1.3, 1.45], "nearer": 0.375}
    return PriorsRow(
        **on_run(record), own="anchor", distances={"Gaussian noise": distance, "anchor": distance},
        clouds={"Gaussian noise": planes(1, 4), "anchor": planes(2, 4), "target": planes(3, 4)},
    )  # fmt: skip


def shown(make: Any, *records: Record) -> list[Shown[Any]]:
    rows: dict[str, RunRow] = {record.key: make(record) for record in records}
    return joined(records, rows, Overall({}, ""))


def pictures() -> list[Picture]:
    records = [make_record(model="flow"), make_record(model="cut", title="Cut", stopped_because="budget")]
    return [trajectories.picture(shown(walked, *records)), priors.picture(shown(started, *records))]


def points(found: Picture, *kinds: str) -> set[tuple[Any, ...]]:
    names = ("tsne_x", "tsne_y", "pca_x", "pca_y")
    return {tuple(row[name] for name in names) for row in found.rows if row["kind"] in kinds}


def drawn(axes: Any) -> set[tuple[float, float]]:
    return {(float(x), float(y)) for line in axes.lines for x, y in line.get_xydata()}


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_the_same_rows_give_the_same_bytes(ending: str) -> None:
    for first, second in zip(pictures(), pictures(), strict=True):
        assert render(first, ending) == render(second, ending)


def test_the_points_drawn_are_those_written() -> None:
    for found, kinds in zip(pictures(), (("state", "target", "item"), ("start", "target")), strict=True):
        written = points(found, *kinds)
        near, flat = found.draw().axes[:2]
        assert drawn(near) == {(a, b) for a, b, _, _ in written}
        assert drawn(flat) == {(c, d) for _, _, c, d in written}


def test_the_distances_drawn_are_those_written() -> None:
    walks, starts = pictures()
    lines = [line.get_xydata().tolist() for line in walks.draw().axes[2].lines]
    for kind in ("to target", "to other"):
        rows = [row for row in walks.rows if row["kind"] == kind and row["title"] == "SASRec"]
        assert [[row["step"], row["median"]] for row in rows] in lines
    (straight,) = (row for row in walks.rows if row["kind"] == "straightness" and row["title"] == "Cut")
    assert (straight["lower_quartile"], straight["median"], straight["upper_quartile"]) == (1.25, 1.5, 2)
    ends = {x for line in starts.draw().axes[2].lines for x in line.get_xdata()}
    assert {row[name] for row in starts.rows for name in ("lower_quartile", "median", "upper_quartile")} - {
        None
    } <= ends


def test_the_words_tell_how_many_how_laid_out_and_which_were_cut_short() -> None:
    walks, starts = pictures()
    for found in (walks, starts):
        assert "perplexity 1.6, seed 0" in found.caption and "over 5 test users" in found.caption
        assert "† stopped by a budget" in found.caption
        titles = [text.get_text() for axes in found.draw().axes for text in axes.texts]
        assert "toy · Cut †" in titles and "toy · SASRec" in titles
    assert "Of long ways some states are left out." in walks.caption
    whole = trajectories.picture(shown(lambda record: walked(record).model_copy(update={"steps": 2}), make_record()))
    assert "left out" not in whole.caption and "†" not in whole.caption


def test_one_run_of_several_seeds_is_shown() -> None:
    seeds = [make_record(seed=seed) for seed in range(3)]
    assert [run.record.seed for run in shown(walked, *seeds)] == [0]
    later = {record.key: walked(record) for record in seeds[1:]}
    assert [run.record.seed for run in joined(seeds, later, Overall({}, ""))] == [1]


@pytest.mark.parametrize("name", ["trajectories", "priors"])
def test_one_command_takes_what_it_draws_once(name: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(measured_trajectories, "ITEMS", 20)
    monkeypatch.setattr(measured_priors, "DRAWN", 12)
    results = tmp_path / "results"
    keep_run(results, **FAVE)
    asked = ["--name", name, "--results", str(results), "--out", str(tmp_path / "out")]
    with pytest.raises(BenchError, match=rf"no recorded run of those asked for was .*--what {name}"):
        main([*asked, "--check"])  # which only looks
    assert main(asked) == 0
    (weights,) = results.glob("*/*/*/weights.safetensors")
    weights.unlink()
    assert main(asked) == 0 and main([*asked, "--check"]) == 0
    assert len(list((results / "measured" / name).iterdir())) == 1


@pytest.mark.parametrize("name", ["trajectories", "priors"])
def test_runs_that_were_not_kept_are_one_sentence(name: str, tmp_path: Path) -> None:
    keep_run(tmp_path, **FAVE)
    (weights,) = tmp_path.glob("*/*/*/weights.safetensors")
    weights.unlink()
    with pytest.raises(BenchError, match=r"no recorded run of a .* has its weights on this machine; .* keeps them"):
        main(["--name", name, "--results", str(tmp_path), "--out", str(tmp_path / "out")])
