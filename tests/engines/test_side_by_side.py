"""Several runs at once on this machine: the records of one after the other, whatever happens to a process."""

import os
import signal
import tempfile
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from clusters import contents, patient_world
from helpers import ending
from processes import ended, start_verb

from fave_bench import campaign
from fave_bench.engines import processes
from fave_bench.records import Store
from fave_bench.training import loop
from fave_bench.training.checkpoint import load

WORK = processes._work
LONG, PATIENT = 200, 200
"""Epochs of some milliseconds each, in all several seconds, so that a test acts in the middle; seconds to wait on a
busy machine."""


@pytest.fixture
def world(tmp_path: Path) -> Path:
    return patient_world(tmp_path, LONG)


def started(verb: str, world: Path, results: str, *options: str) -> BaseProcess:
    where = ["--results", str(world / results), "--out", str(world / "out"), "--device", "cpu"]
    return start_verb(verb, ["--datasets", "mine", *where, *options], world, partial(with_checkpoints, world / "tmp"))


def with_checkpoints(temporary: Path) -> None:
    """Twice a second, in the processes of the command too, which are new ones."""
    temporary.mkdir(exist_ok=True)
    tempfile.tempdir = str(temporary)
    loop.CHECKPOINT_EVERY, processes._work = 0.5, work_with_checkpoints


def work_with_checkpoints(*arguments: Any) -> None:
    loop.CHECKPOINT_EVERY = 0.5
    WORK(*arguments)


def one_by_one(verb: str, world: Path, code: int, *options: str) -> dict:
    """What comes of the same without --jobs."""
    assert ended(started(verb, world, "alone", *options), PATIENT) == code
    return contents(Store(world / "alone"))


def eventually(found: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENT
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def worker_of(world: Path, run: str) -> int:
    """The number of the process that has begun the run last, once one has."""
    begun = f"{run}: begun on this machine, process "
    said = world / "said"
    eventually(lambda: said.exists() and begun in said.read_text())
    return int(said.read_text().rpartition(begun)[2].split()[0])


def gone(process: int) -> bool:
    try:
        return (Path("/proc") / str(process) / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_killed_process_and_a_failing_run_change_no_record(world: Path) -> None:
    models = ["--models", "gru4rec", "sasrec", "popularity"]
    process = started("campaign", world, "results", "--jobs", "2", *models)
    os.kill(worker_of(world, "mine sasrec released seed 0"), signal.SIGKILL)
    assert ended(process, PATIENT) == 1
    said = (world / "said").read_text()
    assert "sasrec released seed 0: lost (its process ended with status -9); attempt 2 of 4" in said
    assert "not finite" in said and "Traceback" not in said
    assert contents(Store(world / "results")) == one_by_one("campaign", world, 1, *models) != {}
    assert {record.environment["jobs"] for record in Store(world / "results").records()} == {2}
    assert not list((world / "results").glob(".work/*")) and not list((world / "tmp").iterdir())


def test_ctrl_c_brings_checkpoints_back_that_either_way_goes_on_from(world: Path) -> None:
    models = ["--models", "sasrec", "popularity"]
    process = started("campaign", world, "results", "--jobs", "3", *models)
    worker = worker_of(world, "mine sasrec released seed 0")
    for number in (worker, process.pid):  # a terminal sends it to all
        os.kill(number or 0, signal.SIGINT)
    assert ended(process, PATIENT) == 130
    (checkpoint,) = (world / "results" / ".work").rglob("checkpoint.pt")
    state = load(checkpoint)
    assert 0 < state["epoch"] + state["step"] < LONG and gone(worker)
    assert ended(started("campaign", world, "results", *models), PATIENT) == 0
    assert contents(Store(world / "results")) == one_by_one("campaign", world, 0, *models) != {}


def test_an_ablation_trains_the_stage_that_its_runs_share_once(world: Path) -> None:
    assert ended(started("ablate", world, "results", "--jobs", "2"), PATIENT) == 0
    records = list(Store(world / "results").records())
    own = [record for record in records if not any("trained once" in note for note in record.notes)]
    assert len(records) == 5 and len(own) == 1
    assert contents(Store(world / "results")) == one_by_one("ablate", world, 0)


def test_a_killed_command_leaves_no_process_and_a_checkpoint_that_another_goes_on_from(world: Path) -> None:
    models = ["--models", "sasrec", "popularity"]
    process = started("campaign", world, "results", "--jobs", "2", *models)
    worker = worker_of(world, "mine sasrec released seed 0")
    eventually(lambda: list((world / "results" / ".work").rglob("checkpoint.pt")))
    process.kill()
    assert ended(process, PATIENT) == -signal.SIGKILL
    eventually(lambda: gone(worker))
    assert ended(started("campaign", world, "results", "--jobs", "2", *models), PATIENT) == 0
    assert contents(Store(world / "results")) == one_by_one("campaign", world, 0, *models) != {}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--jobs", "0"], "--jobs 0: give a positive number"),
        (["--jobs", "2", "--engine", "ray"], "--jobs: a Ray cluster makes as many runs at once as it has room for"),
    ],
)
def test_a_mistake_is_one_sentence(options: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ending(campaign.main, ["--datasets", "demo", *options]) == 2
    assert sentence in capsys.readouterr().err
