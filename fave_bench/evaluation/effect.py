"""One pair of rows in one metric: how large the difference is, in several units, and what two classical tests say."""

from dataclasses import dataclass
from math import erfc, sqrt
from statistics import NormalDist

import numpy as np

from fave_bench.evaluation.metrics import FloatArray, mean_and_error

POWER, LEVEL = 0.8, 0.05
SAME = 1e-12
"""Differences below this are rounding."""


@dataclass(frozen=True)
class Effect:
    """Row a minus row b, users paired, in fractions of 1."""

    difference: float
    """Weighted mean over users: the difference of the two rows' metrics."""
    error: float
    """Standard error of the difference from sampling users, n - 1 in the variance."""
    p_t: float
    """Paired t test, two-sided."""
    p_wilcoxon: float
    """Signed-rank test, two-sided, users without a difference left out (Wilcoxon 1945)."""
    cohen: float | None
    """d_z: the difference in standard deviations of a user's difference; None where it is the same for everybody."""
    rank_biserial: float
    """(sum of ranks for a - sum of ranks for b) / their sum, in [-1, 1] (Kerby 2014)."""
    wins: int
    """Users for whom a is better."""
    ties: int
    losses: int

    @property
    def detectable(self) -> float:
        """The smallest true difference that these users would show in 80 % of tests at the two-sided 5 % level."""
        quantile = NormalDist().inv_cdf
        return (quantile(1 - LEVEL / 2) + quantile(POWER)) * self.error


def effect(a: FloatArray, b: FloatArray, weights: FloatArray) -> Effect:
    """Compare two rows' (E,) values of one metric; `weights` (E,) sum to 1.

    Ranks, wins and ties count each user once, whatever the protocol's weights.
    """
    from scipy.special import stdtr  # here, so that tables do not wait for scipy

    users = len(weights)
    each = np.round(a - b, 12)  # means over seeds that agree do so up to rounding
    difference, spread = mean_and_error(each, weights)
    error = spread * np.sqrt(users / (users - 1))
    t = difference / error if error > SAME else np.inf if abs(difference) > SAME else 0.0  # inf: alike for everybody
    biserial, p_wilcoxon = _signed_ranks(each)
    return Effect(
        difference=difference,
        error=float(error),
        p_t=float(2 * stdtr(users - 1, -abs(t))),
        p_wilcoxon=p_wilcoxon,
        cohen=float(t / np.sqrt(users)) if np.isfinite(t) else None,
        rank_biserial=biserial,
        wins=int((each > 0).sum()),
        ties=int((each == 0).sum()),
        losses=int((each < 0).sum()),
    )


def _signed_ranks(each: FloatArray) -> tuple[float, float]:
    """Rank-biserial correlation, and p by the normal approximation with its correction for tied sizes."""
    differing = each[each != 0]
    if not len(differing):
        return 0.0, 1.0
    _, place, counts = np.unique(np.abs(differing), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    balance, total = float(np.sign(differing) @ ranks), float(ranks.sum())
    # under the null each rank has a random sign: the balance has mean 0 and variance sum of ranks^2, ties included
    return balance / total, erfc(abs(balance) / sqrt(2 * float(ranks @ ranks)))
