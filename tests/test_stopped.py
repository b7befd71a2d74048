"""SIGTERM and Ctrl-C: a step ends, a checkpoint is kept, and a shell is told; a second signal is not argued with."""

import os
import signal
import time
from functools import partial
from pathlib import Path

import pytest
from processes import ended, small_world, start_verb

from fave_bench.records import Store
from fave_bench.training import loop

SIGNALS = [signal.SIGINT, signal.SIGTERM]
CAMPAIGN = ["--datasets", "mine", "--models", "sasrec"]
RUN = ["--dataset", "mine", "--model", "sasrec"]


@pytest.fixture
def world(tmp_path: Path) -> Path:
    return small_world(tmp_path)


def every_step_takes(seconds: float, begun: Path) -> None:
    """From now on, and `begun` says that the first has begun."""
    step = loop.train_step

    def slow(*arguments, **options):
        begun.touch()
        time.sleep(seconds)
        return step(*arguments, **options)

    loop.train_step = slow


def started(verb: str, arguments: list[str], world: Path, seconds: float):
    """A verb in the middle of a training step."""
    begun = world / "begun"
    there = [*arguments, "--device", "cpu", "--results", str(world / "results")]
    process = start_verb(verb, there, world, partial(every_step_takes, seconds, begun))
    while not begun.exists():
        assert process.is_alive()
        time.sleep(0.01)
    return process


def contents(results: Path) -> dict:
    return {record.key: (record.metrics, record.files) for record in Store(results).records()}


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize(("verb", "arguments"), [("run", RUN), ("campaign", CAMPAIGN)], ids=["run", "campaign"])
def test_a_signal_ends_the_step_and_keeps_a_checkpoint_to_go_on_from(world, number, verb, arguments):
    arguments = [*arguments, *(["--out", str(world / "out")] if verb == "campaign" else [])]
    process = started(verb, arguments, world, 0.2)
    os.kill(process.pid, number)
    assert ended(process) == 128 + number
    said = (world / "said").read_text()
    assert "the same command goes on from" in said and "Traceback" not in said
    (checkpoint,) = (world / "results" / ".work").rglob("*.pt")
    assert loop.checkpoint.load(checkpoint)["step"] == 1, "the step that had begun was taken, and no other"
    assert contents(world / "results") == {}
    there = [*arguments, "--device", "cpu", "--results"]
    assert ended(start_verb(verb, [*there, str(world / "results")], world)) == 0
    assert ended(start_verb(verb, [*there, str(world / "alone")], world)) == 0
    assert contents(world / "results") == contents(world / "alone") != {}


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_second_signal_ends_at_once(world, number):
    process = started("run", RUN, world, 60.0)
    os.kill(process.pid, number)
    time.sleep(0.2)
    assert process.is_alive(), "the first one waits for the step"
    os.kill(process.pid, number)
    began = time.monotonic()
    assert ended(process) == (130 if number == signal.SIGINT else -signal.SIGTERM)
    assert time.monotonic() - began < 5
    assert "Traceback" not in (world / "said").read_text()
