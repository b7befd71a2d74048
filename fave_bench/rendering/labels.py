"""Words beside points, so that a figure needs no legend: each goes where it covers the least."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Pixels = NDArray[np.float64]
ANGLES = (0, 180, 90, 270, 45, 135, 315, 225, 20, 160, 340, 200)
"""Degrees, in order of preference."""
LEADER = 14.0
"""Points of distance from which a thin line joins a label to what it names."""
INCHES_A_LETTER = 0.058
"""At 7 points."""


@dataclass(frozen=True)
class Label:
    text: str
    x: float
    y: float
    color: str
    size: float = 8.0
    weight: Literal["normal", "bold"] = "normal"
    reach: tuple[float, ...] = (6, 10, 16, 24, 34, 46)
    """Distances in points that may be tried."""


@dataclass(frozen=True)
class _Spot:
    """A place a label could take: offset in points, alignment, and the box it would cover, in pixels."""

    offset: tuple[float, float]
    horizontal: Literal["left", "center", "right"]
    vertical: Literal["bottom", "center", "top"]
    box: Pixels
    """(4,) left, bottom, right, top."""
    distance: float


def place(axes: "Axes", labels: Sequence[Label], obstacles: Pixels) -> None:
    """Write the labels into `axes`, the first ones having first choice. Call when the limits of the axes are final.

    `obstacles` (n, 2), in data coordinates, are not to be covered: markers, and points along lines.
    """
    dots, taken = axes.transData.transform(obstacles), np.zeros((0, 4))
    frame = np.array(axes.get_window_extent().extents)
    named = axes.transData.transform([(label.x, label.y) for label in labels]).reshape(-1, 2)
    for i, label in enumerate(labels):
        spots = list(_spots(axes, label))
        own, others = named[i], np.delete(named, i, axis=0)
        costs = [_cost(spot, dots, taken, frame) + _mistaken(spot.box, own, others) for spot in spots]
        best = spots[int(np.argmin(costs))]
        taken = np.vstack([taken, best.box])
        leader = {"arrowstyle": "-", "color": label.color, "lw": 0.5, "alpha": 0.6, "shrinkB": 2}
        axes.annotate(
            label.text, (label.x, label.y), best.offset, textcoords="offset points", ha=best.horizontal,
            va=best.vertical, size=label.size, color=label.color, weight=label.weight, zorder=6,
            arrowprops=leader if best.distance >= LEADER else None,
        )  # fmt: skip


def column(axes: "Axes", labels: Sequence[Label]) -> None:
    """Write the labels one below the other beside `axes`, each joined to its point and as near its height as it can."""
    if not labels:
        return
    ordered = sorted(labels, key=lambda label: label.y)
    frame = axes.get_window_extent()
    gap = 1.25 * max(_size(axes, label)[1] for label in ordered) / frame.height
    heights = apart([axes.transLimits.transform((0, label.y))[1] for label in ordered], gap)
    for label, height in zip(ordered, heights, strict=True):
        axes.annotate(
            label.text, (label.x, label.y), (1.06, height), textcoords="axes fraction", ha="left", va="center",
            size=label.size, color=label.color, weight=label.weight, annotation_clip=False,
            arrowprops={
                "arrowstyle": "-", "color": label.color, "lw": 0.5, "alpha": 0.45, "shrinkA": 1, "shrinkB": 3,
                "relpos": (0, 0.5),  # to the word's left edge: the middle is behind other words
            },
        )  # fmt: skip


def room(names: Iterable[str]) -> float:
    """Inches beside axes in which `column` can write the longest of them at 7 points."""
    return max(map(len, names), default=0) * INCHES_A_LETTER + 0.2


def apart(heights: Sequence[float], gap: float) -> list[float]:
    """Rising heights moved up until neighbours are `gap` apart, then down where they would leave the top, 1."""
    found = list[float]()
    for height in heights:
        found.append(max(height, found[-1] + gap) if found else height)
    for i in reversed(range(len(found))):
        found[i] = min(found[i], found[i + 1] - gap if i + 1 < len(found) else 1.0)
    return found


def along(x: Sequence[float], y: Sequence[float], axes: "Axes", every: float = 6.0) -> Pixels:
    """(n, 2) data coordinates of points on the polyline through (x, y), about `every` pixels apart."""
    corners = axes.transData.transform(np.column_stack([x, y]))
    pieces = [corners[-1:]]
    for begin, end in pairwise(corners):
        count = max(1, int(np.hypot(*(end - begin)) / every))
        pieces.append(begin + (end - begin) * np.linspace(0, 1, count, endpoint=False)[:, None])
    return np.asarray(axes.transData.inverted().transform(np.vstack(pieces)))


def _spots(axes: "Axes", label: Label) -> Iterator[_Spot]:
    width, height = _size(axes, label)
    at = axes.transData.transform((label.x, label.y))
    figure = axes.get_figure(root=True)
    assert figure
    scale = figure.dpi / 72
    for distance in label.reach:
        for angle in np.deg2rad(ANGLES):
            offset = distance * np.array([np.cos(angle), np.sin(angle)])
            side, level = (0 if abs(part) < 0.3 * distance else np.sign(part) for part in offset)
            corner = at + offset * scale - np.array([(1 - side) / 2 * width, (1 - level) / 2 * height])
            yield _Spot(
                offset=(float(offset[0]), float(offset[1])),
                horizontal="left" if side > 0 else "right" if side < 0 else "center",
                vertical="bottom" if level > 0 else "top" if level < 0 else "center",
                box=np.concatenate([corner, corner + np.array([width, height])]),
                distance=distance,
            )


def _size(axes: "Axes", label: Label) -> tuple[float, float]:
    """Width and height in pixels."""
    trial = axes.text(0, 0, label.text, size=label.size, weight=label.weight)
    extent = trial.get_window_extent()
    trial.remove()
    return float(extent.width), float(extent.height)


def _cost(spot: _Spot, dots: Pixels, taken: Pixels, frame: Pixels) -> float:
    """Area of other labels covered weighs most, then leaving the frame, then dots covered, then distance."""
    left, bottom, right, top = spot.box + np.array([-1, -1, 1, 1])
    wide = np.minimum(right, taken[:, 2]) - np.maximum(left, taken[:, 0])
    high = np.minimum(top, taken[:, 3]) - np.maximum(bottom, taken[:, 1])
    covered = float((wide.clip(0) * high.clip(0)).sum())
    outside = float(np.maximum(0, [frame[0] - left, frame[1] - bottom, right - frame[2], top - frame[3]]).sum())
    inside = (dots[:, 0] > left) & (dots[:, 0] < right) & (dots[:, 1] > bottom) & (dots[:, 1] < top)
    return 3 * covered + 60 * outside + 40 * int(inside.sum()) + 2 * spot.distance


def _mistaken(box: Pixels, own: Pixels, others: Pixels) -> float:
    """For every other named point that the words are as near to as to their own."""
    return 60 * float((_apart_from(box, others) <= _apart_from(box, own[None])).sum())


def _apart_from(box: Pixels, points: Pixels) -> Pixels:
    """(n,) pixels between a box and points (n, 2), 0 inside."""
    gaps = np.maximum(0, np.maximum(box[:2] - points, points - box[2:]))
    return np.hypot(gaps[:, 0], gaps[:, 1])
