"""Accuracy against the number of sampler steps: what the many steps of a generative model are worth."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from fave_bench.records import Record
from fave_bench.records.measurements import StepsRow
from fave_bench.rendering.boards import Board, Line
from fave_bench.rendering.in_steps import of_one_set, own_steps, value_in_steps
from fave_bench.rendering.overall_data import tidy
from fave_bench.rendering.picture import Picture
from fave_bench.rendering.printed import Overall
from fave_bench.rendering.runs import ABOUT, about, current_boards
from fave_bench.rendering.steps_drawing import draw
from fave_bench.rendering.summary import Value
from fave_bench.rendering.table_model import Scalar

METRICS = ("H@20", "N@20")
COLUMNS = (*ABOUT, "protocol", "metric", "unit", "steps", "own_steps", "value", "sampling_error", "deviation", "seeds")


@dataclass(frozen=True)
class Curve:
    """A row of Table 1 in all the numbers of steps it was ranked in."""

    name: str
    record: Record
    own: int | None
    values: dict[int, Value]
    """By rising steps."""


@dataclass(frozen=True)
class Panel:
    """One metric on one dataset."""

    board: Board
    metric: str
    protocol: str
    curves: tuple[Curve, ...]


def collect(
    records: Sequence[Record], in_steps: Mapping[tuple[str, int], StepsRow], papers: Overall, *, protocol: str
) -> list[Panel]:
    """A panel per dataset and metric, of the rows that were ranked in more than their own number of steps."""
    found = []
    for board in current_boards(records, papers):
        for metric in METRICS:
            curves = (_curve(board, line, in_steps, protocol, metric) for line in board.run_lines)
            found.append(Panel(board, metric, protocol, tuple(curve for curve in curves if len(curve.values) > 1)))
    return [panel for panel in found if panel.curves]


def _curve(board: Board, line: Line, in_steps: Mapping[tuple[str, int], StepsRow], protocol: str, metric: str) -> Curve:
    assert line.summary
    summary = of_one_set(line.summary, in_steps)
    keys = {record.key for record in summary.records}
    own = own_steps(summary)
    counts = {steps for key, steps in in_steps if key in keys} | ({own} if own else set())
    values = {steps: value_in_steps(summary, in_steps, protocol, metric, steps) for steps in sorted(counts)}
    return Curve(board.name(line), summary.first, own, {steps: value for steps, value in values.items() if value})


def picture(shown: Sequence[Panel]) -> Picture:
    """The picture of these panels, of which there must be one."""
    words = caption(shown)
    return Picture(
        name="steps",
        title="Accuracy against sampler steps",
        caption=words,
        columns=COLUMNS,
        rows=tuple(row for panel in shown for curve in panel.curves for row in _rows(panel, curve)),
        draw=partial(draw, shown, words),
    )


def caption(shown: Sequence[Panel]) -> str:
    """What a reader must know to read the picture right."""
    curves = [curve for panel in shown for curve in panel.curves]
    cut = _unique(curve.name for curve in curves if curve.record.truncated)
    said = [
        (True, f"{' and '.join(METRICS)} on all test users (protocol {shown[0].protocol}; higher is better) when the "
               "same weights are sampled in other numbers of steps (log scale). The large marker is the number of "
               "steps the model itself takes."),
        (True, "Bars: standard deviation over seeds, or the sampling error of the users where there is one seed. The "
               "users and their noise are the same at every number, so along a line differences are surer than that. "
               "Lines are drawn a little apart."),
        (bool(cut), f"Hollow: stopped by a budget, no verdict on the model ({', '.join(cut)})."),
    ]  # fmt: skip
    return " ".join(sentence for needed, sentence in said if needed)


def _unique(words: Iterable[str]) -> list[str]:
    return sorted(set(words))


def _rows(panel: Panel, curve: Curve) -> list[dict[str, Scalar]]:
    return [
        {
            **about(panel.board, curve.record), "protocol": panel.protocol, "metric": panel.metric, "unit": "percent",
            "steps": steps, "own_steps": steps == curve.own, "value": round(value.mean, 6),
            "sampling_error": tidy(value.sampling_error),
            "deviation": tidy(value.deviation), "seeds": value.seeds,
        }
        for steps, value in curve.values.items()
    ]  # fmt: skip
