"""Metrics from ranks alone: hit rate, NDCG and reciprocal rank with one relevant item per user."""

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fave_bench.errors import BenchError, UsageError
from fave_bench.evaluation.phase_ranks import PhaseRanks
from fave_bench.evaluation.protocols import PROTOCOLS, Protocol

CUTOFFS = (5, 10, 20)
METRICS = (*(f"{kind}@{k}" for k in CUTOFFS for kind in "HN"), "MRR")

FloatArray = NDArray[np.float64]
ByProtocol = dict[str, dict[str, float]]


def values_of(metric: str, ranks: FloatArray) -> FloatArray:
    """Each user's own value of one metric, in [0, 1], from ranks that start at 1 (any shape).

    H@K is 1 where rank <= K; N@K is 1 / log2(rank + 1) there, the ideal gain being 1; MRR is 1 / rank. A cut-off
    beyond the catalogue simply always hits. Raises UsageError for any other name.
    """
    if metric == "MRR":
        return 1 / ranks
    kind, k = _parsed(metric)
    hit = ranks <= k
    return hit.astype(np.float64) if kind == "H" else np.where(hit, 1 / np.log2(ranks + 1), 0.0)


def decides(phase: PhaseRanks, protocol: str, metric: str) -> bool:
    """Whether the phase's ranks give that metric: lists that were cut off give none beyond what they decide."""
    if protocol not in phase.decided:
        return protocol in phase.higher
    return metric != "MRR" and _parsed(metric)[1] <= phase.decided[protocol]


def _parsed(metric: str) -> tuple[str, int]:
    named = re.fullmatch(r"([HN])@([1-9][0-9]*)", metric)
    if not named:
        raise UsageError(f"unknown metric '{metric}'; there are H@K (hit rate), N@K (NDCG), such as N@20, and MRR")
    return named[1], int(named[2])


def per_user(ranks: FloatArray) -> dict[str, FloatArray]:
    """Each user's own value of every recorded metric, from (E,) ranks that start at 1."""
    return {metric: values_of(metric, ranks) for metric in METRICS}


def user_weights(protocol: Protocol, users: int) -> FloatArray:
    """(E,) what each user counts in the protocol's mean; sums to 1.

    In a mean of batch means a user weighs 1 / (batches * size of their batch), so those of a short last batch weigh
    more. Raises BenchError where there is nobody to average.
    """
    if users == 0:
        raise BenchError("no user has a target in this phase, so there is nothing to average")
    size = protocol.batch or users
    batch = np.arange(users) // size
    return 1 / ((batch[-1] + 1) * np.bincount(batch)[batch])


def metrics_of(phase: PhaseRanks) -> ByProtocol:
    """Protocol -> metric -> fraction in [0, 1], users averaged as the protocol says, in the phase's order.

    Metrics that the ranks do not decide are absent.
    """
    return {name: _means(phase, PROTOCOLS[name])[0] for name in sorted(phase.higher)}


def errors_of(phase: PhaseRanks) -> ByProtocol:
    """Protocol -> metric -> standard error from sampling users; sqrt(p (1 - p) / n) for the plain mean's hit rates."""
    return {name: _means(phase, PROTOCOLS[name])[1] for name in sorted(phase.higher)}


def mean_and_error(values: FloatArray, weights: FloatArray) -> tuple[float, float]:
    """The weighted mean of (E,) values and its standard error from sampling users; `weights` sum to 1."""
    mean = float(weights @ values)
    return mean, float(np.sqrt((weights @ (values - mean) ** 2) * (weights @ weights)))


def _means(phase: PhaseRanks, protocol: Protocol) -> tuple[dict[str, float], dict[str, float]]:
    weights = user_weights(protocol, len(phase.users))
    known = {m: v for m, v in per_user(phase.ranks(protocol.name)).items() if decides(phase, protocol.name, m)}
    found = {metric: mean_and_error(values, weights) for metric, values in known.items()}
    means = {metric: min(1.0, mean) for metric, (mean, _) in found.items()}  # weights sum to 1 up to rounding
    return means, {metric: error for metric, (_, error) in found.items()}


def check_consistency(metrics: Mapping[str, float], *, ties: bool = False, tolerance: float = 1e-9) -> None:
    """Assert the arithmetic that one relevant item per user imposes; BenchError names what breaks it.

    A user who enters between cut-offs j < k ranks in j+1..k and adds between 1/log2(k+1) and 1/log2(j+2) to NDCG.
    Being linear, this survives any averaging. With `ties` a rank may be j + 1/2, which raises the upper bound to
    1/log2(j + 3/2). Cut-offs that are absent are not checked.
    """
    cutoffs = sorted(int(name[2:]) for name in metrics if name.startswith("H@") and f"N@{name[2:]}" in metrics)
    for j, k in zip([0, *cutoffs], cutoffs, strict=False):
        hits = metrics[f"H@{k}"] - (metrics[f"H@{j}"] if j else 0.0)
        gain = metrics[f"N@{k}"] - (metrics[f"N@{j}"] if j else 0.0)
        best_rank = j + (0.5 if ties and j else 1.0)
        low, high = hits / np.log2(k + 1), hits / np.log2(best_rank + 1)
        possible = hits >= -tolerance and metrics[f"H@{k}"] <= 1 + tolerance
        if not (possible and low - tolerance <= gain <= high + tolerance):
            raise BenchError(
                f"no ranking gives these metrics: between cut-offs {j} and {k} the hit rate grows by {hits:.6f} "
                f"and NDCG by {gain:.6f}, which must lie in [{low:.6f}, {high:.6f}]"
            )
