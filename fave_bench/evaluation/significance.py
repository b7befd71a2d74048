"""Every pair of rows, tested on the same users and corrected together."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from fave_bench.evaluation.bootstrap import bootstrap_means, intervals
from fave_bench.evaluation.effect import Effect, effect
from fave_bench.evaluation.metrics import FloatArray
from fave_bench.evaluation.outcomes import Outcomes
from fave_bench.evaluation.permutation import Pairs, permutation_test

ALPHA = 0.05
RESAMPLES = 10_000


@dataclass(frozen=True)
class PairedTest:
    """Row `a` against row `b` in one metric."""

    a: int
    b: int
    metric: str
    effect: Effect
    interval: tuple[float, float]
    """95 % of the hierarchical bootstrap's differences."""
    p: float
    """Permutation test, two-sided."""
    exact: bool
    """Whether `p` comes from all sign patterns rather than from a sample of them."""
    p_holm: float
    """`p` corrected for every pair and metric that was tested together."""

    @property
    def significant(self) -> bool:
        return self.p_holm < ALPHA


def compare(found: Outcomes, seed: int, *, flips: int | None = None, resamples: int = RESAMPLES) -> list[PairedTest]:
    """All pairs in all metrics, metric by metric; a is the row that comes first.

    `flips` are the Monte Carlo test's sign patterns, by default as `enough_flips` says.
    """
    pairs = pairs_of(len(found.by_seed))
    p, exact, corrected = permutation_tests(found, seed, flips)
    means = bootstrap_means(found.by_seed, found.weights, resamples, _stream(seed, 1))
    bounds = intervals(means, pairs)
    return [
        PairedTest(
            a=int(a),
            b=int(b),
            metric=metric,
            effect=effect(found.values[:, a, m], found.values[:, b, m], found.weights),
            interval=(float(bounds[i, m, 0]), float(bounds[i, m, 1])),
            p=float(p[i, m]),
            exact=bool(exact[i, m]),
            p_holm=float(corrected[i, m]),
        )
        for m, metric in enumerate(found.metrics)
        for i, (a, b) in enumerate(pairs)
    ]


def permutation_tests(
    found: Outcomes, seed: int, flips: int | None = None
) -> tuple[FloatArray, NDArray[np.bool_], FloatArray]:
    """Permutation tests alone: p, whether it is exact, and p after Holm's correction, each (P, M)."""
    pairs = pairs_of(len(found.by_seed))
    tests = len(pairs) * len(found.metrics)
    p, exact = permutation_test(found.values, found.weights, pairs, flips or enough_flips(tests), _stream(seed, 0))
    return p, exact, holm(p)


def pairs_of(rows: int) -> Pairs:
    """(P, 2): every two of so many rows, the first one first."""
    return np.array(list(combinations(range(rows), 2)), dtype=np.intp).reshape(-1, 2)


def enough_flips(tests: int) -> int:
    """Sign patterns so many that the smallest p they can give, 1 / (1 + flips), survives the correction with 1 %."""
    return max(10_000, 100 * tests)


def holm(p: FloatArray) -> FloatArray:
    """p-values of any shape corrected together, step down (Holm 1979): bounds the chance of even one false alarm."""
    flat = p.ravel()
    order = np.argsort(flat, kind="stable")
    stepped = np.maximum.accumulate((flat.size - np.arange(flat.size)) * flat[order])
    corrected = np.empty_like(flat)
    corrected[order] = np.minimum(1.0, stepped)
    return corrected.reshape(p.shape)


def _stream(seed: int, purpose: int) -> np.random.Generator:
    """Flips and resamples draw from streams of their own: more of one does not change the other."""
    return np.random.default_rng([seed, purpose])
