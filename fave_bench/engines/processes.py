"""Processes of this machine as `engines.dispatch.Cluster`: each computes one run after the other, on the same device.

They end with the command, however it ends: told to stop, or seeing that it is gone, they leave their run at its next
step.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from fave_bench.engines.desk import Begun, Ended, Said, Saved
from fave_bench.engines.dispatch import Done, Event, Lost
from fave_bench.engines.task import Order, Returned, perform
from fave_bench.errors import BenchError
from fave_bench.interruption import ASKS_TO_STOP
from fave_bench.runner import Given
from fave_bench.working_time import working_time

SPAWN = multiprocessing.get_context("spawn")
"""A forked process could not use CUDA."""
PATIENCE = 5.0
"""Seconds that a process has to end once nobody needs it any more."""


class Processes:
    """At most `jobs` processes, started when there is something to do; they share the threads that this one has."""

    def __init__(self, device: torch.device, jobs: int) -> None:
        self.device, self.jobs = device, jobs
        self.threads = max(1, torch.get_num_threads() // jobs)
        self.told_to_stop: Any = SPAWN.Event()
        self.folder = TemporaryDirectory(prefix="fave-bench-")  # what a killed process leaves goes with the command
        self.given: dict[str, Given] = {}
        self.queue: deque[tuple[str, Order, str]] = deque()
        self.workers: list[_Worker] = []

    def share(self, name: str, given: Given) -> None:
        self.given.setdefault(name, given)

    def submit(self, run: str, order: Order, given: str) -> None:
        self.queue.append((run, order, given))

    def events(self, seconds: float) -> Sequence[Event]:
        news: list[Event] = self._hand_out()
        busy: dict[Any, _Worker] = {worker.pipe: worker for worker in self.workers if worker.run}
        return news + [busy[pipe].news() for pipe in wait(list(busy), 0 if news else seconds)]

    def stop(self) -> None:
        self.told_to_stop.set()

    def size(self) -> str:
        return f"processes: {sum(worker.process.is_alive() for worker in self.workers)}"

    def close(self) -> None:
        """End what is still running."""
        self.stop()
        for worker in self.workers:
            worker.close()
        self.folder.cleanup()

    def _hand_out(self) -> list[Event]:
        """Give queued runs to processes without one; those that end with it at once."""
        if self.told_to_stop.is_set():
            forgotten, self.queue = self.queue, deque()
            return [Done(run, Lost("forgotten")) for run, _, _ in forgotten]
        over: list[Event] = []
        while self.queue and (worker := self._idle()):
            run, order, name = self.queue.popleft()
            if lost := worker.give(run, order, name, self.given[name]):
                over.append(lost)
        return over

    def _idle(self) -> "_Worker | None":
        """A living process without a run, a new one where there may be another; None where all are at work."""
        self.workers = [worker for worker in self.workers if worker.run or worker.process.is_alive()]
        for worker in self.workers:
            if not worker.run:
                return worker
        if len(self.workers) == self.jobs:
            return None
        self.workers.append(_Worker(self.told_to_stop, Path(self.folder.name)))
        return self.workers[-1]


class _Worker:
    """A process, seen from the one that commands it."""

    def __init__(self, told_to_stop: Any, folder: Path) -> None:
        self.pipe, theirs = SPAWN.Pipe()
        self.process = SPAWN.Process(target=_work, args=(theirs, told_to_stop, folder))
        self.process.start()
        theirs.close()  # so that its end of the pipe is closed when it is gone
        self.run, self.known = "", set[str]()

    def give(self, run: str, order: Order, name: str, given: Given) -> Done | None:
        """`given` travels once; Done where the process is gone."""
        self.run = run
        try:
            self.pipe.send((run, order, name, None if name in self.known else given))
        except OSError:
            return self._lost()
        self.known.add(name)
        return None

    def news(self) -> Event:
        """What it says next; waits for it."""
        try:
            event: Event = self.pipe.recv()
        except (EOFError, OSError):
            return self._lost()
        if isinstance(event, Done):
            self.run = ""
        return event

    def close(self) -> None:
        self.pipe.close()
        self.process.join(PATIENCE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()

    def _lost(self) -> Done:
        run, self.run = self.run, ""
        self.process.join(PATIENCE)
        return Done(run, Lost(f"its process ended with status {self.process.exitcode}"))


class _Driver:
    """The command as `task.Driver`, seen from a process."""

    def __init__(self, pipe: "Connection[Any, Any]", told_to_stop: Any) -> None:
        self.pipe, self.told_to_stop, self.one_at_a_time = pipe, told_to_stop, threading.Lock()

    def stopping(self) -> bool:
        command = multiprocessing.parent_process()
        return self.told_to_stop.is_set() or command is None or not command.is_alive()

    def leave(self, run: str, stage: str, end: bytes) -> None:
        self.send(Ended(run, stage, end))

    def save(self, run: str, checkpoint: Path) -> None:
        self.send(Saved(run, checkpoint.read_bytes()))

    def tell(self, run: str, line: str) -> None:
        self.send(Said(run, line))

    def send(self, event: Event) -> None:
        with self.one_at_a_time:
            self.pipe.send(event)


def _work(pipe: "Connection[Any, Any]", told_to_stop: Any, folder: Path) -> None:
    """Compute what comes, below `folder`, until the command closes the pipe or is gone."""
    for number in ASKS_TO_STOP:  # a terminal's Ctrl-C comes here too, and stopping is the command's
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCONT, working_time.go_on)
    with Path(os.devnull).open("w") as nowhere:  # the command speaks for all
        os.dup2(nowhere.fileno(), 2)
    driver, known = _Driver(pipe, told_to_stop), dict[str, Given]()
    with suppress(EOFError, OSError):
        while True:
            run, order, name, given = pipe.recv()
            if given:
                known[name] = given
            driver.send(Begun(run, f"this machine, process {os.getpid()}"))
            driver.send(Done(run, _result(order, known[name], driver, folder)))


def _result(order: Order, given: Given, driver: _Driver, folder: Path) -> Returned | BenchError:
    try:
        return perform(order, given, driver, folder)
    except BenchError as error:
        return error
    except Exception as error:
        return BenchError(f"{type(error).__name__}: {error}")
