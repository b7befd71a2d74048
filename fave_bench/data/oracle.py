"""The best metrics that any model can expect on a synthetic dataset's test targets, given their histories."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
CUTOFFS = (5, 10, 20)


def gains(items: int) -> dict[str, FloatArray]:
    """Metric -> (N,) value of finding the target at rank 1..N (H@K, N@K and reciprocal rank)."""
    rank = np.arange(1, items + 1)
    discounted = 1 / np.log2(rank + 1)
    values: dict[str, FloatArray] = {}
    for k in CUTOFFS:
        values |= {f"H@{k}": (rank <= k).astype(np.float64), f"N@{k}": np.where(rank <= k, discounted, 0.0)}
    return values | {"MRR": 1 / rank}


def expected_metrics(predicted: FloatArray) -> dict[str, FloatArray]:
    """Metric -> (U,) its expectation under (U, N) exact probabilities for the ranking that sorts by them.

    Every metric's gain falls with the rank, so by the rearrangement inequality no other ranking can expect more.
    Items of equal probability stand in any strict order; a model that scores them equal gets the middle of their
    ranks, and so may find a little less.
    """
    best_first = -np.sort(-predicted, axis=1)
    return {metric: best_first @ gain for metric, gain in gains(predicted.shape[1]).items()}


class Oracle:
    """Collects each user's expectation at the position of their test target, which is their last action."""

    def __init__(self, lengths: NDArray[np.int64]) -> None:
        self._lengths = lengths
        self._sums = dict.fromkeys(gains(1), 0.0)

    def watch(self, position: int, predicted: FloatArray) -> None:
        """Take note of the (U, N) predictions for the items at `position`, counted from 0."""
        asked = self._lengths == position + 1
        for metric, values in expected_metrics(predicted[asked]).items():
            self._sums[metric] += float(values.sum())

    def metrics(self) -> dict[str, float]:
        """Means over all users, as fractions."""
        return {metric: total / len(self._lengths) for metric, total in self._sums.items()}
