"""From the prior to the prediction, state by state (FAVE, Figure 3), and how straight the way is."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial

from fave_bench.records.geometry_rows import Planes, TrajectoriesRow
from fave_bench.rendering.picture import Picture
from fave_bench.rendering.runs import RUN, Shown
from fave_bench.rendering.table_model import Scalar
from fave_bench.rendering.trajectories_drawing import draw
from fave_bench.rendering.triptych import how_laid

COLUMNS = (
    *RUN, "kind", "user", "item", "step", "tsne_x", "tsne_y", "pca_x", "pca_y", "users",
    "lower_quartile", "median", "upper_quartile",
)  # fmt: skip


def picture(shown: Sequence[Shown[TrajectoriesRow]]) -> Picture:
    """The picture of these runs, of which there must be one."""
    words = caption(shown)
    return Picture(
        name="trajectories",
        title="From the prior to the prediction",
        caption=words,
        columns=COLUMNS,
        rows=tuple(dict.fromkeys(COLUMNS) | run.about | row for run in shown for row in _rows(run.row)),
        draw=partial(draw, shown, words),
    )


def caption(shown: Sequence[Shown[TrajectoriesRow]]) -> str:
    """What a reader must know to read the picture right."""
    rows = [run.row for run in shown]
    targets, users = max(len(row.targets) for row in rows), sorted({row.users for row in rows})
    users_each = max(count for row in rows for count in Counter(path.target for path in row.paths).values())
    thinned = any(len(row.shown) <= row.steps for row in rows)
    said = [
        (True, f"Left and middle: states of test users on their way from the prior (ring) to the prediction (dot), "
               f"with the noise they were ranked by. Colours: the {targets} most frequent test targets, each a star "
               f"and up to {users_each} of its users; grey: items of the catalogue."),
        (thinned, "Of long ways some states are left out."),
        (True, how_laid([row.layout for row in rows]) + " Normalising bends even a straight way."),
        (True, f"Right: distance of each state to the user's target (line; lower is better) and to an item drawn at "
               f"random (dashed), median and quartiles over {' or '.join(map(str, users))} test users, vectors "
               "L2-normalised: 0 is the same direction, √2 (grey) a right angle. Path ÷ displacement: over the same "
               "users, of the vectors as they are; 1 is straight, and a single step always is."),
        (any(run.record.truncated for run in shown), "† stopped by a budget: no verdict on the model."),
    ]  # fmt: skip
    return " ".join(sentence for needed, sentence in said if needed)


def _rows(row: TrajectoriesRow) -> Iterator[dict[str, Scalar]]:
    yield {"kind": "straightness", "step": row.steps, "users": row.users, **_quartiles(row.straightness_quartiles)}
    for kind, per_state in (("to target", row.to_target), ("to other", row.to_other)):
        for step, quartiles in zip(row.shown, per_state, strict=True):
            yield {"kind": kind, "step": step, "users": row.users, **_quartiles(quartiles)}
    for item, planes in row.targets.items():
        yield from ({"kind": "target", "item": item, **point} for point in points(planes))
    yield from ({"kind": "item", **point} for point in points(row.items))
    for path in row.paths:
        for step, point in zip(row.shown, points(path.at), strict=True):
            yield {"kind": "state", "user": path.user, "item": path.target, "step": step, **point}


def points(planes: Planes) -> Iterator[dict[str, Scalar]]:
    """A point's coordinates in both planes."""
    for (tsne_x, tsne_y), (pca_x, pca_y) in zip(planes.tsne, planes.pca, strict=True):
        yield {"tsne_x": tsne_x, "tsne_y": tsne_y, "pca_x": pca_x, "pca_y": pca_y}


def _quartiles(values: list[float]) -> dict[str, Scalar]:
    names = ("lower_quartile", "median", "upper_quartile")
    return {name: round(value, 6) for name, value in zip(names, values, strict=True)}
