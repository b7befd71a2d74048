"""Of all measurements ever taken, the rows that count: the newest of each kind on each device."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from fave_bench.records.measurements import FlopsRow, LatencyRow, Measurement, StepsRow
from fave_bench.records.row import RunRow

R = TypeVar("R", bound=RunRow)


@dataclass(frozen=True, order=True)
class Place:
    """Where something was timed. Numbers of two places are never compared with each other."""

    device: str
    threads: int

    def __str__(self) -> str:
        return f"{self.device} · {self.threads} thread{'s' * (self.threads != 1)}"


def newest_flops(measurements: Iterable[Measurement]) -> list[FlopsRow]:
    """One row per dataset, model, setting, variant and steps, from measurements in the order they were taken."""
    found = {}
    for measurement in measurements:
        for row in measurement.rows:
            if isinstance(row, FlopsRow):
                found[row.dataset, row.model, row.setting, row.variant, row.steps] = row
    return list(found.values())


def newest_latency(measurements: Iterable[Measurement]) -> dict[Place, list[LatencyRow]]:
    """Place -> one row per dataset, model, setting, variant, execution, batch size and steps."""
    found: dict[Place, dict[tuple[object, ...], LatencyRow]] = {}
    for measurement in measurements:
        rows = found.setdefault(_place(measurement), {})
        for row in measurement.rows:
            if isinstance(row, LatencyRow):
                key = (row.dataset, row.model, row.setting, row.variant, row.execution, row.batch_size, row.steps)
                rows[key] = row
    return {place: list(found[place].values()) for place in sorted(found)}


def newest_steps(measurements: Iterable[Measurement]) -> dict[tuple[str, int], StepsRow]:
    """(key of the run, steps) -> row."""
    rows = (row for measurement in measurements for row in measurement.rows if isinstance(row, StepsRow))
    return {(row.run, row.steps): row for row in rows}


def newest_of_runs(measurements: Iterable[Measurement], kind: type[R]) -> dict[str, R]:
    """Key of the run -> row of that kind."""
    rows = (row for measurement in measurements for row in measurement.rows if isinstance(row, kind))
    return {row.run: row for row in rows}


def _place(measurement: Measurement) -> Place:
    known = measurement.environment
    return Place(str(known.get("device") or "unknown device"), int(known.get("threads") or 1))
