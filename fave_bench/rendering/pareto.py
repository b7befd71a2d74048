"""Accuracy against latency: which model is worth its milliseconds, and what fewer steps would cost."""

from collections.abc import Iterable, Sequence
from functools import partial

from fave_bench.records.measurements import Execution
from fave_bench.rendering.pareto_data import METRIC, Curve, Panel
from fave_bench.rendering.pareto_drawing import draw
from fave_bench.rendering.picture import Picture
from fave_bench.rendering.table_model import Scalar

COLUMNS = (
    "dataset", "synthetic", "timed_on", "device", "threads", "execution", "protocol", "metric", "unit", "model",
    "title", "setting", "variant", "configuration", "steps", "own_steps", "p50_ms", "value", "spread", "seeds",
    "truncated", "on_front",
)  # fmt: skip
EXECUTION_WORDS = {
    "released": "executed as the public code does",
    "eager": "executed eagerly",
    "optimised": "compiled or graph-captured",
}


def pareto(shown: Sequence[Panel], *, protocol: str, execution: Execution) -> Picture:
    """The picture of these panels, of which there must be one."""
    words = caption(shown, protocol=protocol, execution=execution)
    return Picture(
        name="pareto",
        title=f"{METRIC} against latency",
        caption=words,
        columns=COLUMNS,
        rows=tuple(row for panel in shown for row in _rows(panel, protocol, execution)),
        draw=partial(draw, shown, words, protocol),
    )


def caption(shown: Sequence[Panel], *, protocol: str, execution: Execution) -> str:
    """What a reader must know to read the picture right; sentences about a mark appear only where the mark does."""
    curves = [curve for panel in shown for curve in panel.curves]
    cut = _unique(curve.label for curve in curves if curve.line.truncated)
    untimed = _unique(label for panel in shown for label in panel.untimed)
    elsewhere = _unique(panel.timed_on for panel in shown if panel.timed_on != panel.board.dataset)
    said = [
        (True, f"{METRIC} on the test users (protocol {protocol}; higher is better) against the median time of one "
               f"user from history to 20 best items ({EXECUTION_WORDS[execution]}; log scale; left is faster), timed "
               "on untrained weights of the preset's sizes."),
        (True, "Bars: standard deviation over seeds, or the sampling error of the users where there is one seed."),
        (any(len(curve.points) > 1 for curve in curves),
         "Lines join one model's numbers of sampler steps; the large marker is its own number."),
        (any(len({point.seeds for point in curve.points}) > 1 for curve in curves),
         "Off its own number a point is of those seeds whose weights were at hand."),
        (any(panel.front for panel in shown), "Stepped line: the Pareto front; the shade below it is beaten by "
         "something at least as fast and as accurate."),
        (bool(cut), f"Hollow, and no part of the front: stopped by a budget ({', '.join(cut)})."),
        (bool(elsewhere), f"Timed on generated data of the same size: {', '.join(elsewhere)}."),
        (bool(untimed), f"Ranked but not timed in this execution: {', '.join(untimed)}."),
    ]  # fmt: skip
    return " ".join(sentence for needed, sentence in said if needed)


def _unique(words: Iterable[str]) -> list[str]:
    return sorted(set(words))


def _rows(panel: Panel, protocol: str, execution: Execution) -> list[dict[str, Scalar]]:
    best = panel.front
    return [
        {
            "dataset": panel.board.dataset, "synthetic": panel.board.synthetic, "timed_on": panel.timed_on,
            "device": panel.place.device, "threads": panel.place.threads, "execution": execution,
            "protocol": protocol, "metric": METRIC, "unit": "percent", **_about(curve), "steps": point.steps,
            "own_steps": point.own, "p50_ms": float(f"{point.latency:.6g}"), "value": round(point.value, 6),
            "spread": round(point.spread, 6), "seeds": point.seeds,
            "on_front": any(point is other for other in best),
        }
        for curve in panel.curves
        for point in curve.points
    ]  # fmt: skip


def _about(curve: Curve) -> dict[str, Scalar]:
    assert curve.line.summary
    first = curve.line.summary.first
    return {
        "model": first.model, "title": first.title, "setting": first.setting, "variant": first.variant,
        "configuration": first.configuration, "truncated": curve.line.truncated,
    }  # fmt: skip
