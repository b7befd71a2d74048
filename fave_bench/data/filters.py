"""What may be dropped from raw actions, always by an explicit rule: repeated pairs, rare users, rare items."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fave_bench.data.interactions import Interactions


@dataclass(frozen=True)
class Rule:
    """Which actions of a raw file a dataset consists of. The default keeps everything."""

    deduplicate: bool = False
    """Keep only the earliest action of each (user, item) pair."""
    min_user: int = 1
    """Drop users with fewer actions."""
    min_item: int = 1
    """Drop items with fewer actions."""
    iterated: bool = True
    """Repeat the two minima until both hold (a true k-core); False is one pass over the raw counts."""

    def __str__(self) -> str:
        parts = ["one action per user and item"] if self.deduplicate else []
        if self.min_user > 1 or self.min_item > 1:
            how = "iterated" if self.iterated else "single pass"
            parts.append(f"users >= {self.min_user}, items >= {self.min_item} actions, {how}")
        return "; ".join(parts) or "all actions"

    def apply(self, actions: Interactions) -> Interactions:
        """The actions that the rule keeps, in file order."""
        if self.deduplicate:
            actions = deduplicated(actions)
        if self.min_user > 1 or self.min_item > 1:
            actions = core(actions, self.min_user, self.min_item, iterated=self.iterated)
        return actions


EVERYTHING = Rule()


def deduplicated(actions: Interactions) -> Interactions:
    """Each (user, item) pair once: its earliest action, the first in the file among equal times."""
    order = np.arange(len(actions)) if actions.times is None else np.argsort(actions.times, kind="stable")
    pair = actions.users.astype(np.int64) * len(actions.item_labels) + actions.items
    _, first = np.unique(pair[order], return_index=True)
    return actions.select(np.sort(order[first]))


def core(actions: Interactions, min_user: int, min_item: int, *, iterated: bool = True) -> Interactions:
    """Keep users with at least `min_user` actions and items with at least `min_item`.

    Iterated, the result is the largest subset in which both hold, whatever the order of removal.
    In a single pass both minima apply to the raw counts, so the result may break them.
    """
    keep = np.ones(len(actions), bool)
    while True:
        enough = _frequent(actions.users, keep, min_user) & _frequent(actions.items, keep, min_item)
        narrowed = keep & enough
        if not iterated or (narrowed == keep).all():
            return actions.select(narrowed)
        keep = narrowed


def _frequent(codes: NDArray[np.int32], keep: NDArray[np.bool_], minimum: int) -> NDArray[np.bool_]:
    """(A,) whether each action's code occurs at least `minimum` times among the kept actions."""
    return (np.bincount(codes[keep], minlength=int(codes.max(initial=0)) + 1) >= minimum)[codes]
