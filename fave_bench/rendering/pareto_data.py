"""Accuracy against latency, joined from records, steps measurements and latency measurements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from fave_bench.data.catalogue import STAND_INS
from fave_bench.evaluation.protocols import versions
from fave_bench.records import Record
from fave_bench.records.measurements import Execution, LatencyRow, StepsRow
from fave_bench.rendering.boards import Board, Line, boards, main_rows
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
    spread: float | None
    """Standard deviation over seeds, or for one seed the sampling error of its users; None where neither is known."""
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
    """A panel per dataset and device that have a row with both accuracy and latency; datasets as in Table 1."""
    chosen = main_rows(record for record in records if record.protocols == versions())
    panels = []
    for board in boards(chosen, (), papers):
        for place, rows in latency.items():
            usable = [row for row in rows if row.batch_size == SINGLE and row.execution == execution]
            panel = _panel(board, place, usable, in_steps, protocol)
            panels += [panel] if panel.curves else []
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
    for line in _full_ones(board.lines):
        assert line.summary
        first = line.summary.first
        known = times.get((first.model, first.setting, first.variant), {})
        curve = Curve(_label(line, board.lines), line, _points(line.summary, known, in_steps, protocol))
        if curve.points:
            curves.append(curve)
        else:
            untimed.append(curve.label)
    return Panel(board, place, timed_on, tuple(curves), tuple(untimed))


def _full_ones(lines: Sequence[Line]) -> list[Line]:
    """The lines that were run, without the cut-short ones of which there is a full run."""
    full = {_name(line) for line in lines if line.summary and not line.truncated}
    return [line for line in lines if line.summary and not (line.truncated and _name(line) in full)]


def _name(line: Line) -> tuple[str, str, str]:
    assert line.summary
    return line.title, line.summary.first.setting, line.summary.first.variant


def _label(line: Line, lines: Sequence[Line]) -> str:
    """The title, and the setting where the model has several."""
    settings = {other.summary.first.setting for other in lines if other.summary and other.title == line.title}
    assert line.summary
    return " ".join([line.title, *([line.summary.first.setting] if len(settings) > 1 else []), *line.label.split()])


def _points(
    summary: Summary, times: Mapping[int | None, float], in_steps: Mapping[tuple[str, int], StepsRow], protocol: str
) -> tuple[Point, ...]:
    inference = summary.first.inference
    own = inference.steps if inference else None
    found = [
        _recorded(summary, protocol, latency, own)
        if steps == own
        else _ranked_again(summary, in_steps, protocol, latency, steps)
        for steps, latency in times.items()
    ]
    return tuple(sorted(filter(None, found), key=lambda point: (point.latency, point.steps or 0)))


def _recorded(summary: Summary, protocol: str, latency: float, steps: int | None) -> Point | None:
    value = summary.value(protocol, METRIC)
    if value is None:
        return None
    spread = value.sampling_error if value.deviation is None else value.deviation
    return Point(latency, value.mean, spread, value.seeds, steps, own=True)


def _ranked_again(
    summary: Summary, in_steps: Mapping[tuple[str, int], StepsRow], protocol: str, latency: float, steps: int | None
) -> Point | None:
    """The mean over those seeds whose weights were ranked again in so many steps."""
    rows = [in_steps.get((record.key, steps)) for record in summary.records if steps is not None]
    values = [100 * row.metrics[protocol][METRIC] for row in rows if row]
    if not values:
        return None
    return Point(latency, fmean(values), stdev(values) if len(values) > 1 else None, len(values), steps, own=False)
