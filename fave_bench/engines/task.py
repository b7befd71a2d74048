"""A run as it travels to a node, what is done with it there, and what travels back. Knows nothing of Ray."""

import io
import time
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import torch

from fave_bench.efficiency.environment import resolve_device
from fave_bench.errors import BenchError
from fave_bench.files import write_bytes
from fave_bench.presets import Plan
from fave_bench.records import Store
from fave_bench.runner import Given, Run
from fave_bench.spec import Spec
from fave_bench.training.ends import StageEnds
from fave_bench.training.loop import Stopped

ASK_EVERY = 0.5
"""Seconds between two questions of a task to its driver: short beside the minutes of a run, long beside a step."""


@dataclass(frozen=True)
class Order:
    """A run, apart from what it takes from files (`runner.Given`), which many runs have in common."""

    spec: Spec
    plan: Plan
    device: str
    threads: int
    """Of arithmetic on the CPU: another number is another order of summation, and other last bits."""
    jobs: int
    """How many runs share the device."""
    results: Path
    """The driver's results folder, for sentences; no node has it."""
    share_stages: bool
    checkpoint: bytes | None
    """Where an interruption left the run."""
    ends: Mapping[str, bytes]
    """Stage -> its end, where a run has been there."""


@dataclass(frozen=True)
class Returned:
    """What a node has made: a record, or a checkpoint where it was asked to stop."""

    record: Mapping[str, bytes]
    """File name -> content; empty where there is none."""
    checkpoint: bytes | None = None


class Driver(Protocol):
    """Whom a task talks to while it runs."""

    def stopping(self) -> bool:
        """Whether tasks are to stop."""

    def leave(self, run: str, stage: str, end: bytes) -> None:
        """Take the end of a stage that others may be waiting for."""

    def save(self, run: str, checkpoint: Path) -> None:
        """Take the state of the run so far, or not, where that costs more than it may be worth."""

    def tell(self, run: str, line: str) -> None:
        """Take a line for the person watching; from any thread."""


def perform(order: Order, given: Given, driver: Driver, within: Path | None = None) -> Returned:
    """Execute the run in a folder of its own, `within` another. Raises what `Run.execute` does, except Stopped."""
    torch.set_num_threads(order.threads)
    with TemporaryDirectory(prefix="fave-bench-", dir=within) as folder:
        store = Store(Path(folder))
        run = Run(order.spec, resolve_device(order.device), order.plan, given, jobs=order.jobs)
        errand = _Errand(run, run.ends(store, run.device), run.checkpoint(store), driver)
        errand.unpack(order)
        try:
            with redirect_stderr(_Lines(lambda line: driver.tell(run.key, line))):
                record = run.execute(store, interrupted=errand, share_stages=order.share_stages)
        except Stopped:
            checkpoint = run.checkpoint(store)
            return Returned({}, checkpoint.read_bytes() if checkpoint.exists() else None)
        except BenchError as error:  # which may advise to remove a file
            raise BenchError(str(error).replace(folder, str(order.results))) from None
        finally:
            errand.deliver()
        return Returned({path.name: path.read_bytes() for path in store.folder(record).iterdir()})


class _Lines(io.TextIOBase):
    """A file to write lines to, as they come."""

    def __init__(self, take: Callable[[str], None]) -> None:
        self.take, self.begun = take, ""

    def write(self, text: str) -> int:
        *lines, self.begun = (self.begun + text).split("\n")
        for line in filter(str.strip, lines):
            self.take(line)
        return len(text)


class _Errand:
    """Asked after every step whether to stop, asks the driver now and then, and brings it what others wait for."""

    def __init__(self, run: Run, ends: StageEnds, checkpoint: Path, driver: Driver) -> None:
        self.run, self.ends, self.checkpoint, self.driver = run, ends, checkpoint, driver
        self.known: set[str] = set()
        self.saved = 0
        self.asked = -float("inf")

    def __call__(self) -> bool:
        if time.monotonic() - self.asked < ASK_EVERY:
            return False
        self.deliver()
        self.save()
        self.asked = time.monotonic()
        return self.driver.stopping()

    def unpack(self, order: Order) -> None:
        """Lay what an earlier attempt or another run has left where the run looks for it."""
        if order.checkpoint is not None:
            write_bytes(self.checkpoint, order.checkpoint)
            self.saved = self._written()
        for stage, end in order.ends.items():
            write_bytes(self.ends.path(stage), end)
            self.known.add(stage)

    def deliver(self) -> None:
        for stage in self.ends.keys:
            if stage not in self.known and self.ends.path(stage).exists():
                self.driver.leave(self.run.key, stage, self.ends.path(stage).read_bytes())
                self.known.add(stage)

    def save(self) -> None:
        written = self._written()
        if written != self.saved:
            self.driver.save(self.run.key, self.checkpoint)
            self.saved = written

    def _written(self) -> int:
        """When the checkpoint was; 0 where there is none."""
        return self.checkpoint.stat().st_mtime_ns if self.checkpoint.exists() else 0
