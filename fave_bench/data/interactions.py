"""Raw actions as they stand in a file, and the one way they become `Sequences`."""

import re
from array import array
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fave_bench.data.sequences import IntArray, Sequences
from fave_bench.errors import BenchError

INTEGER = re.compile(r"-?[0-9]{1,18}")
"""An id that counts as an integer; the bound keeps the conversion of hostile ids cheap."""


@dataclass(frozen=True)
class Interactions:
    """A actions in file order; users and items are codes that index their labels."""

    users: IntArray
    """(A,) codes of users."""
    items: IntArray
    """(A,) codes of items."""
    times: NDArray[np.int64] | None
    """(A,) Unix seconds, or what else the source counts in whole numbers; None where file order is time order."""
    user_labels: Sequence[str]
    item_labels: Sequence[str]

    def __len__(self) -> int:
        return len(self.users)

    def select(self, chosen: NDArray[Any]) -> "Interactions":
        """The actions of a boolean mask or index array, with the labels unchanged."""
        times = None if self.times is None else self.times[chosen]
        return Interactions(self.users[chosen], self.items[chosen], times, self.user_labels, self.item_labels)


class Codes(dict[Hashable, int]):
    """Numbers labels 0, 1, 2, … as they are first asked for."""

    def __missing__(self, label: Hashable) -> int:
        code = self[label] = len(self)
        return code


class Collector:
    """Takes actions one by one, in 16 bytes each, so that a reader never holds its file."""

    def __init__(self) -> None:
        self.user_codes, self.item_codes = Codes(), Codes()
        self._users, self._items, self._times = array("i"), array("i"), array("q")

    def add(self, user: Hashable, item: Hashable, time: int) -> None:
        """One timed action; a source has times for all of its actions or for none."""
        self._users.append(self.user_codes[user])
        self._items.append(self.item_codes[item])
        self._times.append(time)

    def extend(self, user: Hashable, items: Iterable[Hashable]) -> None:
        """One user's actions without times, oldest first."""
        codes = self.item_codes
        before = len(self._items)
        self._items.extend([codes[item] for item in items])
        self._users.extend([self.user_codes[user]] * (len(self._items) - before))

    def done(self, label: Callable[[Any], str] = str) -> Interactions:
        """What was collected; `label` turns the keys given above into the source's own ids."""
        times = np.frombuffer(self._times, np.int64) if self._times else None
        return Interactions(
            users=np.frombuffer(self._users, np.int32) if self._users else np.zeros(0, np.int32),
            items=np.frombuffer(self._items, np.int32) if self._items else np.zeros(0, np.int32),
            times=times,
            user_labels=[label(key) for key in self.user_codes],
            item_labels=[label(key) for key in self.item_codes],
        )


def to_sequences(actions: Interactions, name: str, source: str) -> Sequences:
    """Group actions by user in time order and number users and items canonically.

    Users ascend by integer value where every user id is an integer, else follow their first appearance. Actions of
    one user are sorted by time, and those of the same second keep file order: the test target of 415 of the 943
    users of ml-100k hangs on it. Items are numbered 1..N by first appearance in that order.
    Raises BenchError where nothing is left.
    """
    if len(actions) == 0:
        raise BenchError(f"{name}: no interactions are left in {source}")
    kept = _first_appearances(actions.users)
    labels = [actions.user_labels[code] for code in kept]
    by_id = _integer_order(labels)
    rank = np.zeros(len(actions.user_labels), np.int32)
    rank[kept[by_id]] = np.arange(len(kept), dtype=np.int32)
    users = rank[actions.users]
    keys = (users,) if actions.times is None else (actions.times, users)
    order = np.lexsort(keys)  # stable: ties keep file order
    old_items = actions.items[order]
    item_order = _first_appearances(old_items)
    number = np.zeros(len(actions.item_labels), np.int32)
    number[item_order] = np.arange(1, len(item_order) + 1, dtype=np.int32)
    return Sequences(
        name=name,
        offsets=np.concatenate([[0], np.cumsum(np.bincount(users))]).astype(np.int64),
        items=number[old_items],
        times=None if actions.times is None else actions.times[order],
        user_labels=tuple(labels[i] for i in by_id),
        item_labels=tuple(actions.item_labels[code] for code in item_order),
        source=source,
    )


def _first_appearances(codes: IntArray) -> NDArray[np.int64]:
    """Distinct codes in the order in which they first occur."""
    distinct, first = np.unique(codes, return_index=True)
    return distinct[np.argsort(first)].astype(np.int64)


def _integer_order(labels: Sequence[str]) -> NDArray[np.int64]:
    if all(map(INTEGER.fullmatch, labels)):
        return np.argsort(np.array([int(label) for label in labels], np.int64), kind="stable")
    return np.arange(len(labels))
