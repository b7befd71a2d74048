"""Three panels a run: the same vectors in two planes, and beside them the distances that no plane can show."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

from fave_bench.records.geometry_rows import Layout, Planes, Points
from fave_bench.rendering.plotting import FAINT, heading, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fave_bench.rendering.runs import Shown

Plane = Literal["tsne", "pca"]
UNRELATED = 2**0.5
"""Distance of two unit vectors at a right angle."""


def triptychs(
    shown: "Sequence[Shown[Any]]",
    words: str,
    plane: "Callable[[Axes, Any, Plane], None]",
    distances: "Callable[[Axes, Any], None]",
) -> "Figure":
    """Three panels a run: ``plane(axes, row, which)`` draws into two, ``distances(axes, row)`` into the third."""
    margins = (0.36, 0.1, 0.58, 0.42)
    figure, all_axes = panels(3 * len(shown), words, width=2.5, height=2.75, across=3, margins=margins)
    for i, run in enumerate(shown):
        near, flat, far = all_axes[3 * i : 3 * i + 3]
        for axes, which in zip((near, flat), get_args(Plane), strict=True):
            _frame(axes)
            plane(axes, run.row, which)
        distances(far, run.row)
        heading(near, f"{run.board.heading} · {run.title}", "t-SNE", size=9)
        heading(flat, "", f"PCA, {100 * run.row.layout.explained:.0f} % of the variance", size=9)
    return figure


def coordinates(planes: Planes, which: Plane) -> tuple[list[float], list[float]]:
    """x and y of points in one of the planes."""
    points: Points = getattr(planes, which)
    return [x for x, _ in points], [y for _, y in points]


def how_laid(layouts: Sequence[Layout]) -> str:
    """The parameters of the planes, for a caption."""
    perplexities = sorted({round(layout.perplexity, 1) for layout in layouts})
    versions, seeds = (sorted({getattr(layout, field) for layout in layouts}) for field in ("scikit_learn", "seed"))
    return (
        f"Vectors are L2-normalised, then laid out together for each row of panels (t-SNE of scikit-learn "
        f"{', '.join(versions)}, perplexity {_words(perplexities)}, seed {_words(seeds)}); t-SNE keeps neighbours, not "
        "lengths."
    )


def _words(numbers: Sequence[float]) -> str:
    return " or ".join(f"{number:g}" for number in numbers)


def _frame(axes: "Axes") -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_aspect("equal", "datalim")
    for side in ("top", "right", "bottom", "left"):
        axes.spines[side].set_visible(True)
        axes.spines[side].set_color(FAINT)


def scatter(axes: "Axes", planes: Planes, which: Plane, color: str, *, size: float, alpha: float, marker: str) -> None:
    """Filled markers without an edge, or strokes."""
    edge = 0.6 if marker == "x" else 0.0
    x, y = coordinates(planes, which)
    axes.plot(x, y, marker, markersize=size, color=color, alpha=alpha, markeredgewidth=edge)


def limits(distances: Sequence[float]) -> tuple[float, float]:
    """Of an axis on which all these distances and UNRELATED have room."""
    low, high = min([*distances, UNRELATED]), max([*distances, UNRELATED])
    room = max(0.1 * (high - low), 0.01)
    return low - room, high + room
