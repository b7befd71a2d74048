"""How priors are drawn: clouds of start states, and one line of distances for each."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from fave_bench.records.geometry_rows import PriorsRow
from fave_bench.rendering.plotting import FAINT, INK, PALETTE, QUIET
from fave_bench.rendering.triptych import UNRELATED, Plane, limits, scatter, triptychs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fave_bench.rendering.runs import Shown

COLORS = (QUIET, PALETTE[0], PALETTE[4], PALETTE[2], PALETTE[1])
"""Of the priors in their order, noise first."""
MARKERS = ("o", "^", "s", "D", "v")


TARGETS = (INK, "x")


def draw(shown: "Sequence[Shown[PriorsRow]]", words: str) -> "Figure":
    """The same scale of distances for all runs."""
    found = [distance for run in shown for distance in run.row.distances.values()]
    values = [value for distance in found for value in (*distance.to_target, *distance.to_other)]
    return triptychs(shown, words, _clouds, partial(_distances, limits=limits(values)))


def _looks(row: PriorsRow) -> dict[str, tuple[str, str]]:
    """Cloud -> colour and marker."""
    return dict.fromkeys(row.clouds, TARGETS) | dict(
        zip(row.distances, zip(COLORS, MARKERS, strict=True), strict=False)
    )


def _clouds(axes: "Axes", row: PriorsRow, which: Plane) -> None:
    for name, (color, marker) in _looks(row).items():
        scatter(axes, row.clouds[name], which, color, size=2.8, alpha=0.65, marker=marker)


def _distances(axes: "Axes", row: PriorsRow, *, limits: tuple[float, float]) -> None:
    """Each prior's name and marker, and below them its distances; the targets' name last."""
    from matplotlib.ticker import MaxNLocator

    axes.axvline(UNRELATED, color=FAINT, linewidth=0.8, zorder=0.5)
    across = axes.get_yaxis_transform()
    for i, (name, (color, marker)) in enumerate(_looks(row).items()):
        bold = "bold" if name == row.own else "normal"
        axes.plot(0.02, -i, marker, color=color, markersize=4, transform=across, clip_on=False)
        axes.annotate(name, (0.07, -i), xycoords=across, va="center", size=7, color=color, weight=bold)
        found = row.distances.get(name)
        if found:
            axes.annotate(
                f"{100 * found.nearer:.0f} %", (1, -i), xycoords=across, ha="right", va="center", size=7, color=color
            )
        for place, quartiles in enumerate((found.to_target, found.to_other) if found else ()):
            low, middle, high = quartiles
            height, face = -i - 0.3 - 0.2 * place, "white" if place else color
            axes.plot([low, high], [height, height], color=color, linewidth=1.1, alpha=0.6)
            axes.plot(middle, height, "o", markersize=4.5, color=color, markerfacecolor=face, markeredgewidth=1.0)
    axes.set_xlim(limits)
    axes.set_ylim(-len(row.clouds) + 0.6, 0.4)
    axes.set_yticks([])
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4, prune="both"))
    axes.spines["left"].set_visible(False)
    axes.tick_params(length=0, labelsize=7)
    axes.set_xlabel("distance   (better ←)", loc="right", size=7.5)
