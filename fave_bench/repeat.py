"""A recorded run once more, from what its record says alone, and whether it comes to the same."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fave_bench import data
from fave_bench.errors import BenchError
from fave_bench.evaluation.phase_ranks import PhaseRanks
from fave_bench.evaluation.protocols import versions
from fave_bench.locking import alone
from fave_bench.models import registry
from fave_bench.presets import Plan
from fave_bench.records import Record, Store
from fave_bench.records.siblings import WEIGHTS
from fave_bench.restore import stages
from fave_bench.runner import WORK, Run
from fave_bench.spec import Spec
from fave_bench.training.config import Training

ROUNDING = 1e-12
"""Means of the same ranks differ by less, as processors add up in different orders."""


@dataclass(frozen=True)
class Change:
    """A metric that came out otherwise."""

    protocol: str
    phase: str
    metric: str
    before: float
    after: float
    standard_error: float
    """Sampling error of the value recorded."""

    def __str__(self) -> str:
        return (
            f"{self.protocol} {self.phase} {self.metric} {100 * self.before:.2f} → {100 * self.after:.2f} % "
            f"(± {100 * self.standard_error:.2f})"
        )


@dataclass(frozen=True)
class Repetition:
    """How a run and its repetition compare."""

    record: Record
    again: Record
    others: int
    """Ranks, of validation and of test users, that are not those recorded."""
    changes: tuple[Change, ...]

    @property
    def same_weights(self) -> bool:
        return self.record.files.get(WEIGHTS) == self.again.files.get(WEIGHTS)

    @property
    def verdict(self) -> str:
        """`equal`: every user's ranks. `within noise`: no metric moved by more than its sampling error. `different`."""
        if not self.others:
            return "equal"
        return "different" if any(abs(c.after - c.before) > c.standard_error for c in self.changes) else "within noise"

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "key": self.record.key, "verdict": self.verdict, "same_weights": self.same_weights,
            "other_ranks": self.others, "changes": [asdict(change) for change in self.changes],
        }  # fmt: skip

    def sentence(self) -> str:
        if self.verdict == "equal":
            return f"agrees: every user's ranks are equal, and the weights {'too' * self.same_weights or 'are not'}"
        found = f"{self.others} ranks differ; " + ("; ".join(map(str, self.changes)) or "no metric does")
        why = [
            f"{name} {before} then, {after} now"
            for name in ("device", "threads", "processes", "torch", "compiled_step")
            if (before := _known(self.record, name)) != (after := _known(self.again, name))
        ]
        timed = self.record.training.stopped_because == "budget"
        why += ["a clock stopped it, and gave it another number of steps"] * timed
        said = "agrees within noise" if self.verdict == "within noise" else "does not agree"
        return f"{said}: {found}" + (f" (possible causes: {'; '.join(why)})" if why else "")


def _known(record: Record, name: str) -> object:
    """What the environment says under `name`; records that do not tell the processes are of one."""
    return ({"processes": 1} | record.environment).get(name)


def repeat(
    store: Store,
    record: Record,
    device: torch.device,
    *,
    source: Path | None = None,
    interrupted: Callable[[], bool] = lambda: False,
) -> Repetition:
    """Train and rank again, beside the record and not over it; raises Stopped when interrupted, and then goes on.

    Raises BenchError where what decides the numbers is no longer what it was: the data, the model's mathematics or
    the protocols; Busy where another process repeats the same run.
    """
    _check(record, source)
    beside = Store(store.root / WORK / "repeat" / record.key)
    run = Run(_spec(record, source), device, _plan(record))
    if run.key != record.key:
        raise BenchError(f"run {record.key} cannot be repeated: what it records now calls for {run.key}")
    with alone(beside.root.with_suffix(".lock"), give_up=lambda: True):
        shutil.rmtree(run.folder(beside), ignore_errors=True)  # of a repetition that died before it was compared
        again = run.execute(beside, interrupted=interrupted)
        found, expected = beside.ranks(again), store.ranks(record)
        shutil.rmtree(beside.root, ignore_errors=True)
    others = sum(_others(expected[phase], found[phase]) for phase in expected)
    return Repetition(record, again, others, tuple(_changes(record, again)))


def _check(record: Record, source: Path | None) -> None:
    if record.external:
        raise BenchError(f"run {record.key} was ranked from scores in a file: give the file to the verb evaluate again")
    now, name = registry.load(record.model).version, record.dataset.name
    if now != record.model_version:
        raise BenchError(f"run {record.key} is of {record.model} version {record.model_version}, and it is now {now}")
    if record.protocols != versions():
        raise BenchError(f"run {record.key} was ranked under protocols {record.protocols}, which are now {versions()}")
    if data.load(name, source).fingerprint != record.dataset.fingerprint:
        raise BenchError(f"run {record.key} learned from other data than what is here as {name}; name them with --from")


def _spec(record: Record, source: Path | None) -> Spec:
    return Spec(
        record.dataset.name, record.model, record.setting, record.variant, record.seed,
        split=record.dataset.split, source=source, compiled=bool(record.environment.get("compiled_step")),
    )  # fmt: skip


def _plan(record: Record) -> Plan:
    """What the record says and not what a preset says by now; stages in the order they were trained."""
    training = Training.model_validate(record.config["training"] or {})
    order = [*dict.fromkeys([*stages(record), *training.stages])]
    training = training.model_copy(update={"stages": {name: training.stages[name] for name in order}})
    config = registry.load(record.model).Config.model_validate(record.config["model"])
    return Plan(record.model, record.setting, record.variant, config, training)


def _others(expected: PhaseRanks, found: PhaseRanks) -> int:
    """Users whose rank is another one, under any protocol."""
    return int(np.any([expected.ranks(name) != found.ranks(name) for name in expected.higher], axis=0).sum())


def _changes(record: Record, again: Record) -> Iterator[Change]:
    for protocol, phases in record.metrics.items():
        for phase, metrics in phases.items():
            after, errors = again.metrics[protocol][phase], record.standard_errors[protocol][phase]
            for metric, before in metrics.items():
                if abs(after[metric] - before) > ROUNDING:
                    yield Change(protocol, phase, metric, before, after[metric], errors[metric])
