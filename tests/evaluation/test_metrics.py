"""Metrics against scikit-learn, closed forms, and the arithmetic every run must obey."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from fave_bench.errors import BenchError
from fave_bench.evaluation.metrics import METRICS, check_consistency, errors_of, metrics_of, per_user, user_weights
from fave_bench.evaluation.phase_ranks import PhaseRanks
from fave_bench.evaluation.protocols import FILTERED, RELEASED, versions


def phase_of(higher: list[int], equal: list[int] | None = None) -> PhaseRanks:
    """A phase whose counts are the same under both protocols."""
    above = np.array(higher, np.int32)
    level = np.array(equal or [0] * len(higher), np.int32)
    users = np.arange(len(higher), dtype=np.int32)
    return PhaseRanks(users, {"filtered": above, "released": above}, {"filtered": level, "released": level})


counts = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 3)), min_size=1, max_size=60)


@given(st.integers(0, 39), st.integers(40, 60), st.integers(0, 2**32 - 1))
def test_ndcg_is_scikit_learns(above: int, catalogue: int, seed: int) -> None:
    scores = np.random.default_rng(seed).permutation(catalogue).astype(float)
    relevant = (scores == catalogue - 1 - above).astype(float)  # `above` items score higher
    ours = per_user(np.array([1.0 + above]))
    for k in (5, 10, 20):
        assert ours[f"N@{k}"][0] == pytest.approx(ndcg_score([relevant], [scores], k=k))


@given(counts)
def test_every_possible_outcome_passes_the_arithmetic(pairs: list[tuple[int, int]]) -> None:
    phase = phase_of([h for h, _ in pairs], [e for _, e in pairs])
    for metrics in metrics_of(phase).values():
        assert tuple(metrics) == METRICS
        check_consistency(metrics, ties=phase.tied)


def test_a_tie_at_the_cut_off_needs_the_wider_bound() -> None:
    metrics = metrics_of(phase_of([9], [1]))["filtered"]  # rank 10.5 adds 1 / log2(11.5), above 1 / log2(12)
    check_consistency(metrics, ties=True)
    with pytest.raises(BenchError, match="between cut-offs 10 and 20"):
        check_consistency(metrics)


@pytest.mark.parametrize(
    "printed",
    [
        {"H@10": 0.062648, "H@20": 0.089791, "N@10": 0.032305, "N@20": 0.036563},  # SASRec, Beauty
        {"H@10": 0.2, "N@10": 0.3},
        {"H@10": 1.2, "N@10": 0.6},
        {"H@5": 0.2, "N@5": 0.1, "H@10": 0.1, "N@10": 0.05},
        {"H@10": float("nan"), "N@10": 0.1},
    ],
)
def test_impossible_metrics_are_refused(printed: dict[str, float]) -> None:
    with pytest.raises(BenchError, match="no ranking gives these metrics"):
        check_consistency(printed)


@given(counts)
def test_filtered_is_the_mean_and_released_the_mean_of_batch_means(pairs: list[tuple[int, int]]) -> None:
    higher = [h for h, _ in pairs] * 20  # several batches and a short last one
    phase = phase_of(higher)
    hits = np.array(higher) < 10
    assert metrics_of(phase)["filtered"]["H@10"] == pytest.approx(hits.mean())
    batches = [hits[first : first + 512].mean() for first in range(0, len(hits), 512)]
    assert metrics_of(phase)["released"]["H@10"] == pytest.approx(np.mean(batches))


def test_the_batch_grid_of_ml_100k() -> None:
    higher = [0] * 131 + [99] * 381 + [0] * 115 + [99] * 316  # FAVE's printed H@20
    metrics = metrics_of(phase_of(higher))
    assert round(100 * metrics["released"]["H@20"], 4) == 26.1340
    assert round(100 * metrics["filtered"]["H@20"], 2) == 26.09


@given(st.integers(1, 2000))
def test_weights_sum_to_one(users: int) -> None:
    for protocol in (FILTERED, RELEASED):
        assert user_weights(protocol, users).sum() == pytest.approx(1)


@given(st.integers(0, 50), st.integers(0, 50))
def test_the_error_of_a_hit_rate_is_binomial(hits: int, misses: int) -> None:
    users = hits + misses
    if users:
        p = hits / users
        error = errors_of(phase_of([0] * hits + [50] * misses))["filtered"]["H@20"]
        assert error == pytest.approx(np.sqrt(p * (1 - p) / users), abs=1e-9)


def test_the_error_of_a_batch_mean_is_what_resampling_shows() -> None:
    rng = np.random.default_rng(0)
    higher = (rng.random(700) < 0.7) * 50
    found = errors_of(phase_of(higher.tolist()))["released"]["H@20"]
    weights = user_weights(RELEASED, 700)
    resampled = [weights @ (higher[rng.integers(0, 700, 700)] == 0) for _ in range(4000)]
    assert found == pytest.approx(np.std(resampled), rel=0.05)


def test_a_cut_off_beyond_the_catalogue_always_hits() -> None:
    metrics = metrics_of(phase_of([0, 1, 2]))["filtered"]  # three candidates in all
    assert metrics["H@5"] == metrics["H@20"] == 1
    assert metrics["N@5"] == metrics["N@20"] < 1


def test_nobody_to_average_is_an_error() -> None:
    with pytest.raises(BenchError, match="no user has a target"):
        metrics_of(phase_of([]))


def test_both_protocols_have_a_version() -> None:
    assert versions() == {"filtered": 1, "released": 1}
