"""Steam's size without Steam's data: the papers' exact counts, with long-tailed lengths and popularity.

For measurements of memory and speed only. Nothing about its order can be learnt, so accuracy on it means nothing.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fave_bench.data.interactions import Interactions, to_sequences
from fave_bench.data.sequences import Sequences

USERS, ITEMS, ACTIONS = 281_428, 13_044, 3_485_022
SHORTEST, LONGEST = 5, 2_000
"""Bounds of a user's length: a 5-core's minimum, and the order of Steam's most active reviewers."""
HEAD = 30.0
"""Items at the top among which popularity is nearly level, as for Steam's handful of free games."""
SEED = 4


def steam_shaped(users: int = USERS, items: int = ITEMS, actions: int = ACTIONS) -> Sequences:
    """Exactly so many users, items and actions; every user has at least 5 actions and every item at least 1.

    No user meets an item twice. Lengths follow a power law with exponent 2, popularity 1 / (rank + 30).
    """
    rng = np.random.default_rng(SEED)
    length = lengths(users, actions, rng)
    owner = np.repeat(np.arange(users, dtype=np.int32), length)
    drawn = _without_repeats(owner, items, rng)
    labels = [str(number + 1) for number in range(max(users, items))]
    sequences = to_sequences(
        Interactions(owner, drawn, None, labels[:users], labels[:items]), "steam-shaped", f"generated, seed {SEED}"
    )
    return replace(sequences, synthetic=True)


def lengths(users: int, actions: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """(users,) lengths of at least 5 that sum to `actions` exactly."""
    tail = 1 / np.sqrt(1 - rng.random(users)) - 1  # Pareto with exponent 2: mean 1, infinite variance
    spare = actions - SHORTEST * users
    extra = np.minimum(np.floor(tail / tail.sum() * spare), LONGEST - SHORTEST).astype(np.int64)
    left = spare - int(extra.sum())
    lucky = rng.permutation(users)
    return SHORTEST + extra + left // users + np.bincount(lucky[: left % users], minlength=users)


def _without_repeats(owner: NDArray[np.int32], items: int, rng: np.random.Generator) -> NDArray[np.int32]:
    """(A,) items by popularity, redrawing whatever repeats within a user; each item is given to one user first."""
    cumulative = np.cumsum(1 / (np.arange(items) + HEAD))
    drawn = np.searchsorted(cumulative, rng.random(len(owner)) * cumulative[-1], side="right").astype(np.int32)
    first = np.flatnonzero(np.diff(owner, prepend=-1))
    granted = rng.permutation(first)[:items]
    drawn[granted] = np.arange(items)
    fixed = np.zeros(len(owner), bool)
    fixed[granted] = True
    suspects = np.arange(len(owner))
    while len(again := _repeats(owner, drawn, fixed, suspects, items)):
        drawn[again] = np.searchsorted(cumulative, rng.random(len(again)) * cumulative[-1], side="right")
        suspects = np.flatnonzero(np.isin(owner, owner[again]))
    return drawn


def _repeats(
    owner: NDArray[np.int32],
    drawn: NDArray[np.int32],
    fixed: NDArray[np.bool_],
    suspects: NDArray[np.int64],
    items: int,
) -> NDArray[np.int64]:
    """Positions among `suspects` whose item the same user has elsewhere; a fixed one is never to blame."""
    suspects = suspects[np.argsort(~fixed[suspects], kind="stable")]
    _, kept = np.unique(owner[suspects].astype(np.int64) * items + drawn[suspects], return_index=True)
    repeated = np.ones(len(suspects), bool)
    repeated[kept] = False
    return suspects[repeated]
