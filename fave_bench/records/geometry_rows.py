"""Where a run's states lie: in a plane, to be drawn, and by their distances, to be compared.

The coordinates are kept because t-SNE gives others on another platform; what is drawn from them is the same anywhere.
Distances are Euclidean after L2 normalisation, so from 0 to 2 whatever the scale of a model's vectors.
"""

from typing import Annotated

from pydantic import Field, FiniteFloat

from fave_bench.records.row import Frozen, RunRow

Points = list[tuple[FiniteFloat, FiniteFloat]]
Quartiles = Annotated[list[FiniteFloat], Field(min_length=3, max_length=3)]
"""Lower quartile, median and upper quartile over users."""


class Planes(Frozen):
    """The same vectors, L2-normalised, laid into two planes."""

    tsne: Points
    """By t-SNE: neighbours stay neighbours, lengths and empty space mean nothing."""
    pca: Points
    """On the two directions of largest variance."""


class Layout(Frozen):
    """How all vectors of a row were laid out, together."""

    vectors: int
    perplexity: FiniteFloat
    seed: int
    """Of t-SNE, and of every choice of users and items."""
    scikit_learn: str
    """Version of the library."""
    explained: FiniteFloat
    """Share of the variance that the two directions of PCA hold."""


class Path(Frozen):
    """One test user's states shown, from the prior to the prediction."""

    user: int
    """Canonical index."""
    target: int
    """Item id of the test target."""
    at: Planes


class TrajectoriesRow(RunRow):
    """The way from the prior to the prediction, in the run's own steps and with the noise it was ranked by."""

    steps: int
    users: int
    """Over whom the quartiles are taken: test users, evenly spaced."""
    straightness: FiniteFloat
    """Median of path length over displacement, of the vectors as they are; 1 is straight."""
    straightness_quartiles: Quartiles
    shown: list[int]
    """Numbers of the states that all below is about, 0 being the prior and the last the prediction."""
    to_target: list[Quartiles]
    """Per state shown, its distance to the target's vector."""
    to_other: list[Quartiles]
    """Per state shown, its distance to the vector of an item drawn at random: what closeness to just any item is."""
    layout: Layout
    paths: list[Path]
    targets: dict[int, Planes]
    """Item id -> the target's vector, one point in each plane."""
    items: Planes
    """Vectors of items drawn at random from the catalogue."""


class PriorDistance(Frozen):
    """From the states that one prior draws to item vectors, over `users`."""

    to_target: Quartiles
    to_other: Quartiles
    """To an item drawn at random."""
    nearer: FiniteFloat
    """Share of the users whose target is the nearer of the two. Of noise a half; a prior that is alike for all users is
    off a half where it leans to popular items, as targets are, or away from them."""


class PriorsRow(RunRow):
    """Where a model may start, seen beside where it should end."""

    users: int
    """Over whom the distances are taken: test users, evenly spaced."""
    own: str
    """The prior the run was trained and ranked with; empty if it is none of those the model names."""
    distances: dict[str, PriorDistance]
    """Prior -> its distances; `Gaussian noise` is always one."""
    layout: Layout
    clouds: dict[str, Planes]
    """Prior -> states of some of the users; and `target`, the vectors of these users' targets."""
