"""Two processes at the same results: every run is made once, and both end as if they had been alone."""

from functools import partial
from pathlib import Path

import pytest
from processes import ended, small_world, start_verb

from fave_bench.data import load
from fave_bench.efficiency.environment import resolve_device
from fave_bench.locking import alone
from fave_bench.records import Store
from fave_bench.runner import Run
from fave_bench.spec import Spec
from fave_bench.training.loop import Trainer

RUN = ["--dataset", "mine", "--model", "sasrec", "--device", "cpu"]


@pytest.fixture
def world(tmp_path: Path) -> Path:
    return small_world(tmp_path)


def note(path: Path) -> None:
    """From now on a line per run made and per stage trained by this process goes to `path`."""
    made, stage = Run._made, Trainer._stage

    def noting_run(self, *arguments):
        with path.open("a") as file:
            file.write(f"run {self.key}\n")
        return made(self, *arguments)

    def noting_stage(self, at, limit):
        with path.open("a") as file:
            file.write(f"stage {at.name}\n")
        return stage(self, at, limit)

    Run._made, Trainer._stage = noting_run, noting_stage


def contents(results: Path) -> dict:
    return {record.key: (record.metrics, record.files) for record in Store(results).records()}


def test_a_run_that_another_process_is_at_is_refused_and_nothing_is_written(world, monkeypatch):
    monkeypatch.setenv("FAVE_BENCH_DATA", str(world / "data"))
    load("mine")
    monkeypatch.setattr("fave_bench.presets.FOLDER", world / "presets")
    results = world / "results"
    run = Run(Spec("mine", "sasrec"), resolve_device("cpu"))
    with alone(run.work(Store(results)) / "lock", give_up=lambda: False):
        assert ended(start_verb("run", [*RUN, "--results", str(results)], world)) == 1
        assert [path.name for path in results.rglob("*") if path.is_file()] == ["lock"]
    said = (world / "said").read_text()
    assert "another process is at this run" in said and "Traceback" not in said
    assert ended(start_verb("run", [*RUN, "--results", str(results)], world)) == 0


def test_the_same_run_started_twice_at_once_is_made_once(world):
    results, noted = world / "results", world / "noted"
    both = [start_verb("run", [*RUN, "--results", str(results)], world, partial(note, noted)) for _ in range(2)]
    assert sorted(map(ended, both)) in ([0, 0], [0, 1])
    ((key, _),) = contents(results).items()
    assert noted.read_text().splitlines() == [f"run {key}", "stage train"]


def test_two_ablations_at_once_share_the_work_and_every_stage(world):
    def arguments(results: str) -> list[str]:
        return ["--datasets", "mine", "--device", "cpu", "--results", str(world / results), "--out", str(world / "out")]

    assert ended(start_verb("ablate", arguments("alone"), world)) == 0
    noted = world / "noted"
    both = [start_verb("ablate", arguments("results"), world, partial(note, noted)) for _ in range(2)]
    assert [ended(process) for process in both] == [0, 0]
    assert contents(world / "results") == contents(world / "alone")
    lines = noted.read_text().splitlines()
    runs = [line for line in lines if line.startswith("run")]
    assert len(runs) == len(set(runs)) == 5, "no run is made twice"
    assert lines.count("stage pretrain") == 1, "nor the stage that they have in common"
