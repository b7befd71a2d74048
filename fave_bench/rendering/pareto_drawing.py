"""How accuracy against latency is drawn: points, lines of steps, the front as a staircase, names beside them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fave_bench.rendering.labels import Label, along, place
from fave_bench.rendering.pareto_data import METRIC, Curve, Panel, Point
from fave_bench.rendering.plotting import FAINT, INK, PALETTE, QUIET, SHADE, heading, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw(shown: Sequence[Panel], words: str, protocol: str) -> "Figure":
    """The panels over their caption `words`. A generative model has a colour of its own, the same in every panel."""
    figure, all_axes = panels(len(shown), words)
    generative = dict.fromkeys(curve.line.title for panel in shown for curve in panel.curves if curve.generative)
    colors = {title: PALETTE[i % len(PALETTE)] for i, title in enumerate(generative)}
    for axes, panel in zip(all_axes, shown, strict=True):
        _frame(axes, panel, protocol)
        _front(axes, panel)
        for curve in panel.curves:
            _curve(axes, curve, colors.get(curve.line.title, QUIET))
        _label(axes, panel, colors)
    return figure


def _frame(axes: "Axes", panel: Panel, protocol: str) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    latencies = [point.latency for curve in panel.curves for point in curve.points]
    tops = [point.value + point.spread for curve in panel.curves for point in curve.points]
    axes.set_xscale("log")
    axes.set_xlim(min(latencies) / 1.7, max(latencies) * 2.4)
    axes.set_ylim(0, 1.1 * max([*tops, 1e-9]))
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(which="both", length=0)
    axes.grid(True)
    axes.set_xlabel("ms for one user   (faster ←)", loc="right", size=8)
    axes.set_ylabel(f"{METRIC}, %, {protocol}   (→ better)", loc="top", size=8)
    heading(axes, panel.board.heading, " · ".join(filter(None, (panel.board.population, str(panel.place)))))


def _staircase(panel: Panel, right: float) -> tuple[list[float], list[float]]:
    """Corners of the front up to time `right`: at a given time, the best that anything at least as fast reaches."""
    x, y, level = list[float](), list[float](), 0.0
    for point in panel.front:
        x, y, level = [*x, point.latency, point.latency], [*y, level, point.value], point.value
    return [*x, right], [*y, level]


def _front(axes: "Axes", panel: Panel) -> None:
    if panel.front:
        x, y = _staircase(panel, axes.get_xlim()[1])
        axes.fill_between(x, y, color=SHADE, linewidth=0, zorder=0.5)
        axes.plot(x, y, color=FAINT, linewidth=1.6, zorder=1)


def _curve(axes: "Axes", curve: Curve, color: str) -> None:
    x, y = [point.latency for point in curve.points], [point.value for point in curve.points]
    hollow = curve.line.truncated
    axes.plot(x, y, color=color, linewidth=1.2, alpha=0.75, zorder=2)
    for point in curve.points:
        if point.own:
            low, high = point.value - point.spread, point.value + point.spread
            axes.plot([point.latency] * 2, [low, high], color=color, linewidth=1.0, alpha=0.35, zorder=1.5)
        axes.plot(
            point.latency, point.value, marker="o", markersize=6.5 if point.own else 3.4, markeredgewidth=1.3,
            markeredgecolor=color, markerfacecolor="white" if hollow else color, zorder=4 if point.own else 3,
        )  # fmt: skip


def _label(axes: "Axes", panel: Panel, colors: dict[str, str]) -> None:
    best = {id(point) for point in panel.front}
    names, counts, obstacles = [], [], [along(*_staircase(panel, axes.get_xlim()[1]), axes)]
    for curve in sorted(panel.curves, key=lambda curve: not curve.generative):
        color = colors.get(curve.line.title, INK)
        anchor = next((point for point in curve.points if point.own), curve.points[-1])
        bold = any(id(point) in best for point in curve.points)
        names.append(Label(curve.label, anchor.latency, anchor.value, color, weight="bold" if bold else "normal"))
        if len(curve.points) > 1:
            counts += [_steps_label(point, color) for point in curve.points]
        points = curve.points
        obstacles.append(along([point.latency for point in points], [point.value for point in points], axes))
        obstacles += [np.array([[point.latency, point.value]] * 3) for point in points]  # a marker weighs more
    place(axes, [*names, *counts], np.vstack(obstacles))


def _steps_label(point: Point, color: str) -> Label:
    return Label(str(point.steps), point.latency, point.value, color, size=6.5, reach=(4, 6, 8))
