"""What every row of a comparison gave every test user: the numbers that paired tests are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fave_bench.errors import BenchError
from fave_bench.evaluation.metrics import FloatArray, user_weights, values_of
from fave_bench.evaluation.phase_ranks import PhaseRanks
from fave_bench.evaluation.protocols import Protocol


@dataclass(frozen=True)
class Outcomes:
    """R rows, each ranked for the same E users with one or more seeds, in M metrics."""

    metrics: tuple[str, ...]
    weights: FloatArray
    """(E,) what each user counts in the protocol's mean; sums to 1."""
    by_seed: tuple[FloatArray, ...]
    """Per row (S, E, M): seeds, users, metrics; fractions in [0, 1]."""

    @cached_property
    def values(self) -> FloatArray:
        """(E, R, M), averaged over each row's seeds."""
        return np.stack([row.mean(axis=0) for row in self.by_seed], axis=1)


def outcomes(rows: Sequence[Sequence[PhaseRanks]], protocol: Protocol, metrics: Sequence[str]) -> Outcomes:
    """Line up the users of all rows; each row is the same phase of runs that differ in their seed.

    Users are put in ascending order, so the result does not depend on the order in which they were ranked. Raises
    BenchError where two runs were not ranked for the same users, or for fewer than two: nothing is paired then.
    """
    users = np.sort(rows[0][0].users)
    if any(not np.array_equal(np.sort(phase.users), users) for row in rows for phase in row):
        raise BenchError("these runs were not ranked for the same test users, so their users cannot be paired")
    if len(users) < 2:
        raise BenchError("a paired comparison needs at least two test users")
    return Outcomes(
        metrics=tuple(metrics),
        weights=user_weights(protocol, len(users))[np.argsort(rows[0][0].users)],
        by_seed=tuple(np.stack([_values(phase, protocol, metrics) for phase in row]) for row in rows),
    )


def _values(phase: PhaseRanks, protocol: Protocol, metrics: Sequence[str]) -> FloatArray:
    ranks = phase.ranks(protocol.name)[np.argsort(phase.users)]
    return np.stack([values_of(metric, ranks) for metric in metrics], axis=1)
