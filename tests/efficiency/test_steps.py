"""A recorded run, ranked again in other numbers of steps."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fave_bench import data, measure, prepare, run
from fave_bench.efficiency.serving import Serving
from fave_bench.efficiency.steps import COUNTS, ranked
from fave_bench.errors import BenchError
from fave_bench.evaluation.metrics import metrics_of
from fave_bench.models.contract import GenerativeRecommender
from fave_bench.records import Look, Store
from fave_bench.records.measurements import StepsRow, measurements
from fave_bench.restore import restore, stages

FLOW = ("width=16", "heads=2", "blocks=2", "window=10", "tap=1", "decoder=[8, 8]")
CPU = torch.device("cpu")


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    rows = [(u, i, t) for u in range(40) for t, i in enumerate(random.permutation(25)[: random.integers(5, 15)])]
    path = tmp_path / "mine.csv"
    path.write_text("user,item,time\n" + "".join(f"u{u},i{i},{t}\n" for u, i, t in rows))
    assert prepare.main(["--dataset", "mine", "--from", str(path)]) == 0  # remembered, as a measurement takes no file
    return path


def train(csv: Path, results: Path, model: str, *sizes: str) -> None:
    sets = [part for size in sizes for part in ("--set", f"model.{size}")]
    asked = ["--dataset", "mine", "--from", str(csv), "--model", model, "--results", str(results), "--epochs", "1"]
    assert run.main([*asked, "--device", "cpu", *sets]) == 0


def measured(results: Path, *arguments: str) -> list[StepsRow]:
    asked = ["--what", "steps", "--datasets", "mine", "--results", str(results), "--device", "cpu", *arguments]
    assert measure.main(asked) == 0
    return [row for found in measurements(results, "steps") for row in found.rows if isinstance(row, StepsRow)]


@pytest.fixture
def flow(csv: Path, tmp_path: Path) -> Path:
    train(csv, tmp_path / "results", "fave", *FLOW)
    return tmp_path / "results"


def test_in_its_own_number_of_steps_a_run_has_the_metrics_of_its_record(flow: Path) -> None:
    store = Store(flow)
    (record,) = store.records()
    rows = measured(flow)
    assert record.inference and record.inference.steps == 1  # the fine-tuned stage, not the first
    assert [row.steps for row in rows] == list(COUNTS)
    recorded = {protocol: phases["test"] for protocol, phases in record.metrics.items()}
    assert rows[0].metrics == recorded
    assert rows[0].standard_errors == {name: phases["test"] for name, phases in record.standard_errors.items()}
    assert {(row.run, row.setting, row.truncated) for row in rows} == {(record.key, "released", True)}
    sequences = data.load("mine")
    model = restore(store, record, sequences, CPU)
    assert isinstance(model, GenerativeRecommender)
    assert (
        metrics_of(ranked(Serving(model, steps=1), record, sequences)) == recorded
    )  # the adapter changes nothing else


def test_counts_beyond_the_samplers_limit_are_left_out(csv: Path, tmp_path: Path, capsys: Any) -> None:
    train(csv, tmp_path / "results", "dreamrec", "d=16", "window=10", "timesteps=6", "steps=6")
    rows = measured(tmp_path / "results")
    assert [row.steps for row in rows] == [1, 2, 4, 6]
    assert rows[0].metrics != rows[-1].metrics  # so the number of steps did arrive
    assert "a diffusion of 6 steps cannot be sampled in 8" in capsys.readouterr().err


def test_runs_without_weights_or_without_a_sampler_are_left_out(csv: Path, flow: Path, capsys: Any) -> None:
    asked = ["--dataset", "mine", "--from", str(csv), "--model", "popularity", "--results", str(flow)]
    assert run.main([*asked, "--device", "cpu"]) == 0
    assert {row.model for row in measured(flow)} == {"fave"}
    for weights in flow.glob("*/*/*/weights.safetensors"):
        weights.unlink()
    with pytest.raises(BenchError, match="no recorded run of a generative model"):
        measured(flow)
    assert "skipped" not in capsys.readouterr().err  # the sentence says it all


def test_only_what_is_asked_for_is_measured(flow: Path) -> None:
    with pytest.raises(BenchError, match="no recorded run"):
        measured(flow, "--models", "diffurec")
    with pytest.raises(BenchError, match="no recorded run"):
        measured(flow, "--settings", "paper")


def test_a_run_whose_data_or_mathematics_have_changed_is_not_taken_for_the_same(flow: Path) -> None:
    store, sequences = Store(flow), data.load("mine")
    (record,) = store.records()
    with pytest.raises(BenchError, match="version 0"):
        restore(store, record.model_copy(update={"model_version": 0}), sequences, CPU)
    other = record.model_copy(update={"dataset": record.dataset.model_copy(update={"fingerprint": "0" * 64})})
    with pytest.raises(BenchError, match="other data"):
        restore(store, other, sequences, CPU)
    untold = record.training.model_copy(update={"curve": []})  # without looks, nothing tells the last stage
    with pytest.raises(BenchError, match="ranked in 1 steps"):
        restore(store, record.model_copy(update={"training": untold}), sequences, CPU)


def test_stages_are_in_the_order_they_were_entered_however_the_file_sorts_them(flow: Path) -> None:
    (record,) = Store(flow).records()
    training = record.config["training"]
    assert isinstance(training, dict) and list(json.loads(json.dumps(training["stages"]))) == ["finetune", "pretrain"]
    assert stages(record) == ["pretrain", "finetune"]
    first = [Look(stage="pretrain", epoch=1, seconds=1)]
    cut = record.model_copy(update={"training": record.training.model_copy(update={"curve": first})})
    assert stages(cut) == ["pretrain", "finetune"]
