"""Validation during training, against passes over the samples and against seconds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from fave_bench.records import Look, Record
from fave_bench.rendering.boards import Board
from fave_bench.rendering.curves_drawing import draw
from fave_bench.rendering.overall_data import tidy
from fave_bench.rendering.picture import Picture
from fave_bench.rendering.printed import Overall
from fave_bench.rendering.runs import ABOUT, about, current_boards
from fave_bench.rendering.table_model import Scalar

METRIC = "N@20"
COLUMNS = (
    *ABOUT, "seed", "protocol", "metric", "unit", "stage", "stage_ends", "passes", "seconds", "value", "kept",
    "sampling_error",
)  # fmt: skip


@dataclass(frozen=True)
class Point:
    """One look at validation."""

    passes: float
    """Over the training samples, all stages so far together."""
    seconds: float
    value: float
    """Percent."""
    stage: str
    stage_ends: bool
    """The last look of a stage that another one followed."""
    kept: bool
    """The weights of this look are those that the test users were ranked with."""
    error: float | None = None
    """Sampling error in percent, known for the weights kept."""


@dataclass(frozen=True)
class Curve:
    """One run. Runs of other seeds share its name."""

    name: str
    record: Record
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Panel:
    """One dataset."""

    board: Board
    protocol: str
    curves: tuple[Curve, ...]


def collect(records: Sequence[Record], papers: Overall, *, protocol: str) -> list[Panel]:
    """A panel per dataset on which a run looked at validation while it learned; rows as in Table 1."""
    found = []
    for board in current_boards(records, papers):
        runs = [(line, run) for line in board.run_lines if line.summary for run in line.summary.records]
        curves = (Curve(board.name(line), run, points(run, protocol)) for line, run in runs)
        found.append(Panel(board, protocol, tuple(curve for curve in curves if curve.points)))
    return [panel for panel in found if panel.curves]


def points(record: Record, protocol: str) -> tuple[Point, ...]:
    """The run's looks, in order."""
    looks = [look for look in record.training.curve if METRIC in look.validation.get(protocol, {})]
    error = record.standard_errors.get(protocol, {}).get("validation", {}).get(METRIC)
    ends = [i + 1 < len(looks) and look.stage != looks[i + 1].stage for i, look in enumerate(looks)]
    kept = _kept(looks, record.training.best_epoch)
    return tuple(
        Point(passes, look.seconds, 100 * look.validation[protocol][METRIC], look.stage, end, look is kept,
              100 * error if look is kept and error is not None else None)
        for look, end, passes in zip(looks, ends, _passes(record, looks), strict=True)
    )  # fmt: skip


def _kept(looks: Sequence[Look], best_epoch: int) -> Look | None:
    return next((look for look in looks if look.stage == looks[-1].stage and look.epoch == best_epoch), None)


def _passes(record: Record, looks: Sequence[Look]) -> list[float]:
    """A look knows the epochs of its stage, and counts one that a budget cut short as whole: the record knows how many
    there were in all, of which a stage that was cut short has a share as large as that of its seconds."""
    training, before, found = record.training, 0.0, list[float]()
    for i, look in enumerate(looks):
        passes = before + look.epoch
        last_of_stage = i + 1 == len(looks) or looks[i + 1].stage != look.stage
        if training.stopped_because == "budget" and last_of_stage:
            passes = min(passes, training.epochs * look.seconds / looks[-1].seconds if looks[-1].seconds else 0.0)
        found.append(max([passes, *found[-1:]]))
        before = found[-1] if last_of_stage else before
    return found


def picture(shown: Sequence[Panel]) -> Picture:
    """The picture of these panels, of which there must be one."""
    words = caption(shown)
    return Picture(
        name="curves",
        title=f"Validation {METRIC} during training",
        caption=words,
        columns=COLUMNS,
        rows=tuple(row for panel in shown for curve in panel.curves for row in _rows(panel, curve)),
        draw=partial(draw, shown, words),
    )


def caption(shown: Sequence[Panel]) -> str:
    """What a reader must know to read the picture right; sentences about a mark appear only where the mark does."""
    runs = [curve for panel in shown for curve in panel.curves]
    seen = [point for curve in runs for point in curve.points]
    several = len(runs) > len({(panel.board.dataset, curve.name) for panel in shown for curve in panel.curves})
    said = [
        (True, f"{METRIC} on the validation users (protocol {shown[0].protocol}; higher is better) at every look, "
               "against passes over the training samples and against seconds of training (log scales; looks not "
               "counted). The large marker is the end of training."),
        (any(point.error is not None for point in seen),
         "Bar: sampling error of the users, at the look whose weights were kept."),
        (any(point.stage_ends for point in seen), "Upright stroke: a training stage ends, the next begins."),
        (any(curve.record.truncated for curve in runs), "Hollow: stopped by a budget, no verdict on the model."),
        (several, "Lines of one name are seeds."),
    ]  # fmt: skip
    return " ".join(sentence for needed, sentence in said if needed)


def _rows(panel: Panel, curve: Curve) -> Iterable[dict[str, Scalar]]:
    for point in curve.points:
        yield {
            **about(panel.board, curve.record), "seed": curve.record.seed, "protocol": panel.protocol,
            "metric": METRIC, "unit": "percent", "stage": point.stage, "stage_ends": point.stage_ends,
            "passes": round(point.passes, 6), "seconds": round(point.seconds, 3), "value": round(point.value, 6),
            "kept": point.kept, "sampling_error": tidy(point.error),
        }  # fmt: skip
