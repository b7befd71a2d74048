"""How accuracy against steps is drawn: a line and bars for each row, its own number of steps large."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fave_bench.rendering.labels import Label, column, room
from fave_bench.rendering.plotting import Style, heading, panels, styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fave_bench.rendering.steps import Curve, Panel

APART = 0.07
"""Between two lines, in powers of two, so that their bars can be told apart."""


def draw(shown: "Sequence[Panel]", words: str) -> "Figure":
    looks = styles((curve.record.title, curve.name) for panel in shown for curve in panel.curves)
    beside = room(name for _, name in looks)
    figure, all_axes = panels(len(shown), words, width=2.85 + beside, height=3.1, margins=(0.5, beside, 0.55, 0.45))
    for axes, panel in zip(all_axes, shown, strict=True):
        _frame(axes, panel)
        places = [_places(curve, i - (len(panel.curves) - 1) / 2) for i, curve in enumerate(panel.curves)]
        names = []
        for curve, x in zip(panel.curves, places, strict=True):
            style = looks[curve.record.title, curve.name]
            _curve(axes, curve, x, style)
            names.append(Label(curve.name, x[-1], [*curve.values.values()][-1].mean, style.color, size=7.0))
        column(axes, names)
    return figure


def _places(curve: "Curve", offset: float) -> list[float]:
    return [steps * 2.0 ** (APART * offset) for steps in curve.values]


def _frame(axes: "Axes", panel: "Panel") -> None:
    from matplotlib.ticker import NullLocator

    counts = sorted({steps for curve in panel.curves for steps in curve.values if steps.bit_count() == 1 or steps > 64})
    tops = [value.mean + value.spread for curve in panel.curves for value in curve.values.values()]
    most = max(steps for curve in panel.curves for steps in curve.values)
    axes.set_xscale("log", base=2)
    axes.set_xlim(0.8, most * 1.25)
    axes.set_xticks(counts, [str(steps) for steps in counts])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(0, 1.15 * max([*tops, 1e-9]))
    axes.tick_params(length=0, labelsize=7)
    axes.grid(True)
    axes.set_xlabel("sampler steps", loc="right", size=7.5)
    axes.set_ylabel(f"{panel.metric}, %, {panel.protocol}   (→ better)", loc="top", size=7.5)
    heading(axes, f"{panel.board.heading} · {panel.metric}", panel.board.population, size=9.5)


def _curve(axes: "Axes", curve: "Curve", x: list[float], style: Style) -> None:
    axes.plot(
        x, [value.mean for value in curve.values.values()], color=style.color, linewidth=1.1, linestyle=style.dash
    )
    for at, (steps, value) in zip(x, curve.values.items(), strict=True):
        low, high = value.mean - value.spread, value.mean + value.spread
        axes.plot([at, at], [low, high], color=style.color, linewidth=0.9, alpha=0.4)
        axes.plot(
            at, value.mean, marker=style.marker, markersize=6.5 if steps == curve.own else 3.2, markeredgewidth=1.1,
            markeredgecolor=style.color, markerfacecolor="white" if curve.record.truncated else style.color, zorder=4,
        )  # fmt: skip
