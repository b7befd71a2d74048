"""How sweeps are drawn: a panel per hyper-parameter, a strip per metric, each with its own scale."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fave_bench.rendering.hyperparameters_data import METRICS, SweepPanel
from fave_bench.rendering.plotting import PALETTE, QUIET, heading, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS, MARKERS = dict(zip(METRICS, PALETTE, strict=False)), dict(zip(METRICS, ("o", "s"), strict=True))
GAP = 0.09
"""Between two strips, as a share of the panel's height."""


def draw(shown: Sequence[SweepPanel], words: str, protocol: str) -> "Figure":
    """The panels over their caption `words`."""
    figure, all_axes = panels(len(shown), words, width=4.4, height=3.5)
    for axes, panel in zip(all_axes, shown, strict=True):
        strips = _strips(axes)
        for strip, metric in zip(strips, METRICS, strict=True):
            _curve(strip, panel, protocol, metric)
            _frame(strip, panel, metric)
        heading(strips[0], *_heading(panel))
        strips[0].tick_params(labelbottom=False)
        strips[-1].set_xlabel(panel.sweep.symbol, loc="right", size=9)
    return figure


def _strips(axes: "Axes") -> "list[Axes]":
    """As many axes one over the other as there are metrics, in the panel's place and with its horizontal axis."""
    box, figure = axes.get_position(), axes.get_figure(root=True)
    assert figure
    axes.set_visible(False)
    height = (box.height - GAP * box.height * (len(METRICS) - 1)) / len(METRICS)
    return [
        figure.add_axes((box.x0, box.y1 - height - place * (height + GAP * box.height), box.width, height))
        for place in range(len(METRICS))
    ]


def _curve(axes: "Axes", panel: SweepPanel, protocol: str, metric: str) -> None:
    found = [(point, point.value(protocol, metric)) for point in panel.points]
    drawn = [(point, value) for point, value in found if value]
    color = COLORS[metric]
    axes.plot([p.x for p, _ in drawn], [v.mean for _, v in drawn], color=color, linewidth=1.3, zorder=2)
    for point, value in drawn:
        spread = value.sampling_error if value.deviation is None else value.deviation
        axes.errorbar(point.x, value.mean, spread, color=color, linewidth=1.0, alpha=0.45, capsize=2.5, zorder=1.5)
        axes.plot(
            point.x, value.mean, marker=MARKERS[metric], markersize=5.5, markeredgewidth=1.3, markeredgecolor=color,
            markerfacecolor="white" if point.truncated else color, zorder=3,
        )  # fmt: skip


def _frame(axes: "Axes", panel: SweepPanel, metric: str) -> None:
    xs = [point.x for point in panel.points]
    low, high = min([*xs, panel.optimum or xs[0]]), max([*xs, panel.optimum or xs[0]])
    axes.set_xlim(low - 0.06 * (high - low), high + 0.06 * (high - low))
    axes.set_xticks(xs, [f"{x:g}" for x in xs])
    axes.margins(y=0.12)
    axes.locator_params(axis="y", nbins=4)
    axes.tick_params(length=0)
    axes.grid(True)
    axes.set_ylabel(f"{metric}, %", color=COLORS[metric], size=8)
    axes.yaxis.set_label_coords(-0.105, 0.5)  # the same distance whatever the width of the numbers
    if panel.optimum is not None:
        axes.axvline(panel.optimum, color=QUIET, linewidth=1.1, linestyle=":", zorder=1)


def _heading(panel: SweepPanel) -> tuple[str, str]:
    data = panel.sample.dataset
    title = f"{panel.sweep.symbol} · {data.name}{' · SYNTHETIC' * data.synthetic}"
    return title, f"{panel.sweep.meaning} · {data.users:,} users"
