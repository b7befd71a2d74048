"""A recorded run can be done again from its record alone, and the harness says whether it comes to the same."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import actions_csv, ending

from fave_bench import prepare, run
from fave_bench.errors import BenchError
from fave_bench.records import Store
from fave_bench.repeat import repeat

CPU = torch.device("cpu")


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    return actions_csv(tmp_path / "mine.csv")


@pytest.fixture
def results(csv: Path, tmp_path: Path) -> Path:
    prepare.main(["--dataset", "mine", "--from", str(csv)])
    return tmp_path / "results"


def recorded(results: Path, *arguments: str) -> Store:
    assert ending(run.main, ["--dataset", "mine", "--device", "cpu", "--results", str(results), *arguments]) == 0
    return Store(results)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--model", "markov"],
        ["--model", "sasrec", "--variant", "ce", "--epochs", "2", "--seed", "4", "--set", "model.d=8"],
        [
            "--model",
            "fave",
            "--setting",
            "paper",
            "--epochs",
            "1",
            "--set",
            "model.width=16",
            "--set",
            "model.blocks=2",
        ],
    ],
    ids=lambda arguments: arguments[1],
)
def test_a_repetition_agrees_to_the_bit_and_leaves_the_record_alone(results, capsys, arguments):
    store = recorded(results, *arguments)
    (record,) = store.records()
    before = {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}
    assert ending(run.main, ["--repeat", record.key[:6], "--device", "cpu", "--results", str(results)]) == 0
    assert "agrees: every user's ranks are equal, and the weights too" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in results.rglob("*") if path.is_file()} == before


def test_it_is_ranks_that_agree_whatever_compressed_them_and_added_them_up(results, monkeypatch):
    """As on another machine: other bytes in ranks.npz, and metrics that differ in their last bit."""
    store = recorded(results, "--model", "markov")
    (record,) = store.records()
    monkeypatch.setattr(np, "savez_compressed", np.savez)
    metrics = {
        protocol: {
            phase: {name: float(np.nextafter(value, 1)) for name, value in values.items()}
            for phase, values in phases.items()
        }
        for protocol, phases in record.metrics.items()
    }
    found = repeat(store, record.model_copy(update={"metrics": metrics}), CPU)
    assert found.record.files["ranks.npz"] != found.again.files["ranks.npz"]
    assert (found.verdict, found.others, found.changes) == ("equal", 0, ())


def test_what_comes_out_otherwise_is_said(results, capsys, monkeypatch):
    store = recorded(results, "--model", "sasrec", "--epochs", "2", "--set", "model.d=8")
    (record,) = store.records()
    monkeypatch.setattr("fave_bench.runner.seed_of", lambda seed, *purpose: 7)
    asked = ["--repeat", record.key, "--device", "cpu", "--results", str(results)]
    status = ending(run.main, [*asked, "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["key"] == record.key and found["other_ranks"] > 0 and not found["same_weights"]
    moved = [abs(c["after"] - c["before"]) > c["standard_error"] for c in found["changes"]]
    assert found["verdict"] == ("different" if any(moved) else "within noise") and status == int(any(moved))
    sentence = repeat(store, record, CPU).sentence()
    assert "ranks differ" in sentence and sentence.startswith("does not agree" if any(moved) else "agrees within noise")


def test_what_is_no_longer_what_it_was_is_not_repeated(results, tmp_path, csv, monkeypatch):
    (record,) = recorded(results, "--model", "markov").records()
    store = Store(results)
    with pytest.raises(BenchError, match="ranked under protocols"):
        repeat(store, record.model_copy(update={"protocols": {"filtered": 0}}), CPU)
    with pytest.raises(BenchError, match="is of markov version 99"):
        repeat(store, record.model_copy(update={"model_version": 99}), CPU)
    other = tmp_path / "other.csv"
    other.write_text("\n".join(csv.read_text().splitlines()[:-3]) + "\n")
    with pytest.raises(BenchError, match="learned from other data"):
        repeat(store, record, CPU, source=other)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "give --dataset and --model, or --repeat"),
        (["--repeat", "abc", "--model", "fave"], "--model: a repetition takes everything from the record"),
        (["--repeat", "abc", "--time-budget", "3"], "--time-budget: a repetition"),
        (["--repeat", "abc", "--seed", "0"], "--seed: a repetition"),
        (["--repeat", "abc", "--split", "temporal"], "--split: a repetition"),
    ],
)
def test_a_mistake_is_one_sentence(results, capsys, arguments: list[str], sentence: str):
    assert ending(run.main, [*arguments, "--results", str(results)]) == 2
    assert sentence in capsys.readouterr().err
