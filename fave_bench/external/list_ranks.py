"""How the targets rank in top-K lists: what the lists decide, and how far down that is.

A list says nothing of the items it leaves out but that they come after those in it. So a target that is listed has its
exact rank, and one that is not ranks below all that are. Where scores are given, items left out may tie with the last
ones listed, which are therefore not used, unless the lists are said to hold all such ties.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fave_bench.data.card import met_before
from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import Phase
from fave_bench.errors import BenchError, UsageError
from fave_bench.evaluation.candidates import seen_cells
from fave_bench.evaluation.phase_ranks import IntArray, PhaseRanks
from fave_bench.external.lists import Lists

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
ALL = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Standing:
    """The targets of E users under one protocol."""

    higher: Ints
    """(E,) listed candidates above the target; where it is not found, all that are used and known to be."""
    equal: Ints
    """(E,) other listed candidates level with it."""
    depth: Ints
    """(E,) the place down to which the target's rank is known: the length of what is used, or ALL where the target is
    found, or every candidate listed."""
    lists: IntArray | None
    """(E, K) the best candidates; None where somebody's are not known so far down."""


class ListRanking:
    """Lists of a phase's users, lined up with what is asked of them."""

    def __init__(self, lists: Lists, sequences: Sequences, phase: Phase) -> None:
        """Raises BenchError where a user of the phase has no list. Lists of other users are not used."""
        self.name, self.sequences, self.phase = lists.name, sequences, phase
        row = np.full(sequences.num_users, -1)
        row[phase.users] = np.arange(len(phase.users))
        asked = row[lists.users] >= 0
        self.row: Ints = row[lists.users[asked]]
        self.items, self.scores = lists.items[asked], lists.scores[asked]
        self._refuse_absent_users()
        self.targets = sequences.items[phase.stop]
        start, stop = torch.as_tensor(phase.start), torch.as_tensor(phase.stop)
        cells = seen_cells(
            torch.as_tensor(sequences.items), start, stop, self.vocabulary, count=int((stop - start).sum())
        )
        seen_row, seen, first = (t.numpy() for t in cells)
        self.seen: Mask = np.isin(self.row * self.vocabulary + self.items, seen_row * self.vocabulary + seen)
        self.candidates: Ints = self.vocabulary - self._count(seen_row[first])
        """(E,) how many there are under protocol filtered."""
        last = np.flatnonzero(np.append(np.diff(self.row), 1))
        self.at_cut: Mask = (self.scores == self.scores[last][self.row]) & (not lists.ranked)
        """(L,) entries that items left out may tie with."""

    @property
    def vocabulary(self) -> int:
        return self.sequences.num_items + 1

    @property
    def removed(self) -> bool:
        """Whether no list holds an item of its user's history."""
        return not (self.seen & (self.items > 0)).any()

    def refuse_history(self) -> None:
        """Raise UsageError where a list holds an item of its user's history."""
        if not self.removed:
            entry = np.flatnonzero(self.seen & (self.items > 0))[0]
            item = self.sequences.item_labels[self.items[entry] - 1]
            raise UsageError(
                f"{self.name}: --history removed, but the list of user '{self.label(self.row[entry])}' holds item "
                f"'{item}' of the history"
            )

    def label(self, row: int) -> str:
        """The source's id of a user of the phase."""
        return self.sequences.user_labels[self.phase.users[row]]

    def released(self, *, ties_listed: bool) -> Standing:
        """Everything listed competes."""
        real = self._count(self.row[self.items > 0])
        return self._standing(np.ones(len(self.row), bool), real == self.sequences.num_items, ties_listed, length=0)

    def filtered(self, *, ties_listed: bool, removed: bool, length: int) -> Standing:
        """Padding and the history do not compete, but the target does; `length` is that of the lists asked for.

        Where histories were `removed`, a target that its own history holds went with it, and nothing is known of it.
        """
        found = self._standing(~self.seen, self._count(self.row[~self.seen]) == self.candidates, ties_listed, length)
        lost = removed & met_before(self.sequences)[self.phase.stop] & (found.depth < ALL)
        return Standing(np.where(lost, 0, found.higher), found.equal, np.where(lost, 0, found.depth), found.lists)

    def _standing(self, competes: Mask, complete: Mask, ties_listed: bool, length: int) -> Standing:
        used = competes & (complete[self.row] | ties_listed | ~self.at_cut)
        row, items, scores = self.row[used], self.items[used], self.scores[used]
        depth = self._count(row)
        hit = items == self.targets[row]
        target, found = np.full(len(depth), np.nan), np.zeros(len(depth), bool)
        target[row[hit]], found[row[hit]] = scores[hit], True
        higher, equal = self._count(row[scores > target[row]]), self._count(row[scores == target[row]]) - found
        known = np.where(complete, ALL, depth)
        return Standing(
            higher=np.where(found, higher, depth),
            equal=equal,
            depth=np.where(found, ALL, known),
            lists=_best(row, items, len(depth), length) if length and (known >= length).all() else None,
        )

    def _count(self, rows: Ints) -> Ints:
        return np.bincount(rows, minlength=len(self.phase.users))

    def _refuse_absent_users(self) -> None:
        absent = np.flatnonzero(self._count(self.row) == 0)
        if len(absent):
            others = f", and {len(absent) - 1:,} more have none either" if len(absent) > 1 else ""
            raise BenchError(f"{self.name}: user '{self.label(absent[0])}' has no list{others}; everybody is ranked")


def rank_lists(
    ranking: ListRanking, *, removed: bool, ties_listed: bool, length: int
) -> tuple[PhaseRanks, dict[str, tuple[int, str]]]:
    """Counts under every protocol that the lists speak of, and protocol -> how far down all ranks are known, and the
    user with whom that ends. Where histories were `removed`, protocol released, which ranks them too, is absent."""
    standings = {"filtered": ranking.filtered(ties_listed=ties_listed, removed=removed, length=length)}
    if not removed:
        standings["released"] = ranking.released(ties_listed=ties_listed)
    ends = {}
    for protocol, standing in standings.items():
        shallow = int(standing.depth.argmin())
        if standing.depth[shallow] < ALL:
            ends[protocol] = (int(standing.depth[shallow]), ranking.label(shallow))
    ranks = PhaseRanks(
        users=ranking.phase.users.astype(np.int32),
        higher={protocol: standing.higher.astype(np.int32) for protocol, standing in standings.items()},
        equal={protocol: standing.equal.astype(np.int32) for protocol, standing in standings.items()},
        lists=standings["filtered"].lists,
        decided={protocol: depth for protocol, (depth, _) in ends.items()},
    )
    return ranks, ends


def _best(row: Ints, items: Any, users: int, length: int) -> IntArray:
    """(users, length) first items of each row, 0 where they run out."""
    place = np.arange(len(row)) - np.searchsorted(row, row)
    lists = np.zeros((users, length), np.int32)
    lists[row[place < length], place[place < length]] = items[place < length]
    return lists
