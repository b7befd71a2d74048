"""Test users in groups: by the length of their history, and by how popular their target was in training."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import Split

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Grouping:
    """Every test user in exactly one group."""

    by: str
    users: Ints
    """(E,) canonical user indices, in the phase's order."""
    unit: str
    """What `bounds` count."""
    names: tuple[str, ...]
    """Words for the groups, in order; empty strings where the bounds say all."""
    bounds: tuple[tuple[int, int], ...]
    """Smallest and largest count among each group's users."""
    group: Ints
    """(E,) index of each user's group, in the phase's order."""

    @property
    def sizes(self) -> list[int]:
        """Users in each group."""
        return [int(size) for size in np.bincount(self.group)]


def history_length(split: Split, quantiles: int = 4) -> Grouping:
    """Groups of about equal size by the items before the test target; equal lengths stay together."""
    lengths = split.test.stop - split.test.start
    cuts = np.quantile(lengths, np.arange(1, quantiles) / quantiles, method="inverted_cdf")
    group = np.searchsorted(cuts, lengths)
    return _grouping("history length", split, "items", lengths, group, ("",) * quantiles)


def target_popularity(sequences: Sequences, split: Split) -> Grouping:
    """Head, mid and tail of the catalogue: the most popular items that hold a third of all training actions, then the
    next third, then the rest, an item that training never saw included. Items equally popular stay together.
    """
    counts = training_counts(sequences, split)
    _, place = np.unique(counts, return_inverse=True)
    actions = np.bincount(place, weights=counts)
    more_popular = actions[::-1].cumsum()[::-1] - actions  # actions of the items above each level
    third = np.minimum(2, 3 * more_popular // max(1.0, actions.sum())).astype(np.int64)  # 0 is the head
    targets = sequences.items[split.test.stop]
    group = (2 - third)[place][targets]
    return _grouping("target popularity", split, "training actions", counts[targets], group, ("tail", "mid", "head"))


def training_counts(sequences: Sequences, split: Split) -> Ints:
    """(N + 1,): how often each item id occurs in training."""
    return np.bincount(sequences.items[split.trained(sequences)], minlength=sequences.num_items + 1)


def _grouping(by: str, split: Split, unit: str, counts: Ints, group: Ints, names: tuple[str, ...]) -> Grouping:
    """Of the test users, without the groups that nobody is in."""
    found, renumbered = np.unique(group, return_inverse=True)
    members = [counts[renumbered == i] for i in range(len(found))]
    bounds = tuple((int(each.min()), int(each.max())) for each in members)
    return Grouping(by, split.test.users, unit, tuple(names[i] for i in found), bounds, renumbered)
