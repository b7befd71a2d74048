"""Which run may start when, and what becomes of what comes back: everything about a cluster but the cluster.

A run starts once nobody else is at it, nor at a stage that it would train and others share. Locks say so, the same for
the runs of this driver and for other processes at the same results.
"""

import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Protocol

import torch

from fave_bench.cli import say
from fave_bench.engines.acceptance import accept
from fave_bench.engines.desk import Begun, Ended, Said, Saved
from fave_bench.engines.task import Order, Returned
from fave_bench.errors import BenchError
from fave_bench.files import write_bytes
from fave_bench.interruption import Interruption
from fave_bench.locking import Busy
from fave_bench.records import Record, Store
from fave_bench.runner import Given, Run
from fave_bench.training.ends import StageEnds

RETRIES = 3
"""How often a run is given to another node after its own was lost. It may be the run that brings them down."""
WAIT = 0.5
"""Seconds to wait for news of the cluster before looking whether anything else has changed."""
SHOW_EVERY = 5.0
"""Seconds between two lines that say how far it all is."""


@dataclass(frozen=True)
class Done:
    """A task is over: with what it returns, or why there is nothing."""

    run: str
    result: Returned | Exception


class Lost(Exception):
    """A node or a worker has gone, and whatever it was computing."""


Event = Begun | Ended | Said | Saved | Done


class Cluster(Protocol):
    """What computes orders."""

    device: torch.device
    threads: int
    jobs: int
    """How many runs it makes at once on one device."""

    def share(self, name: str, given: Given) -> None:
        """Send what runs take from files, once for all of them."""

    def submit(self, run: str, order: Order, given: str) -> None:
        """Queue a run; `given` as named in `share`."""

    def events(self, seconds: float) -> Sequence[Event]:
        """What has happened; waits for so long at most where nothing has."""

    def stop(self) -> None:
        """Ask running tasks to stop, and forget the queued ones, which end as Lost."""

    def size(self) -> str:
        """What it has, in words."""


@dataclass
class _Away:
    """A run that has been submitted, and the locks that are held for it."""

    run: Run
    ends: StageEnds | None
    locks: ExitStack = field(default_factory=ExitStack)
    stages: dict[str, ExitStack] = field(default_factory=dict)
    begun: bool = False

    def release(self) -> None:
        for lock in self.stages.values():
            lock.close()
        self.locks.close()


