"""How two rankings of the same users differ: their targets are the same, so most of the sampling error cancels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fave_bench.errors import BenchError
from fave_bench.evaluation.metrics import METRICS, mean_and_error, per_user, user_weights
from fave_bench.evaluation.phase_ranks import PhaseRanks
from fave_bench.evaluation.protocols import Protocol

Z = 1.96
"""95 % of a normal distribution lies within this many standard deviations."""


@dataclass(frozen=True)
class PairedDifference:
    """A mean over users, as a fraction."""

    mean: float
    error: float
    """Its standard error from sampling users."""

    @property
    def interval(self) -> tuple[float, float]:
        """95 %, normal."""
        return self.mean - Z * self.error, self.mean + Z * self.error


def paired_differences(
    pairs: Sequence[tuple[PhaseRanks, PhaseRanks]], protocol: Protocol
) -> dict[str, PairedDifference]:
    """Metric -> mean over users of a - b, for pairs (a, b) of one seed each; seeds are averaged user by user first.

    The interval is over users: it says what other users would change, and nothing of other seeds. Raises BenchError
    where a pair does not rank the same users in the same order.
    """
    if any(not np.array_equal(a.users, b.users) for a, b in pairs):
        raise BenchError("two runs that rank different users cannot be compared user by user")
    per_seed = [(per_user(a.ranks(protocol.name)), per_user(b.ranks(protocol.name))) for a, b in pairs]
    weights = user_weights(protocol, len(pairs[0][0].users))
    differences = {m: np.mean([a[m] - b[m] for a, b in per_seed], axis=0) for m in METRICS}
    return {m: PairedDifference(*mean_and_error(each, weights)) for m, each in differences.items()}
