"""Figure 5: how much each hyper-parameter matters, and where the paper marks its optimum."""

from collections.abc import Iterator, Sequence
from functools import partial

from fave_bench.rendering.hyperparameters_data import METRICS, SweepPanel
from fave_bench.rendering.hyperparameters_drawing import draw
from fave_bench.rendering.overall_data import tidy
from fave_bench.rendering.picture import Picture
from fave_bench.rendering.table_model import Scalar

COLUMNS = (
    "dataset", "synthetic", "protocol", "model", "title", "setting", "parameter", "keys", "value", "paper_optimum",
    "metric", "unit", "ours_mean", "ours_sd", "sampling_error", "seeds", "truncated", "stopped_because",
    "configuration",
)  # fmt: skip


def hyperparameters(shown: Sequence[SweepPanel], *, protocol: str) -> Picture:
    """The picture of these panels, of which there must be one."""
    words = caption(shown, protocol)
    return Picture(
        name="hyperparameters",
        title=f"{' and '.join(METRICS)} against one hyper-parameter at a time",
        caption=words,
        columns=COLUMNS,
        rows=tuple(row for panel in shown for row in _rows(panel, protocol)),
        draw=partial(draw, shown, words, protocol),
    )


def caption(shown: Sequence[SweepPanel], protocol: str) -> str:
    """What a reader must know to read the picture right; sentences about a mark appear only where the mark does."""
    points = [point for panel in shown for point in panel.points]
    models = sorted({f"{panel.sample.title}, setting {panel.sample.setting}" for panel in shown})
    several = any(len(point.summary.records) > 1 for point in points)
    said = [
        (True, f"{'; '.join(models)}: {' and '.join(METRICS)} on the test users (protocol {protocol}; higher is "
               "better), each hyper-parameter varied alone around the setting's own values."),
        (several, "Bars: standard deviation over seeds, or the sampling error of the users where there is one seed."),
        (not several, "Bars: sampling error of the users, one seed."),
        (True, "All points rank the same users, so their differences are surer than the bars."),
        (any(panel.optimum is not None for panel in shown), "Dotted line: the optimum that the paper marks."),
        (any(point.truncated for point in points), "Hollow: stopped by a budget, so how fast it learns."),
        (True, "The vertical axes do not start at zero."),
    ]  # fmt: skip
    return " ".join(sentence for needed, sentence in said if needed)


def _rows(panel: SweepPanel, protocol: str) -> Iterator[dict[str, Scalar]]:
    first = panel.sample
    for point in panel.points:
        for metric in METRICS:
            value = point.value(protocol, metric)
            if value:
                yield {
                    "dataset": first.dataset.name, "synthetic": first.dataset.synthetic, "protocol": protocol,
                    "model": first.model, "title": first.title, "setting": first.setting,
                    "parameter": panel.parameter, "keys": " ".join(panel.sweep.keys), "value": point.x,
                    "paper_optimum": panel.optimum, "metric": metric, "unit": "percent",
                    "ours_mean": round(value.mean, 6), "sampling_error": tidy(value.sampling_error),
                    "ours_sd": tidy(value.deviation), "seeds": value.seeds,
                    "truncated": point.truncated, "stopped_because": point.summary.stopped_because,
                    "configuration": point.summary.first.configuration,
                }  # fmt: skip
