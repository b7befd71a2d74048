"""The training measurement: every stage and precision of the rows asked for, through the verb."""

import json

import pytest
import torch

from fave_bench import measure
from fave_bench.efficiency import training
from fave_bench.efficiency.environment import has_bf16
from fave_bench.errors import UsageError
from fave_bench.records.measurements import measurements


def measured(capsys, *arguments: str) -> list[dict]:
    assert measure.main(["--what", "training", "--datasets", "demo", "--seconds", "0.01", "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)["rows"]


def test_each_stage_is_timed_in_the_precisions_that_the_device_has(tmp_path, capsys):
    rows = measured(capsys, "--models", "sasrec", "popularity", "--results", str(tmp_path))
    precisions = ("fp32", "bf16") if has_bf16(torch.device("cpu")) else ("fp32",)
    assert {(r["model"], r["stage"], r["precision"]) for r in rows} == {("sasrec", "train", p) for p in precisions}
    for row in rows:
        assert row["steps"] >= 5 and 0 < row["peak_fraction"] < 1.5
        assert row["samples_per_second"] == pytest.approx(1000 * row["batch_size"] / row["step_ms"])
    (kept,) = measurements(tmp_path, "training")
    assert [row.model_dump(mode="json") for row in kept.rows] == rows


def test_bf16_is_left_out_where_it_has_no_instructions(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(training, "has_bf16", lambda device: False)
    rows = measured(capsys, "--models", "sasrec", "--results", str(tmp_path))
    assert {row["precision"] for row in rows} == {"fp32"}


def test_nothing_is_kept_where_nothing_was_measured(tmp_path):
    arguments = ["--what", "training", "--datasets", "demo", "--models", "popularity", "--results", str(tmp_path)]
    with pytest.raises(UsageError, match="nothing to measure"):
        measure.main(arguments)
    assert not any(tmp_path.rglob("*.json"))
