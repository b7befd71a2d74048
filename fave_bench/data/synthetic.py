"""Generated datasets whose law is known, so that the best possible metrics are known too.

Every user belongs to one hidden group. A step follows the last item with probability `order`, through a sparse
table of successors; otherwise it draws uniformly from the user's group, or with probability `stray` from outside.
Items already in the history are left out and the rest renormalised, so a target never is in its own history.
`markov` has ``order`` 1, so only the last item counts; `bag` has ``order`` 0, so its order cannot count at all.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fave_bench.data.interactions import Interactions, to_sequences
from fave_bench.data.oracle import Oracle
from fave_bench.data.sequences import Sequences
from fave_bench.errors import UsageError

FloatArray = NDArray[np.float64]
SUCCESSORS = (0.5, 0.25, 0.125, 0.0625)
"""Probabilities of an item's four successors; the rest is spread over all items. Exact in binary."""


@dataclass(frozen=True)
class Process:
    """The law of one synthetic dataset. All arithmetic is elementwise IEEE, so a seed gives the same data anywhere."""

    seed: int
    users: int
    items: int
    groups: int
    shortest: int
    longest: int
    """Lengths are uniform from `shortest` to `longest`, which is below the size of a group."""
    order: float
    stray: float

    @cached_property
    def transitions(self) -> FloatArray:
        """(N, N) probability of the next item (column) after the last one (row), before leaving out seen ones."""
        rng = np.random.default_rng([self.seed, 1])
        table = np.full((self.items, self.items), (1 - sum(SUCCESSORS)) / self.items)
        successors = np.argsort(rng.random((self.items, self.items)), axis=1)[:, : len(SUCCESSORS)]
        table[np.arange(self.items)[:, None], successors] += SUCCESSORS
        return table

    @cached_property
    def group_of(self) -> NDArray[np.int64]:
        """(N,) group of each item; groups are of equal size."""
        return np.arange(self.items) % self.groups


class Moment:
    """All users at one position: what each has seen, and the law of what comes next."""

    def __init__(self, process: Process, last: NDArray[np.int64] | None, unseen: NDArray[np.bool_]) -> None:
        """`last` is the (U,) last item, None before the first step, which always draws from the group."""
        self.process, self.unseen = process, unseen
        left = unseen.reshape(len(unseen), -1, process.groups).sum(1)
        self.inside: FloatArray = (1 - process.stray) / left
        """(U, G) probability of one unseen item of the group, for a user of each group."""
        self.outside: FloatArray = process.stray / np.maximum(left.sum(1, keepdims=True) - left, 1)
        """(U, G) probability of one unseen item of other groups."""
        self.order = 0.0 if last is None else process.order
        self.following: FloatArray = np.zeros(unseen.shape)
        """(U, N) probability of each item as a successor of the last one."""
        if last is not None:
            allowed = np.where(unseen, process.transitions[last], 0)
            self.following = allowed / allowed.cumsum(1)[:, -1:]

    def predict(self, belief: FloatArray) -> FloatArray:
        """(U, N) probability of each next item, given (U, G) belief in the groups."""
        inside, outside = belief * self.inside, belief * self.outside
        by_group = inside + (outside.cumsum(1)[:, -1:] - outside)
        from_group = np.where(self.unseen, by_group[:, self.process.group_of], 0)
        return self.order * self.following + (1 - self.order) * from_group

    def likelihood(self, chosen: NDArray[np.int64]) -> FloatArray:
        """(U, G) probability of the (U,) chosen items for a user of each group."""
        own = self.process.group_of[chosen][:, None] == np.arange(self.process.groups)
        following = self.following[np.arange(len(chosen)), chosen][:, None]
        return self.order * following + (1 - self.order) * np.where(own, self.inside, self.outside)


@dataclass(frozen=True)
class Step:
    """One position of every sequence, before it is cut to its length."""

    predicted: FloatArray
    """(U, N) exact probability of the item at this position given only the items before it."""
    chosen: NDArray[np.int64]
    """(U,) the item that came, counted from 0."""


def steps(process: Process) -> Iterator[Step]:
    """Draw all users' sequences side by side, with what an all-knowing observer would predict at each position.

    The observer knows the process and the history but not the group, and keeps its exact posterior by Bayes' rule.
    """
    rng = np.random.default_rng([process.seed, 2])
    users = np.arange(process.users)
    truth = np.eye(process.groups)[rng.integers(process.groups, size=process.users)]
    belief = np.full((process.users, process.groups), 1 / process.groups)
    unseen = np.ones((process.users, process.items), bool)
    last = None
    for _ in range(process.longest):
        moment = Moment(process, last, unseen)
        last = _drawn(moment.predict(truth), rng)
        yield Step(moment.predict(belief), last)
        belief = belief * moment.likelihood(last)
        belief /= belief.cumsum(1)[:, -1:]
        unseen[users, last] = False


def _drawn(probability: FloatArray, rng: np.random.Generator) -> NDArray[np.int64]:
    cumulative = probability.cumsum(1)
    return (cumulative <= rng.random((len(cumulative), 1)) * cumulative[:, -1:]).sum(1)


def lengths(process: Process) -> NDArray[np.int64]:
    """(U,) actions of each user, independent of what they are."""
    rng = np.random.default_rng([process.seed, 3])
    return rng.integers(process.shortest, process.longest + 1, size=process.users)


PROCESSES = {
    "demo": Process(seed=1, users=1000, items=500, groups=10, shortest=10, longest=40, order=0.75, stray=0.1),
    "markov": Process(seed=2, users=2000, items=200, groups=1, shortest=10, longest=30, order=1.0, stray=0.0),
    "bag": Process(seed=3, users=2000, items=400, groups=10, shortest=8, longest=20, order=0.0, stray=0.1),
}


def generate(name: str) -> Sequences:
    """The synthetic dataset of that catalogue name, the same on every machine."""
    if name == "steam-shaped":
        from fave_bench.data.steam_shaped import steam_shaped

        return steam_shaped()
    return realise(PROCESSES[name], name)


def realise(process: Process, name: str) -> Sequences:
    """Draw the process and cut each user to a length of their own."""
    length = lengths(process)
    best = Oracle(length)
    drawn = []
    for position, step in enumerate(steps(process)):
        best.watch(position, step.predicted)
        drawn.append(step.chosen)
    actions = Interactions(
        users=np.repeat(np.arange(process.users, dtype=np.int32), length),
        items=np.stack(drawn, axis=1)[np.arange(process.longest) < length[:, None]].astype(np.int32),
        times=None,
        user_labels=[str(user + 1) for user in range(process.users)],
        item_labels=[str(item + 1) for item in range(process.items)],
    )
    sequences = to_sequences(actions, name, f"generated, seed {process.seed}")
    return replace(sequences, synthetic=True, oracle=best.metrics())


def refuse_source(name: str, source: Path | None, *, changed: bool) -> None:
    """Raise UsageError where the user wants to read or filter what is generated."""
    if source or changed:
        raise UsageError(f"'{name}' is generated, so it takes neither a source nor reading options")
