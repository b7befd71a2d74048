"""SIGKILL at random moments: the same command once more ends as if nothing had happened, and nothing is left half.

In the suite a few kills at the actions of 60 users; with FAVE_BENCH_SLOW_TESTS=1 twenty, at the demo set's 25,209.
"""

import random
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nightly import NIGHTLY, grows
from processes import ended, small_world, start_verb

from fave_bench import data
from fave_bench.files import TEMPORARY
from fave_bench.records import Store
from fave_bench.records.measurements import measurements

BATCH, MOMENTS = (1024, 20) if NIGHTLY else (64, 3)
ON_CPU = ["--device", "cpu"]


@dataclass(frozen=True)
class Case:
    """A verb, and what a reader finds when it is through."""

    verb: str
    arguments: list[str]
    """After these come those of `places`."""
    places: dict[str, str]
    """Option -> folder below the world's."""
    seen: Callable[[Path], Any]


def records(world: Path) -> Any:
    return {record.key: (record.metrics, record.files) for record in Store(world / "results").records()}


def rows(world: Path) -> Any:
    """Without the clock's: a measurement may have been kept before its process died, so equal ones count once."""
    return {str(measurement.rows) for measurement in measurements(world / "results", "flops")}


def files(folder: str) -> Callable[[Path], Any]:
    return lambda world: {path.name: path.read_bytes() for path in (world / folder).rglob("*") if path.is_file()}


RESULTS = {"--results": "results"}
CASES = [
    Case("prepare", ["--dataset", "mine"], {"--from": "data/mine/mine.csv"}, files("cache")),
    Case("run", ["--dataset", "mine", "--model", "sasrec", *ON_CPU], RESULTS, records),
    Case("ablate", ["--datasets", "mine", *ON_CPU], RESULTS | {"--out": "out"}, records),
    Case("measure", ["--what", "flops", "--models", "sasrec", "--datasets", "mine", *ON_CPU], RESULTS, rows),
    Case("table", ["--name", "overall"], RESULTS | {"--out": "out"}, files("out")),
]


@grows
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.verb)
def test_killed_at_any_moment_and_started_again_equals_undisturbed(tmp_path: Path, case: Case) -> None:
    world = small_world(tmp_path, BATCH)
    if NIGHTLY:
        demo_csv(world / "data" / "mine" / "mine.csv")
    arguments = case.arguments + [word for o, place in case.places.items() for word in (o, str(world / place))]
    if case.verb == "table":  # which wants something to show
        assert ended(start_verb("run", ["--dataset", "mine", "--model", "sasrec", *arguments[2:4]], world)) == 0

    def through() -> float:
        began = time.perf_counter()
        assert ended(start_verb(case.verb, arguments, world)) == 0, (world / "said").read_text()
        return time.perf_counter() - began

    through()
    expected = case.seen(world)
    assert expected
    made = ["cache", "out"] + ["results"] * (case.verb != "table")
    clear(world, made)
    seconds, killed = through(), 0
    while killed < MOMENTS:
        clear(world, made)
        process = start_verb(case.verb, arguments, world)
        time.sleep((killed + random.random()) / MOMENTS * seconds)
        process.kill()
        if ended(process) == -signal.SIGKILL:
            killed += 1
        else:
            seconds *= 0.9  # it was over before, so this was no moment of it
        through()
        assert case.seen(world) == expected
        assert leftovers(world) == []


def demo_csv(path: Path) -> None:
    """The demo set's actions in a file, as `prepare` keeps nothing of what it generates."""
    demo = data.load("demo")
    users = np.repeat(np.arange(demo.num_users), np.diff(demo.offsets))
    rows = zip(users.tolist(), demo.items.tolist(), range(demo.num_actions), strict=True)
    path.write_text("user,item,time\n" + "".join(f"u{user},i{item},{time}\n" for user, item, time in rows))


def clear(world: Path, folders: list[str]) -> None:
    for folder in folders:
        shutil.rmtree(world / folder, ignore_errors=True)


def leftovers(world: Path) -> list[Path]:
    """Temporary files, locks, and checkpoints of runs; not the ends of stages, which are for later runs."""
    work = [path for path in world.glob("results/.work/*") if path.name != "stages"]
    return [*work, *world.rglob(f"*{TEMPORARY}"), *world.rglob("*.lock")]
