"""SIGTERM and Ctrl-C: a step ends, a checkpoint is kept, and a shell is told; a second signal is not argued with."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from processes import ended, small_world, start_verb

from fave_bench import runner
from fave_bench.evaluation import ranks
from fave_bench.records import Store
from fave_bench.training import checkpoint as checkpoints
from fave_bench.training import recorded

SIGNALS = [signal.SIGINT, signal.SIGTERM]
CAMPAIGN = ["--datasets", "mine", "--models", "sasrec"]
RUN = ["--dataset", "mine", "--model", "sasrec"]


@pytest.fixture
def world(tmp_path: Path) -> Path:
    return small_world(tmp_path)


def every_step_takes(seconds: float, begun: Path) -> None:
    """From now on, and `begun` says that the first has begun."""
    step = recorded.train_step

    def slow(*arguments, **options):
        begun.touch()
        time.sleep(seconds)
        return step(*arguments, **options)

    recorded.train_step = slow


def every_tile_of_test_users_takes(seconds: float, begun: Path) -> None:
    """From now on, in tiles of eight users, and `begun` says that the first has begun."""
    usual = runner.rank_phase

    def slow(*arguments, pause, **options):
        def paused() -> None:
            pause()
            if options["lists"]:
                begun.touch()
                time.sleep(seconds)

        return usual(*arguments, pause=paused, **options)

    runner.rank_phase, ranks.TILE_ROWS = slow, 8


def no_step_is_taken() -> None:
    def never(*arguments, **options):
        raise AssertionError("a step was taken")

    recorded.train_step = never


def started(verb: str, arguments: list[str], world: Path, seconds: float, slow=every_step_takes):
    """A verb in the middle of a training step, or of something else that is `slow`."""
    begun = world / "begun"
    there = [*arguments, "--device", "cpu", "--results", str(world / "results")]
    process = start_verb(verb, there, world, partial(slow, seconds, begun))
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
    assert checkpoints.load(checkpoint)["step"] == 1, "the step that had begun was taken, and no other"
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


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_while_ranking_ends_before_the_next_tile_and_the_rest_is_only_ranked(world, number):
    process = started("run", RUN, world, 0.5, slow=every_tile_of_test_users_takes)
    began = time.monotonic()
    os.kill(process.pid, number)
    assert ended(process) == 128 + number
    assert time.monotonic() - began < 0.5 * 60 / 8, "all tiles would take longer"
    assert contents(world / "results") == {} and "Traceback" not in (world / "said").read_text()
    there = [*RUN, "--device", "cpu", "--results"]
    assert ended(start_verb("run", [*there, str(world / "results")], world, no_step_is_taken)) == 0
    assert ended(start_verb("run", [*there, str(world / "alone")], world)) == 0
    assert contents(world / "results") == contents(world / "alone") != {}


def test_ctrl_c_while_a_verb_imports_is_no_traceback():
    """`table` imports all it renders with before it parses."""
    with subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "fave_bench.table", "--name", "claims"],
        text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored in what runs in the background
    ) as table:  # fmt: skip
        assert any("fave_bench.errors" in line for line in table.stderr)
        table.send_signal(signal.SIGINT)
        assert "Traceback" not in table.stderr.read()
    assert table.returncode in (-signal.SIGINT, 130)
