"""How the users' lists share the catalogue out: everything that follows from how often each item is shown.

Lists are (E, K) item ids without duplicates, 0 where candidates ran out; `shown` is (N,) from `times_shown`.
"""

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int32]
LongArray = NDArray[np.int64]


def times_shown(lists: IntArray, num_items: int) -> LongArray:
    """(N,) lists that hold each item; item i is at i - 1."""
    return np.bincount(lists.ravel(), minlength=num_items + 1)[1:]


def coverage(shown: LongArray) -> float:
    """Share of the catalogue that somebody is shown, in [0, 1]."""
    return float((shown > 0).mean())


def gini(shown: LongArray) -> float:
    """Gini coefficient of exposure: 0 where all items are shown equally often, 1 - 1/N where one gets everything.

    Half the mean absolute difference between two items over the mean, as a weighted sum of the sorted counts.
    """
    n = len(shown)
    weights = 2 * np.arange(1, n + 1) - n - 1
    return float(weights @ np.sort(shown) / (n * shown.sum()))


def mean_popularity(shown: LongArray, popularity: LongArray) -> float:
    """Mean of (N,) `popularity` over all places of all lists, in its own unit."""
    return float(shown @ popularity / shown.sum())


def overlap(shown: LongArray, users: int, length: int) -> float:
    """Share of a list of `length` that a second user's list holds too, averaged over all pairs of users.

    An item in c of the lists is shared by c (c - 1) / 2 of the U (U - 1) / 2 pairs, so nothing is sampled. Equal to
    1 where everybody gets the same full list, and 0 for a single user.
    """
    return float(shown @ (shown - 1) / (length * max(1, users * (users - 1))))
