"""Who is asked what: training ranges and, per phase, one history and one target a user."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fave_bench.data.sequences import Sequences
from fave_bench.errors import BenchError

LongArray = NDArray[np.int64]


@dataclass(frozen=True)
class Phase:
    """E questions: after ``items[start:stop]``, which item comes at ``items[stop]``?"""

    users: LongArray
    """(E,) canonical user index, ascending."""
    start: LongArray
    """(E,) first position of the user's history in ``Sequences.items``."""
    stop: LongArray
    """(E,) position of the target; the history ends just before it."""


@dataclass(frozen=True)
class Split:
    """Training ranges and the two phases, all as positions in ``Sequences.items``."""

    name: str
    train_start: LongArray
    """(U,) first training position of each user."""
    train_stop: LongArray
    """(U,) one past the last training position; equal to the start where a user has none."""
    validation: Phase
    test: Phase

    def trained(self, sequences: Sequences) -> NDArray[np.bool_]:
        """(A,) whether a position is trained on."""
        return within(sequences, self.train_start, self.train_stop)


def within(sequences: Sequences, start: LongArray, stop: LongArray) -> NDArray[np.bool_]:
    """(A,) whether a position lies in its user's range, user u's being start[u] to stop[u]; (U,) each."""
    owner, position = sequences.owner, np.arange(sequences.num_actions)
    return (position >= start[owner]) & (position < stop[owner])


def leave_one_out(sequences: Sequences) -> Split:
    """Last item for test, the one before for validation, the rest for training.

    The validation item is part of the test history and never a training target.
    """
    start, stop = sequences.offsets[:-1], sequences.offsets[1:]
    short = np.flatnonzero(stop - start < 3)
    if len(short):
        label = sequences.user_labels[short[0]] if sequences.user_labels else str(short[0])
        raise BenchError(
            f"{sequences.name}: user '{label}' has {stop[short[0]] - start[short[0]]} interactions and {len(short)} "
            "users have fewer than the 3 that leave-one-out needs; prepare with --min-user 3 to drop them"
        )
    users = np.arange(sequences.num_users, dtype=np.int64)
    return Split(
        name="leave-one-out",
        train_start=start,
        train_stop=stop - 2,
        validation=Phase(users, start, stop - 2),
        test=Phase(users, start, stop - 1),
    )


def temporal(sequences: Sequences, train: float = 0.8, validation: float = 0.1) -> Split:
    """One cut in time for everybody, so that nobody's future trains anybody's past (Ji et al. 2023).

    The first `train` share of all actions trains; a user's first action in the next `validation` share, and in
    the rest, is a target if something came before it.
    """
    if sequences.times is None:
        raise BenchError(
            f"{sequences.name}: a temporal split needs times, and this source has none; give one with --from"
        )
    if not (0 < train < 1 and 0 < validation < 1 - train):
        raise BenchError(f"temporal split: shares {train} and {validation} must be positive and sum to less than 1")
    cuts = np.quantile(sequences.times, [train, train + validation], method="lower")
    start, stop, owner = sequences.offsets[:-1], sequences.offsets[1:], sequences.owner
    first_after = [start + np.bincount(owner[sequences.times < cut], minlength=sequences.num_users) for cut in cuts]

    def phase(target: LongArray, limit: LongArray) -> Phase:
        users = np.flatnonzero((target > start) & (target < limit))
        return Phase(users, start[users], target[users])

    split = Split(
        name="temporal",
        train_start=start,
        train_stop=first_after[0],
        validation=phase(first_after[0], first_after[1]),
        test=phase(first_after[1], stop),
    )
    if not (len(split.validation.users) and len(split.test.users)):
        raise BenchError(f"{sequences.name}: a temporal split finds no user with a target in both later periods")
    return split


SPLITS = {"leave-one-out": leave_one_out, "temporal": temporal}