class Dispatch:
    """Runs on their way through a cluster; `outcomes` yields each as it ends, until all have or are stopped."""

    def __init__(
        self, runs: Sequence[Run], store: Store, cluster: Cluster, interruption: Interruption, *, share_stages: bool
    ) -> None:
        self.store, self.cluster, self.interruption, self.share_stages = store, cluster, interruption, share_stages
        self.waiting = list(runs)
        self.away: dict[str, _Away] = {}
        self.lost: dict[str, int] = {}
        self.elsewhere: set[str] = set()
        self.ended = {"done": 0, "failed": 0}
        self.ends: dict[str, StageEnds] = {}
        self.shown = ("", time.monotonic())

    def outcomes(self) -> Generator[tuple[Run, Record | Exception], None, None]:
        """See `engines.Engine`."""
        try:
            while self.away or (self.waiting and not self.interruption()):
                if self.interruption():
                    self.cluster.stop()
                else:
                    yield from self._counted(self._start(run) for run in list(self.waiting))
                yield from self._counted(self._heard(event) for event in self.cluster.events(WAIT))
                self._show()
        finally:
            for away in self.away.values():
                away.release()

    def _counted(
        self, outcomes: "Generator[tuple[Run, Record | Exception] | None, None, None]"
    ) -> Generator[tuple[Run, Record | Exception], None, None]:
        for outcome in outcomes:
            if outcome:
                self.ended["failed" if isinstance(outcome[1], Exception) else "done"] += 1
                yield outcome

    def _start(self, run: Run) -> tuple[Run, Record | Exception] | None:
        """Submit it if it may start by now; its outcome where there is nothing left to compute."""
        away = None
        try:
            away = self._locked(run)
            if away is None:
                return None
            self.waiting.remove(run)
            if record := run.recorded(self.store):  # another process has made it
                run.tidy(self.store)
                away.release()
                return run, record
            self._submit(away)
        except Exception as error:
            if run in self.waiting:
                self.waiting.remove(run)
            if away:
                away.release()
            return run, error
        return None

    def _locked(self, run: Run) -> _Away | None:
        """Alone at the run and at each shared stage that is still to train; None where that is not to be had yet."""
        with ExitStack() as held:
            away = _Away(run, self._ends(run) if self.share_stages else None)
            held.callback(away.release)
            try:
                for stage in away.ends.keys if away.ends else ():
                    if away.ends and not away.ends.path(stage).exists():
                        away.stages[stage] = ExitStack()
                        away.stages[stage].enter_context(away.ends.alone(stage, give_up=lambda: True))
            except Busy:
                return None
            try:
                away.locks.enter_context(run.alone(self.store))
            except Busy:
                if run.key not in self.elsewhere:
                    say(f"{run}: another process is at this run; coming back to it")
                self.elsewhere.add(run.key)
                return None
            held.pop_all()
        return away

    def _ends(self, run: Run) -> StageEnds:
        return self.ends.setdefault(run.key, run.ends(self.store, self.cluster.device))

    def _submit(self, away: _Away) -> None:
        run, name = away.run, f"{away.run.sequences.fingerprint} {away.run.spec.source}"
        self.cluster.share(name, run.given)
        self.cluster.submit(run.key, self._order(run, away.ends), name)
        self.away[run.key] = away

    def _order(self, run: Run, ends: StageEnds | None) -> Order:
        checkpoint = run.checkpoint(self.store)
        there = {stage: ends.path(stage) for stage in ends.keys} if ends else {}
        return Order(
            run.spec,
            run.plan,
            str(self.cluster.device),
            self.cluster.threads,
            self.cluster.jobs,
            self.store.root,
            ends is not None,
            checkpoint.read_bytes() if checkpoint.exists() else None,
            {stage: path.read_bytes() for stage, path in there.items() if path.exists()},
        )

    def _heard(self, event: Event) -> tuple[Run, Record | Exception] | None:
        away = self.away.get(event.run)
        if away is None:  # word of a task that was given up
            return None
        match event:
            case Begun(node=node):
                away.begun = True
                say(f"{away.run}: begun on {node}")
            case Said(line=line):
                say(f"{away.run}: {line}")
            case Ended(stage=stage, end=end):
                self._keep_end(away, stage, end)
            case Saved(checkpoint=checkpoint):
                write_bytes(away.run.checkpoint(self.store), checkpoint)
            case Done(result=result):
                try:
                    return self._over(away, result)
                finally:
                    del self.away[event.run]
                    away.release()
        return None

    def _keep_end(self, away: _Away, stage: str, end: bytes) -> None:
        """From now on those may start that have waited for it."""
        if away.ends and not away.ends.path(stage).exists():
            write_bytes(away.ends.path(stage), end)
        if stage in away.stages:
            away.stages.pop(stage).close()

    def _over(self, away: _Away, result: Returned | Exception) -> tuple[Run, Record | Exception] | None:
        run = away.run
        if isinstance(result, Lost):
            return self._again(run, result)
        if isinstance(result, Exception):
            return run, result
        try:
            if result.record:
                record = accept(run, self.store, result.record)
                run.tidy(self.store)
                return run, record
            if result.checkpoint is not None:
                write_bytes(run.checkpoint(self.store), result.checkpoint)
        except Exception as error:
            return run, error
        return None

    def _again(self, run: Run, loss: Lost) -> tuple[Run, Exception] | None:
        if self.interruption():
            return None
        self.lost[run.key] = self.lost.get(run.key, 0) + 1
        if self.lost[run.key] > RETRIES:
            return run, BenchError(f"given up after {RETRIES + 1} attempts, the last of which was lost: {loss}")
        say(f"{run}: lost ({loss}); attempt {self.lost[run.key] + 1} of {RETRIES + 1}")
        self.waiting.append(run)
        return None

    def _show(self) -> None:
        running = sum(away.begun for away in self.away.values())
        queued = len(self.waiting) + len(self.away) - running
        line = f"{running} running, {queued} queued, {self.ended['done']} done, {self.ended['failed']} failed"
        before, when = self.shown
        if time.monotonic() - when >= SHOW_EVERY and (now := f"{line}; {self.cluster.size()}") != before:
            say(now)
            self.shown = (now, time.monotonic())
