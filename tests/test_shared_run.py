"""One run on two processes: the record of one process, and one end for both, however it ends."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from processes import be, ended, free_port, small_world, start_verb

from fave_bench.records import Record, Store
from fave_bench.training import checkpoint as checkpoints
from fave_bench.training import recorded

FAVE = ["--dataset", "mine", "--model", "fave"]
KEYS = ("key_value.bias", "qkv.bias")
"""Adding the same to all keys changes no softmax: what moves these biases is rounding, and nothing depends on them."""
SASREC = ["--dataset", "mine", "--model", "sasrec"]


@pytest.fixture
def world(tmp_path: Path) -> Path:
    return small_world(tmp_path)


def prepared(rank: int, size: int, port: int, first: Callable[[int], object]) -> None:
    if size > 1:
        be(rank, size, port)
    first(rank)


def started(world: Path, arguments: list[str], results: str, processes: int = 2, first: Callable = bool) -> list:
    port = free_port()
    there = [*arguments, "--device", "cpu", "--results", str(world / results)]
    return [
        start_verb("run", there, world, partial(prepared, rank, processes, port, first)) for rank in range(processes)
    ]


def ends(world: Path, arguments: list[str], results: str, processes: int = 2, first: Callable = bool) -> list[int]:
    """The exit status of each process of a run."""
    return [ended(process) for process in started(world, arguments, results, processes, first)]


def said(world: Path) -> list[str]:
    return (world / "said").read_text().splitlines()


def only(results: Path) -> Record:
    (record,) = Store(results).records()
    return record


def assert_same(results: Path, alone: Path, processes: int = 2) -> None:
    """Metrics, losses and weights as one process has them, to 1e-5; the clock and the environment aside."""
    found, expected = only(results), only(alone)
    assert (found.key, found.config, found.parameters) == (expected.key, expected.config, expected.parameters)
    assert (found.training.epochs, found.training.best_epoch) == (
        expected.training.epochs,
        expected.training.best_epoch,
    )
    for protocol, phases in expected.metrics.items():
        for phase, metrics in phases.items():
            assert found.metrics[protocol][phase] == pytest.approx(metrics, abs=1e-5)
    for look, other in zip(found.training.curve, expected.training.curve, strict=True):
        assert look.losses == pytest.approx(other.losses, rel=1e-5)
    weights = Store(alone).weights(expected)
    for name, weight in Store(results).weights(found).items():
        if not name.endswith(KEYS):
            assert np.allclose(weight, weights[name], rtol=1e-5, atol=1e-5), name
    assert [one.environment["processes"] for one in (found, expected)] == [processes, 1]


@pytest.mark.parametrize("arguments", [
    FAVE,
    [*SASREC, "--set", "training.batch_size=59"],  # the last batch has one sample, and a process none
    ["--dataset", "mine", "--model", "markov"],
], ids=["fave", "sasrec", "markov"])  # fmt: skip
def test_two_processes_make_the_record_of_one(world, arguments):
    assert ends(world, arguments, "alone", processes=1) == [0]
    assert ends(world, arguments, "results") == [0, 0]
    assert_same(world / "results", world / "alone")
    assert len(said(world)) == 4, "two lines a run: the main process alone speaks"
    assert ends(world, arguments, "results") == [0, 0]
    assert "already recorded" in said(world)[4]


def slow(seconds: float, begun: Path, rank: int) -> None:
    """From now on every step takes so long, and the second process says that its first has begun."""
    step = recorded.train_step

    def slower(*arguments, **options):
        if rank == 1:
            begun.touch()
        time.sleep(seconds)
        return step(*arguments, **options)

    recorded.train_step = slower


@pytest.mark.parametrize(("told", "then"), [((1,), 3), ((0, 1), 1)], ids=["one, then three", "both, then one"])
def test_a_signal_to_any_stops_all_and_any_number_goes_on(world, told, then):
    begun = world / "begun"
    processes = started(world, SASREC, "results", first=partial(slow, 0.2, begun))
    while not begun.exists():
        assert processes[1].is_alive()
        time.sleep(0.01)
    for rank in told:
        os.kill(processes[rank].pid, 15)
    assert [ended(process) for process in processes] == [143, 143]
    assert [line for line in said(world) if "stopped; the same command goes on" in line] == said(world)
    (checkpoint,) = (world / "results" / ".work").rglob("*.pt")
    assert checkpoints.load(checkpoint)["step"] == 1
    assert ends(world, SASREC, "alone", processes=1) == [0]
    assert ends(world, SASREC, "results", processes=then) == [0] * then
    assert_same(world / "results", world / "alone", processes=then)


def test_the_main_clock_is_everybodys(world):
    assert ends(world, [*SASREC, "--time-budget", "0.3"], "results", first=partial(slow, 0.2, world / "begun")) == [
        0,
        0,
    ]
    assert only(world / "results").training.stopped_because == "budget"


DIVERGING = [*SASREC, "--set", "training.stages.train.learning_rate=1e30"]


def break_down(rank: int) -> None:
    """From now on the second process cannot take a step."""
    if rank == 1:

        def broken(*_, **__):
            raise TypeError("no such step")

        recorded.train_step = broken


@pytest.mark.parametrize(("arguments", "code", "sentence"), [
    (["--dataset", "nowhere", "--model", "fave"], 2, "unknown dataset 'nowhere'"),
    ([*SASREC, "--compile"], 2, "--compile: compiled code draws dropout in its own order"),
    (["--repeat", "0123"], 2, "--repeat: one process repeats a run"),
    ([*DIVERGING, "--set", "training.batch_size=16"], 1, "the loss became non-finite in stage train"),
    (DIVERGING, 1, "are not finite, so nobody can be ranked"),
], ids=["dataset", "compile", "repeat", "loss", "scores"])  # fmt: skip
def test_an_error_is_one_sentence_and_one_status(world, arguments, code, sentence):
    assert ends(world, arguments, "results") == [code, code]
    (line,) = said(world)
    assert sentence in line and line.startswith("fave-bench: ")


def test_a_breakdown_of_one_process_ends_both_and_main_says_why(world):
    assert ends(world, SASREC, "results", first=break_down) == [1, 1]
    assert "fave-bench: TypeError: no such step" in said(world)
    assert not list((world / "results").rglob("run.json"))


def test_a_process_that_is_killed_does_not_leave_the_other_hanging(world):
    begun = world / "begun"
    first, second = started(world, SASREC, "results", first=partial(slow, 0.2, begun))
    while not begun.exists():
        time.sleep(0.01)
    second.kill()
    assert (ended(second), ended(first)) == (-9, 1)
    assert "gone without a word" in said(world)[-1]
    assert ends(world, SASREC, "results") == [0, 0]


def test_torchrun_itself_starts_it(tmp_path):
    command = (
        "torch.distributed.run --standalone --nproc-per-node 2 -m fave_bench.run --dataset demo --model popularity"
    )
    run = subprocess.run(
        [sys.executable, "-m", *command.split(), "--device", "cpu", "--json", "--results", str(tmp_path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    record = Record.model_validate(json.loads(run.stdout))
    assert record.environment["processes"] == 2 and record == only(tmp_path)
