"""Records that differ in one hyper-parameter alone, gathered into curves."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fave_bench.evaluation.protocols import versions
from fave_bench.records import Record
from fave_bench.rendering.printed import REFERENCE, read_rows
from fave_bench.rendering.summary import Summary, Value, summarise
from fave_bench.studies.catalogue import Sweep
from fave_bench.trees import at, laid_over

METRICS = ("H@20", "N@20")


@dataclass(frozen=True)
class SweepPoint:
    """One value of the hyper-parameter."""

    x: float
    summary: Summary

    @property
    def truncated(self) -> bool:
        return self.summary.first.truncated

    def value(self, protocol: str, metric: str) -> Value | None:
        return self.summary.value(protocol, metric)


@dataclass(frozen=True)
class SweepPanel:
    """One hyper-parameter on one dataset."""

    parameter: str
    sweep: Sweep
    optimum: float | None
    """What the paper states; None where it states nothing."""
    points: tuple[SweepPoint, ...]
    """By rising value; everything else in their configurations is the same."""

    @property
    def sample(self) -> Record:
        return self.points[0].summary.first


def collect(
    records: Iterable[Record], sweeps: Mapping[str, Sweep], optima: Mapping[tuple[str, str], float]
) -> list[SweepPanel]:
    """A panel per dataset and hyper-parameter of which two values or more were run, the sweeps' datasets first.

    Where several sets of runs qualify (another budget, another batch size), the one that was not cut short, else the
    one with the most values. `optima` are the papers', by (paper, parameter).
    """
    by_dataset: dict[str, list[Record]] = {}
    for record in records:
        if record.protocols == versions():
            by_dataset.setdefault(record.dataset.name, []).append(record)
    panels = []
    usual = list(dict.fromkeys(name for sweep in sweeps.values() for name in sweep.datasets))
    for dataset in sorted(by_dataset, key=lambda name: (usual.index(name) if name in usual else len(usual), name)):
        summaries = summarise(by_dataset[dataset])
        for parameter, sweep in sweeps.items():
            points = _points(summaries, sweep)
            if points:
                panels.append(SweepPanel(parameter, sweep, optima.get((sweep.paper, parameter)), points))
    return panels


def _points(summaries: Iterable[Summary], sweep: Sweep) -> tuple[SweepPoint, ...]:
    """The best set of runs that differ in the hyper-parameter alone, by rising value; empty where none has two."""
    sets: dict[str, dict[float, SweepPoint]] = {}
    for summary in summaries:
        x = _value(summary.first, sweep)
        if x is not None:
            sets.setdefault(_rest(summary.first, sweep), {}).setdefault(x, SweepPoint(x, summary))
    curves = [points for _, points in sorted(sets.items()) if len(points) > 1]
    best = max(curves, key=_merit, default={})
    return tuple(best[x] for x in sorted(best))


def read_optima(folder: Path = REFERENCE) -> dict[tuple[str, str], float]:
    """(paper, parameter) -> the best value it states; what is not a number is left out."""
    found = {}
    for row in read_rows(folder / "hyperparameters.csv"):
        try:
            found[row["paper"], row["symbol"]] = float(row["best_value"])
        except ValueError:
            continue
    return found


def _value(record: Record, sweep: Sweep) -> float | None:
    """The record's value of the hyper-parameter; None for another model, or where the keys disagree."""
    if (record.model, record.setting) != (sweep.model, sweep.setting) or not {*record.changes} <= {*sweep.keys}:
        return None
    values = {at(record.config, key) for key in sweep.keys}
    value = values.pop()
    return float(value) if not values and isinstance(value, int | float) else None


def _rest(record: Record, sweep: Sweep) -> str:
    """A key of all that decides a record's numbers but the hyper-parameter and the seed."""
    others = laid_over(record.effective_config, dict.fromkeys(sweep.keys))
    same = record.model_copy(update={"config": others, "changes": {}, "variant": "", "seed": 0})
    return same.expected_key()


def _merit(points: Mapping[float, SweepPoint]) -> tuple[bool, int]:
    return not any(point.truncated for point in points.values()), len(points)
