"""What a dataset looks like, and what in it limits any conclusion: ties, repeats, unseen targets, leakage."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import Split, leave_one_out

LENGTH_QUANTILES = {"min": 0.0, "p25": 0.25, "median": 0.5, "p75": 0.75, "p90": 0.9, "p99": 0.99, "max": 1.0}


@dataclass(frozen=True)
class Order:
    """How far the times of a source decide its order, and what leave-one-out leaks because users overlap in time."""

    first: int
    """Time of the earliest action."""
    last: int
    """Time of the latest action."""
    tied_pairs: float
    """Share of neighbouring actions of one user that have the same time."""
    tied_test_targets: int
    """Users whose test target has the time of the action before it, so that file order alone made it the target."""
    tied_validation_targets: int
    """Users whose validation target has the time of the action before or after it."""
    leaking_targets: float
    """Share of test targets whose time lies before some training interaction's, of whatever user."""
    later_training: float
    """Share of training interactions that lie after a test target, on average over the targets."""


@dataclass(frozen=True)
class Card:
    """Numbers of one dataset under the leave-one-out split; shares are fractions in [0, 1]."""

    users: int
    items: int
    actions: int
    sparsity: float
    """Share of (user, item) pairs without any action."""
    lengths: dict[str, float]
    """Quantiles and mean of the actions per user."""
    repeated_actions: float
    """Share of actions on an item that the user met before."""
    repeated_validation_targets: int
    """Validation targets that occur in the user's own history."""
    repeated_test_targets: int
    """The same for test targets."""
    unseen_test_targets: int
    """Test targets that no training sequence holds."""
    order: Order | None
    """None where the source has no times."""


def card_of(sequences: Sequences) -> Card:
    """All numbers, in a few passes of sorting. Raises BenchError where a user has fewer than three actions."""
    split = leave_one_out(sequences)
    length = np.diff(sequences.offsets)
    earlier = met_before(sequences)
    training = split.trained(sequences)
    pairs = len(earlier) - int(earlier.sum())
    known = np.zeros(sequences.num_items + 1, bool)
    known[sequences.items[training]] = True
    return Card(
        users=sequences.num_users,
        items=sequences.num_items,
        actions=sequences.num_actions,
        sparsity=1 - pairs / (sequences.num_users * sequences.num_items),
        lengths=_lengths(length),
        repeated_actions=float(earlier.mean()),
        repeated_validation_targets=int(earlier[split.validation.stop].sum()),
        repeated_test_targets=int(earlier[split.test.stop].sum()),
        unseen_test_targets=int((~known[sequences.items[split.test.stop]]).sum()),
        order=None if sequences.times is None else _order(sequences.owner, sequences.times, split, training),
    )


def _lengths(length: NDArray[np.int64]) -> dict[str, float]:
    quantiles = np.quantile(length, list(LENGTH_QUANTILES.values()))
    return {name: float(value) for name, value in zip(LENGTH_QUANTILES, quantiles, strict=True)} | {
        "mean": float(length.mean())
    }


def met_before(sequences: Sequences) -> NDArray[np.bool_]:
    """(A,) whether the same user has the same item at an earlier position."""
    pair = sequences.owner * (sequences.num_items + 1) + sequences.items
    earlier = np.ones(sequences.num_actions, bool)
    earlier[np.unique(pair, return_index=True)[1]] = False
    return earlier


def _order(owner: NDArray[np.int64], times: NDArray[np.int64], split: Split, training: NDArray[np.bool_]) -> Order:
    tied = (times[1:] == times[:-1]) & (owner[1:] == owner[:-1])  # tied[i]: position i + 1 has the time of position i
    train = np.sort(times[training])
    asked = times[split.test.stop]
    validation = split.validation.stop
    return Order(
        first=int(times.min()),
        last=int(times.max()),
        tied_pairs=float(tied.sum() / max(1, (owner[1:] == owner[:-1]).sum())),
        tied_test_targets=int(tied[split.test.stop - 1].sum()),
        tied_validation_targets=int((tied[validation - 1] | tied[validation]).sum()),
        leaking_targets=float((asked < train[-1]).mean()),
        later_training=float(1 - np.searchsorted(train, asked, side="right").mean() / len(train)),
    )
