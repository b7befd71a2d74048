"""The one form every dataset takes: all users' items in time order, as compressed rows."""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int32]


@dataclass(frozen=True)
class Sequences:
    """Interactions of U users with N items, users contiguous, each user's items in time order.

    Ids are canonical: items are numbered 1..N by first appearance when users are read in order (0 is padding),
    so every route that keeps the same sequences gives the same arrays and the same fingerprint.
    """

    name: str
    """Catalogue name, or the user's own."""
    offsets: NDArray[np.int64]
    """(U + 1,): user u's items are ``items[offsets[u]:offsets[u + 1]]``."""
    items: IntArray
    """(A,) item ids in 1..N."""
    times: NDArray[np.int64] | None = None
    """(A,) Unix seconds, or what else the source counts in whole numbers; None where it has no times."""
    user_labels: tuple[str, ...] = ()
    """(U,) the source's own user ids, in canonical order."""
    item_labels: tuple[str, ...] = ()
    """(N,) the source's own item ids; item i is ``item_labels[i - 1]``."""
    source: str = ""
    """Where it was read from, in words fit for a record (file name and format, no directory)."""
    synthetic: bool = False
    oracle: dict[str, float] = field(default_factory=dict)
    """Best metrics any model can expect on the test targets, where the generator knows them (fractions)."""

    @property
    def num_users(self) -> int:
        return len(self.offsets) - 1

    @property
    def owner(self) -> NDArray[np.int64]:
        """(A,) the user of each position."""
        return np.repeat(np.arange(self.num_users), np.diff(self.offsets))

    @cached_property
    def num_items(self) -> int:
        return int(self.items.max(initial=0))

    @property
    def num_actions(self) -> int:
        return len(self.items)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the sequences alone: equal for all routes to the same users' same item order."""
        digest = hashlib.sha256(b"fave-bench sequences 1\n")
        digest.update(np.asarray(self.offsets, dtype="<i8").tobytes())
        digest.update(np.asarray(self.items, dtype="<i4").tobytes())
        return digest.hexdigest()
