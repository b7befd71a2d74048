"""How training is drawn: for each dataset the same curves twice, named where they end."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from fave_bench.rendering.labels import Label, column, room
from fave_bench.rendering.plotting import Style, heading, panels, styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fave_bench.rendering.curves import Curve, Panel

Axis = Literal["passes", "seconds"]
WORDS: dict[Axis, str] = {"passes": "passes over the training samples", "seconds": "seconds of training"}


def draw(shown: "Sequence[Panel]", words: str) -> "Figure":
    looks = styles((curve.record.title, curve.name) for panel in shown for curve in panel.curves)
    names = room(name for _, name in looks)
    figure, all_axes = panels(2 * len(shown), words, width=3.05 + names, height=3.3, margins=(0.45, names, 0.55, 0.45))
    for i, panel in enumerate(shown):
        for axes, axis in zip(all_axes[2 * i : 2 * i + 2], WORDS, strict=True):
            _frame(axes, panel, axis)
            for curve in panel.curves:
                _curve(axes, curve, axis, looks[curve.record.title, curve.name])
            column(axes, _names(panel, axis, looks))
    return figure


def _frame(axes: "Axes", panel: "Panel", axis: Axis) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    points = [point for curve in panel.curves for point in curve.points]
    x = [getattr(point, axis) for point in points]
    axes.set_xscale("log")
    axes.set_xlim(max(min(x), 1e-3) / 1.5, max(x) * 1.2)
    axes.set_ylim(0, 1.1 * max([point.value + (point.error or 0) for point in points] + [1e-9]))
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(which="both", length=0, labelsize=7)
    axes.grid(True)
    axes.set_xlabel(WORDS[axis], loc="right", size=7.5)
    if axis == "passes":
        heading(axes, panel.board.heading, panel.board.population, size=9.5)
        axes.set_ylabel(f"validation N@20, %, {panel.protocol}   (→ better)", loc="top", size=7.5)


def _short(value: float) -> str:
    """A tick's number, thousands as k: where a run took hours, decades are as near as five digits are wide."""
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"


def _curve(axes: "Axes", curve: "Curve", axis: Axis, style: Style) -> None:
    x, y = [getattr(point, axis) for point in curve.points], [point.value for point in curve.points]
    axes.plot(x, y, color=style.color, linewidth=1.0, linestyle=style.dash, alpha=0.85)
    for at, point in zip(x, curve.points, strict=True):
        if point.error is not None:
            bar = [point.value - point.error, point.value + point.error]
            axes.plot([at, at], bar, color=style.color, linewidth=1.6, alpha=0.3)
        if point.stage_ends:
            axes.plot(at, point.value, marker="|", markersize=8, markeredgewidth=1.2, color=style.color)
    axes.plot(
        x[-1], y[-1], marker=style.marker, markersize=4.5, markeredgewidth=1.1, markeredgecolor=style.color,
        markerfacecolor="white" if curve.record.truncated else style.color, zorder=4,
    )  # fmt: skip


def _names(panel: "Panel", axis: Axis, looks: dict[tuple[str, str], Style]) -> list[Label]:
    """A name for the first run of each row."""
    first = {curve.name: curve for curve in reversed(panel.curves)}
    return [
        Label(name, getattr(curve.points[-1], axis), curve.points[-1].value, looks[curve.record.title, name].color, 6.5)
        for name, curve in reversed(first.items())
    ]
