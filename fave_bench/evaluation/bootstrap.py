"""Intervals of differences by the hierarchical bootstrap: users are drawn again, and so are the seeds of each row."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fave_bench.evaluation.metrics import FloatArray

CELLS = 1 << 22
"""Numbers in one temporary, whatever the users: 32 MiB."""


def bootstrap_means(
    by_seed: Sequence[FloatArray], weights: FloatArray, resamples: int, rng: np.random.Generator
) -> FloatArray:
    """(B, R, M) means of R rows in B resamples.

    `by_seed` holds (S, E, M) a row, `weights` (E,). One draw of users serves all rows of a resample, which keeps them
    paired; each row draws its own seeds, with replacement as well. A row of one seed keeps it: its seed's share of
    the uncertainty is then unknown, not zero. With S seeds that share comes out (S - 1) / S of what it is.
    """
    users = len(weights)
    flat = np.concatenate([weights[:, None] * seed for row in by_seed for seed in row], axis=1)  # (E, seeds * M)
    size = max(1, CELLS // users)
    return np.concatenate(
        [_chunk(min(size, resamples - first), by_seed, weights, flat, rng) for first in range(0, resamples, size)]
    )


def intervals(means: FloatArray, pairs: NDArray[np.intp], confidence: float = 0.95) -> FloatArray:
    """(P, M, 2) percentile intervals of each pair's difference, from (B, R, M) resampled means."""
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    return np.stack([np.quantile(means[:, a] - means[:, b], tails, axis=0).T for a, b in pairs])


def _chunk(
    count: int, by_seed: Sequence[FloatArray], weights: FloatArray, flat: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """(count, R, M). Weights are drawn along with their users, so a mean is a ratio of two sums."""
    times = _times_drawn(count, len(weights), rng)
    means = (times @ flat / (times @ weights)[:, None]).reshape(count, -1, by_seed[0].shape[2])
    rows, first = [], 0
    for row in by_seed:
        seeds = len(row)
        shares = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=count) / seeds
        rows.append(np.einsum("bs,bsm->bm", shares, means[:, first : first + seeds]))
        first += seeds
    return np.stack(rows, axis=1)


def _times_drawn(count: int, users: int, rng: np.random.Generator) -> FloatArray:
    """(count, users): how often each user is in each resample of `users` draws with replacement."""
    drawn = rng.integers(0, users, (count, users)) + users * np.arange(count)[:, None]
    return np.bincount(drawn.ravel(), minlength=count * users).reshape(count, users).astype(np.float64)
