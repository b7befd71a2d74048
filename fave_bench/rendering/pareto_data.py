"""Accuracy against latency, joined from records, steps measurements and latency measurements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fave_bench.data.catalogue import STAND_INS
from fave_bench.evaluation.protocols import versions
from fave_bench.records import Record
from fave_bench.records.measurements import Execution, LatencyRow, StepsRow
from fave_bench.rendering.boards import Board, Line, boards, main_rows
from fave_bench.rendering.in_steps import own_steps, value_in_steps
from fave_bench.rendering.newest import Place
from fave_bench.rendering.printed import Overall
from fave_bench.rendering.sheets import SINGLE
from fave_bench.rendering.summary import Summary

METRIC = "N@20"


@dataclass(frozen=True)
class Point:
    """One model row in one number of steps."""

    latency: float
    """p50 of one user, ms."""
    value: float
    """Percent."""
    spread: float
    """Standard deviation over seeds, or for one seed the sampling error of its users."""
    seeds: int
    steps: int | None
    own: bool
    """The row's own number of steps, whose value is the one that Table 1 shows."""


@dataclass(frozen=True)
class Curve:
    """A row of Table 1; a generative model has a point per number of steps that was both ranked and timed."""

    label: str
    line: Line
    points: tuple[Point, ...]
    """By rising latency."""

    @property
    def generative(self) -> bool:
        return any(point.steps is not None for point in self.points)


@dataclass(frozen=True)
class Panel:
    """One dataset on one device."""

    board: Board
    place: Place
    timed_on: str
    """The dataset whose latency this is: a stand-in of the same size where the dataset itself was not timed."""
    curves: tuple[Curve, ...]
    untimed: tuple[str, ...]
    """Labels of rows that have accuracy and no latency here."""

    @property
    def size(self) -> int:
        return sum(len(curve.points) for curve in self.curves)

    @property
    def front(self) -> list[Point]:
        """The best trade-offs, by rising latency. Runs cut short by a budget take no part, as in Table 1."""
        points = [point for curve in self.curves if not curve.line.truncated for point in curve.points]
        return [points[i] for i in front([(point.latency, point.value) for point in points])]


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of (cost, gain) pairs that no other pair beats: none is as cheap and better, or cheaper and as good.

    By rising cost, hence by rising gain; equal pairs are all kept.
    """
    best, kept = float("-inf"), list[int]()
    for i in sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1])):
        if points[i][1] > best or (kept and points[i] == points[kept[-1]]):
            kept.append(i)
            best = points[i][1]
    return kept


def collect(
    records: Sequence[Record],
    latency: Mapping[Place, Sequence[LatencyRow]],
    in_steps: Mapping[tuple[str, int], StepsRow],
    papers: Overall,
    *,
    protocol: str,
    execution: Execution,
) -> list[Panel]:
    """A panel per dataset and device that have a row with both accuracy and latency; datasets as in Table 1.

    A device that has a single point, which compares nothing, has no panel beside others of its dataset.
    """
    chosen = main_rows(record for record in records if record.protocols == versions())
    panels = []
    for board in boards(chosen, (), papers):
        found = []
        for place, rows in latency.items():
            usable = [row for row in rows if row.batch_size == SINGLE and row.execution == execution]
            found.append(_panel(board, place, usable, in_steps, protocol))
        panels += [panel for panel in found if panel.size > 1] or [panel for panel in found if panel.size]
    return panels


def _panel(
    board: Board, place: Place, rows: list[LatencyRow], in_steps: Mapping[tuple[str, int], StepsRow], protocol: str
) -> Panel:
    timed_on = board.dataset if any(row.dataset == board.dataset for row in rows) else STAND_INS.get(board.dataset, "")
    times: dict[tuple[str, str, str], dict[int | None, float]] = {}
    for row in rows:
        if row.dataset == timed_on:
            times.setdefault((row.model, row.setting, row.variant), {})[row.steps] = row.p50_ms
    curves, untimed = [], []
    for line in board.run_lines:
        assert line.summary
        first = line.summary.first
        known = times.get((first.model, first.setting, first.variant), {})
        curve = Curve(board.name(line), line, _points(line.summary, known, in_steps, protocol))
        if curve.points:
            curves.append(curve)
        else:
            untimed.append(curve.label)
    return Panel(board, place, timed_on, tuple(curves), tuple(untimed))


def _points(
    summary: Summary, times: Mapping[int | None, float], in_steps: Mapping[tuple[str, int], StepsRow], protocol: str
) -> tuple[Point, ...]:
    own = own_steps(summary)
    points = [
        Point(latency, value.mean, value.spread, value.seeds, steps, own=steps == own)
        for steps, latency in times.items()
        if (value := value_in_steps(summary, in_steps, protocol, METRIC, steps))
    ]
    return tuple(sorted(points, key=lambda point: (point.latency, point.steps or 0)))
