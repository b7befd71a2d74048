"""The paired permutation test: if two rows were alike, each user's difference could as well have the other sign.

Fisher's randomisation test. Exact where the possible sums are few enough to be listed, Monte Carlo elsewhere.
"""

import numpy as np
from numpy.typing import NDArray

from fave_bench.evaluation.metrics import FloatArray

LISTED = 1 << 16
"""Sums that the exact test may hold at once."""
CELLS = 1 << 22
"""Numbers in one temporary of the Monte Carlo test, whatever the users and pairs: 32 MiB."""
SAME = 1e-12
"""Sums of weighted differences closer than this are one sum that was rounded in two ways."""

Pairs = NDArray[np.intp]


def permutation_test(
    values: FloatArray, weights: FloatArray, pairs: Pairs, flips: int, rng: np.random.Generator
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Two-sided p of each pair's weighted mean difference, and whether it is exact; both (P, M).

    `values` (E, R, M) in [0, 1], `weights` (E,) summing to 1, `pairs` (P, 2) row indices. A pair's two rows may change
    places: its p stays the same bit for bit.
    """
    weighted = weights[:, None, None] * values
    listed = [[exact_p(weighted[:, a, m] - weighted[:, b, m]) for m in range(values.shape[2])] for a, b in pairs]
    p = np.array(listed, dtype=np.float64).reshape(len(pairs), values.shape[2])  # None becomes nan
    exact = ~np.isnan(p)
    if not exact.all():
        p = np.where(exact, p, monte_carlo_p(weighted, pairs, flips, rng))
    return p, exact


def exact_p(differences: FloatArray) -> float | None:
    """P(|sum of randomly signed (E,) differences| >= |their sum|), or None where the sums are too many to list.

    m differences of one size v sum to v (2 Binomial(m, 1/2) - m), so users are taken together by the size of their
    difference: hit rates of single seeds have one size under protocol filtered, and the sign test is the result.
    """
    magnitudes = np.asarray(np.round(np.abs(differences), 14), dtype=np.float64)
    sizes, counts = np.unique(magnitudes[magnitudes > SAME], return_counts=True)
    if _possible_sums(sizes, counts) > LISTED:
        return None
    sums, chance = np.zeros(1), np.ones(1)
    for size, count in zip(sizes, counts, strict=True):
        if len(sums) * (count + 1) > LISTED:
            return None
        ups = np.arange(count + 1)
        sums, chance = _merged(
            np.add.outer(sums, size * (2 * ups - count)).ravel(),
            np.multiply.outer(chance, _binomial(ups, count)).ravel(),
        )
    seen = abs(float((np.sign(differences) * magnitudes).sum()))  # of the rounded sizes, as the listed sums are
    return min(1.0, float(chance[np.abs(sums) >= seen - SAME].sum()))


def monte_carlo_p(weighted: FloatArray, pairs: Pairs, flips: int, rng: np.random.Generator) -> FloatArray:
    """(P, M) shares of `flips` random sign patterns at least as extreme as what was seen, itself counted as one.

    All pairs share the patterns, and a pair's sum is the difference of its rows' sums, so a pattern costs one product
    with the (E, R, M) weighted values and no pair its own matrix.
    """
    users, rows, metrics = weighted.shape
    flat = weighted.reshape(users, rows * metrics)
    seen = np.abs(_gaps(flat.sum(axis=0)[None], pairs, rows))[0] - SAME
    extreme = np.zeros((len(pairs), metrics), dtype=np.int64)
    size = max(1, CELLS // max(users, len(pairs) * metrics))
    for first in range(0, flips, size):
        heads = _coins(min(size, flips - first), users, rng)
        sums = 2 * heads @ flat - flat.sum(axis=0)
        extreme += (np.abs(_gaps(sums, pairs, rows)) >= seen).sum(axis=0)
    return (1 + extreme) / (1 + flips)


def _gaps(sums: FloatArray, pairs: Pairs, rows: int) -> FloatArray:
    """(C, R * M) -> (C, P, M)."""
    by_row = sums.reshape(len(sums), rows, -1)
    return by_row[:, pairs[:, 0]] - by_row[:, pairs[:, 1]]


def _coins(count: int, users: int, rng: np.random.Generator) -> FloatArray:
    """(count, users) of 0 and 1, one random bit each."""
    octets = np.frombuffer(rng.bytes(count * -(-users // 8)), dtype=np.uint8).reshape(count, -1)
    return np.unpackbits(octets, axis=1, count=users).astype(np.float64)


def _possible_sums(sizes: FloatArray, counts: NDArray[np.intp]) -> float:
    """At most so many: every choice of how many of each size are up, or, on a grid of the least size, its points."""
    multiples = sizes / sizes.min(initial=1.0)
    on_grid = bool(np.allclose(multiples, np.round(multiples), rtol=0, atol=1e-6))
    choices = float(np.exp(min(np.log1p(counts).sum(), 700.0)))
    return min(choices, float(multiples @ counts) + 1 if on_grid else np.inf)


def _merged(sums: FloatArray, chance: FloatArray) -> tuple[FloatArray, FloatArray]:
    distinct, place = np.unique(np.round(sums, 13), return_inverse=True)
    return distinct, np.asarray(np.bincount(place, weights=chance), dtype=np.float64)


def _binomial(successes: NDArray[np.intp], trials: int) -> FloatArray:
    """P(successes) of so many fair coins."""
    factorial = np.append(0.0, np.log(np.arange(1, trials + 1)).cumsum())  # logarithms of 0! to trials!
    ways = factorial[trials] - factorial[successes] - factorial[trials - successes]
    return np.asarray(np.exp(ways - trials * np.log(2)), dtype=np.float64)
