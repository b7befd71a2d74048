"""Where a model may start, and where it should end (FAVE, Figure 4), with the distances between them."""

from collections.abc import Iterator, Sequence
from functools import partial

from fave_bench.records.geometry_rows import PriorsRow
from fave_bench.rendering.picture import Picture
from fave_bench.rendering.priors_drawing import draw
from fave_bench.rendering.runs import RUN, Shown
from fave_bench.rendering.table_model import Scalar
from fave_bench.rendering.trajectories import points
from fave_bench.rendering.triptych import how_laid

COLUMNS = (
    *RUN, "kind", "prior", "own_prior", "tsne_x", "tsne_y", "pca_x", "pca_y", "users",
    "lower_quartile", "median", "upper_quartile", "nearer_share",
)  # fmt: skip


def picture(shown: Sequence[Shown[PriorsRow]]) -> Picture:
    """The picture of these runs, of which there must be one."""
    words = caption(shown)
    return Picture(
        name="priors",
        title="Priors and targets",
        caption=words,
        columns=COLUMNS,
        rows=tuple(dict.fromkeys(COLUMNS) | run.about | row for run in shown for row in _rows(run.row)),
        draw=partial(draw, shown, words),
    )


def caption(shown: Sequence[Shown[PriorsRow]]) -> str:
    """What a reader must know to read the picture right."""
    rows = [run.row for run in shown]
    drawn = sorted({len(planes.tsne) for row in rows for planes in row.clouds.values()})
    users = sorted({row.users for row in rows})
    said = [
        (True, f"Left and middle: start states of {' or '.join(map(str, drawn))} test users under each prior, and the "
               "vectors of these users' targets (black), all on the weights of one run."),
        (True, how_laid([row.layout for row in rows])),
        (True, f"Right: distance from the start to the user's target (dot; lower is better) and to an item drawn at "
               f"random (ring), median and quartiles over {' or '.join(map(str, users))} test users, vectors "
               "L2-normalised: 0 is the same direction, √2 (grey) a right angle. Percent: users whose target is the "
               "nearer of the two. Targets are popular more often than random items are, so a prior that leans to the "
               "popular, or away from them, is off 50 % without knowing anything of the user. Bold: the prior the run "
               "was trained and ranked with."),
        (any(run.record.truncated for run in shown), "† stopped by a budget: no verdict on the model."),
    ]  # fmt: skip
    return " ".join(sentence for needed, sentence in said if needed)


def _rows(row: PriorsRow) -> Iterator[dict[str, Scalar]]:
    for prior, found in row.distances.items():
        for kind, quartiles in (("to target", found.to_target), ("to other", found.to_other)):
            low, median, high = (round(value, 6) for value in quartiles)
            yield {
                "kind": kind, "prior": prior, "own_prior": prior == row.own, "users": row.users,
                "lower_quartile": low, "median": median, "upper_quartile": high, "nearer_share": found.nearer,
            }  # fmt: skip
    for name, planes in row.clouds.items():
        what: dict[str, Scalar] = {"kind": name}
        if name in row.distances:
            what = {"kind": "start", "prior": name, "own_prior": name == row.own}
        yield from (what | point for point in points(planes))
