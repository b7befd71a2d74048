"""How ways from prior to prediction are drawn."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from fave_bench.records.geometry_rows import Quartiles, TrajectoriesRow
from fave_bench.rendering.plotting import FAINT, INK, PALETTE, QUIET, heading
from fave_bench.rendering.triptych import UNRELATED, Plane, coordinates, limits, scatter, triptychs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fave_bench.rendering.runs import Shown


def draw(shown: "Sequence[Shown[TrajectoriesRow]]", words: str) -> "Figure":
    """The same scale of distances for all runs."""
    values = [value for run in shown for state in (*run.row.to_target, *run.row.to_other) for value in state]
    return triptychs(shown, words, _ways, partial(_distances, limits=limits(values)))


def _ways(axes: "Axes", row: TrajectoriesRow, which: Plane) -> None:
    scatter(axes, row.items, which, FAINT, size=2.0, alpha=1.0, marker="o")
    colors = {item: PALETTE[i % len(PALETTE)] for i, item in enumerate(row.targets)}
    for path in row.paths:
        color, (x, y) = colors[path.target], coordinates(path.at, which)
        axes.plot(x, y, color=color, linewidth=0.7, alpha=0.55, zorder=2)
        axes.plot(x[1:-1], y[1:-1], ".", color=color, markersize=1.5, alpha=0.6, zorder=2)
        axes.plot(x[0], y[0], "o", markersize=3.2, color=color, markerfacecolor="white", markeredgewidth=0.8, zorder=3)
        axes.plot(x[-1], y[-1], "o", markersize=3.4, color=color, markeredgewidth=0, zorder=4)
    for item, planes in row.targets.items():
        axes.plot(
            *coordinates(planes, which),
            "*",
            markersize=9,
            color=colors[item],
            markeredgecolor=INK,
            markeredgewidth=0.6,
            zorder=5,
        )


def _distances(axes: "Axes", row: TrajectoriesRow, *, limits: tuple[float, float]) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.axhline(UNRELATED, color=FAINT, linewidth=0.8, zorder=0.5)
    _band(axes, row.shown, row.to_other, QUIET, "--")
    _band(axes, row.shown, row.to_target, INK, "-")
    axes.set_xlim(0, row.steps)
    axes.set_ylim(limits)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.tick_params(length=0, labelsize=7)
    axes.set_xlabel("step", loc="right", size=7.5)
    axes.set_ylabel("distance   (← better)", loc="bottom", size=7.5)
    steps = f"{row.steps} step{'s' * (row.steps != 1)}"
    low, middle, high = row.straightness_quartiles
    heading(axes, "", f"{steps}, path ÷ displacement\nmedian {middle:.2f} (quartiles {low:.2f}–{high:.2f})", size=9)


def _band(axes: "Axes", steps: list[int], per_state: list[Quartiles], color: str, dash: str) -> None:
    low, middle, high = zip(*per_state, strict=True)
    axes.fill_between(steps, low, high, color=color, alpha=0.18, linewidth=0)
    axes.plot(steps, middle, color=color, linewidth=1.3, linestyle=dash)
