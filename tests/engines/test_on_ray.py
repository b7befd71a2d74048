"""A real Ray cluster of several nodes on this machine: the records of this machine alone, whatever happens to nodes.

Each test module's process has a cluster of its own, and every driver is a process as a shell would start it.
"""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from clusters import contents, patient_world
from processes import ended, start_verb

from fave_bench.records import Store
from fave_bench.training.checkpoint import load

cluster_utils = pytest.importorskip("ray.cluster_utils", reason="needs the extra `cluster`")

LONG, PATIENT = 400, 200
"""Epochs of some milliseconds each, in all several times the second that a driver and a task take to hear of each other
(`dispatch.WAIT`, `task.ASK_EVERY`), so that a test acts in the middle; seconds to wait on a busy machine."""


@pytest.fixture(scope="module")
def short() -> Iterator[str]:
    """A folder for Ray's sessions, whose sockets must have short names."""
    folder = tempfile.mkdtemp(prefix="fb", dir="/tmp")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def cluster(short: str) -> Iterator:
    """A head that computes nothing, and one node of one CPU."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_TMPDIR", short)
        head = {"num_cpus": 0, "include_dashboard": False}
        found = cluster_utils.Cluster(initialize_head=True, head_node_args=head)
        found.add_node(num_cpus=1)
        yield found
        found.shutdown()
    assert none_left(short)


@pytest.fixture
def world(tmp_path: Path) -> Path:
    return patient_world(tmp_path, LONG)


def in_session(folder: str) -> None:
    """Ray's files go there, and this process leads a group of its own."""
    os.environ["RAY_TMPDIR"] = folder
    os.setsid()


def none_left(session: str) -> bool:
    """Whether every process of the clusters below that folder ends within seconds."""
    deadline = time.monotonic() + 20
    while (left := list(processes_of(session))) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not left


def processes_of(session: str) -> Iterator[int]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if session.encode() in (folder / "cmdline").read_bytes() and int(folder.name) != os.getpid():
                yield int(folder.name)
        except OSError:  # it has just ended
            continue


def started(verb: str, arguments: list[str], world: Path, cluster: object):
    where = ["--results", str(world / "results"), "--device", "cpu"]
    there = ["--engine", "ray", "--ray-address", cluster.address]  # type: ignore[attr-defined]
    return start_verb(verb, [*arguments, *where, *there], world)


def here(verb: str, arguments: list[str], world: Path, results: str) -> dict:
    """What the local engine makes of the same."""
    process = start_verb(verb, [*arguments, "--results", str(world / results), "--device", "cpu"], world)
    ended(process, PATIENT)
    return contents(Store(world / results))


def said(world: Path, words: str) -> str:
    """All that has been said, once the words are among it."""
    deadline = time.monotonic() + PATIENT
    while words not in (text := (world / "said").read_text() if (world / "said").exists() else ""):
        assert time.monotonic() < deadline, text
        time.sleep(0.05)
    return text


def test_a_lost_node_and_a_failing_run_change_no_record(cluster, world):
    campaign = ["--datasets", "mine", "--models", "gru4rec", "sasrec", "popularity", "--out", str(world / "out")]
    (lost,) = cluster.worker_nodes
    process = started("campaign", campaign, world, cluster)
    said(world, "sasrec released seed 0: begun on")
    cluster.remove_node(lost, allow_graceful=False)
    cluster.add_node(num_cpus=1)
    assert ended(process, PATIENT) == 1
    text = (world / "said").read_text()
    assert "sasrec released seed 0: lost (" in text and "attempt 2 of 4" in text and "Traceback" not in text
    (failure,) = (world / "results").rglob("failed.json")
    assert failure.parent.parent.name == "gru4rec" and "not finite" in failure.read_text()
    assert contents(Store(world / "results")) == here("campaign", campaign, world, "alone")
    assert not list((world / "results").glob(".work/*"))


def test_ctrl_c_there_goes_on_here_to_the_same_bits(cluster, world):
    run = ["--dataset", "mine", "--model", "sasrec"]
    process = started("run", run, world, cluster)
    said(world, "begun on")
    os.kill(process.pid, signal.SIGINT)
    assert ended(process, PATIENT) == 130
    text = (world / "said").read_text()
    assert "the same command goes on from the checkpoint" in text and "Traceback" not in text
    (checkpoint,) = (world / "results" / ".work").rglob("*.pt")
    state = load(checkpoint)
    assert 0 < state["epoch"] + state["step"] < LONG and contents(Store(world / "results")) == {}
    assert here("run", run, world, "results") == here("run", run, world, "alone") != {}


def test_an_ablation_trains_the_stage_that_its_runs_share_once(cluster, world):
    cluster.add_node(num_cpus=1)
    ablation = ["--datasets", "mine", "--out", str(world / "out")]
    assert ended(started("ablate", ablation, world, cluster), PATIENT) == 0
    records = list(Store(world / "results").records())
    own = [record for record in records if not any("trained once" in note for note in record.notes)]
    assert len(records) == 5 and len(own) == 1
    assert contents(Store(world / "results")) == here("ablate", ablation, world, "alone")


def test_without_an_address_a_cluster_of_this_machine_comes_and_goes_after_the_checkpoint(world, short):
    """Even where the whole process group is told to go, as timeout(1) does, and Ray's processes with it."""
    run = ["--dataset", "mine", "--model", "sasrec", "--results", str(world / "results"), "--engine", "ray"]
    session = tempfile.mkdtemp(prefix="own", dir=short)
    process = start_verb("run", run, world, partial(in_session, session))
    said(world, "begun on")
    os.killpg(process.pid, signal.SIGTERM)
    assert ended(process, PATIENT) == 128 + signal.SIGTERM, (world / "said").read_text()
    assert len(list((world / "results" / ".work").rglob("checkpoint.pt"))) == 1 and none_left(session)
