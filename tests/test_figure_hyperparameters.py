"""Curves of one hyper-parameter hold the runs that differ in it, and in nothing else."""

import csv
import io
from typing import Any

import pytest
from helpers import add_run, make_record

from fave_bench.errors import BenchError
from fave_bench.figure import main
from fave_bench.records import Record, Store
from fave_bench.rendering.hyperparameters import hyperparameters
from fave_bench.rendering.hyperparameters_data import SweepPanel, collect, read_optima
from fave_bench.rendering.picture import Picture
from fave_bench.rendering.plotting import FORMATS, render
from fave_bench.studies.catalogue import sweeps
from fave_bench.trees import laid_over

FAVE: dict[str, Any] = {"model": "fave", "title": "FAVE", "setting": "paper", "dataset": "ml-100k"}
OWN = {"alpha": 0.5, "beta": 0.2, "gamma": 0.1, "rho_train": 0.75, "rho_infer": 0.75}
CONFIG: dict[str, Any] = {"model": OWN, "training": {"time_budget": None}}


def point(parameter: str, value: float, **options: Any) -> Record:
    """A run with the value in all the parameter's keys; the setting's own value is no change."""
    changes = {key: value for key in sweeps()[parameter].keys if OWN[key.removeprefix("model.")] != value}
    config = laid_over(options.pop("config", CONFIG), changes)
    variant = ",".join(f"{key}={value}" for key in changes)
    return make_record(**FAVE | {"config": config, "changes": changes, "variant": variant} | options)


def shown(*records: Record) -> list[SweepPanel]:
    return collect(records, sweeps(), read_optima())


def everything() -> list[Record]:
    """All four grids; the more of a value, the better the ranking, so that curves are not flat."""
    values = [(name, value) for name, sweep in sweeps().items() for value in sweep.values]
    made = [point(name, value, higher=(0, 3, 7, 12, int(40 * (1 - value)))) for name, value in values]
    return [*(record for record in made if record.changes), point("gamma", OWN["gamma"])]


def picture(records: list[Record]) -> Picture:
    return hyperparameters(shown(*records), protocol="filtered")


def test_each_grid_is_a_panel_and_all_go_through_the_setting_s_own_run() -> None:
    panels = shown(*everything())
    assert [panel.parameter for panel in panels] == list(sweeps())
    for panel in panels:
        assert [p.x for p in panel.points] == sweeps()[panel.parameter].values
        assert panel.optimum in {p.x for p in panel.points if not p.summary.first.changes}


def test_another_setting_model_budget_or_second_change_is_on_no_curve() -> None:
    own = point("gamma", 0.1)
    budget = laid_over(CONFIG, {"training.time_budget": 60.0})
    batch = laid_over(CONFIG, {"training.batch_size": 7})
    others = [
        point("gamma", 0.4, setting="released"), point("gamma", 0.4, model="another"),
        point("gamma", 0.4, config=budget, stopped_because="budget"), point("gamma", 0.4, dataset="beauty"),
        point("gamma", 0.4, config=batch),
    ]  # fmt: skip
    assert shown(own, *others) == []
    assert len(shown(own, *others, point("gamma", 0.4))) == 1


def test_a_budget_that_was_not_used_up_leaves_a_value_on_its_curve() -> None:
    unused: dict[str, Any] = {"config": laid_over(CONFIG, {"training.time_budget": 9e9})}
    (panel,) = shown(point("alpha", 0.5), point("alpha", 0.5, **unused), point("alpha", 0.1, **unused))
    assert [one.x for one in panel.points] == [0.1, 0.5]


def test_keys_that_disagree_are_no_value() -> None:
    changes = {"model.rho_train": 0.5}
    apart = make_record(**FAVE, config=laid_over(CONFIG, changes), changes=changes)
    assert shown(point("rho", 0.75), apart) == []
    (panel,) = shown(point("rho", 0.75), apart, point("rho", 0.5))
    assert [p.x for p in panel.points] == [0.5, 0.75]


def test_full_runs_come_before_more_values_cut_short() -> None:
    budget: dict[str, Any] = {"config": laid_over(CONFIG, {"training.time_budget": 60.0}), "stopped_because": "budget"}
    cut = [point("gamma", value, **budget) for value in (0.0, 0.1, 0.4)]
    full = [point("gamma", value) for value in (0.1, 0.4)]
    assert [[p.truncated for p in panel.points] for panel in shown(*cut)] == [[True] * 3]
    assert [[p.truncated for p in panel.points] for panel in shown(*cut, *full)] == [[False] * 2]


def test_seeds_are_one_point_with_their_spread() -> None:
    records = [point("gamma", v, seed=seed, higher=(0, 3, 7, 12, 40 * seed)) for v in (0.1, 0.4) for seed in (0, 1)]
    row = next(csv.DictReader(io.StringIO(picture(records).as_csv())))
    assert (row["seeds"], row["value"], row["metric"]) == ("2", "0.1", "H@20")
    assert float(row["ours_mean"]) == 90.0 and float(row["ours_sd"]) == pytest.approx(200**0.5, abs=1e-6)


@pytest.mark.parametrize("ending", FORMATS)
def test_the_same_records_give_the_same_bytes(ending: str) -> None:
    records = everything()
    assert render(picture(records), ending) == render(picture(records[::-1]), ending)


def test_the_caption_speaks_only_of_what_is_drawn() -> None:
    full = picture(everything()).caption
    assert "Hollow" not in full and "Dotted" in full and "one seed" in full
    cut = picture([point("gamma", value, stopped_because="budget") for value in (0.1, 0.4)]).caption
    assert "Hollow" in cut


def test_without_a_sweep_it_says_how_to_run_one(tmp_path) -> None:
    add_run(Store(tmp_path))
    with pytest.raises(BenchError, match=r"fave_bench\.sweep --parameter"):
        main(["--name", "hyperparameters", "--results", str(tmp_path), "--out", str(tmp_path)])
