"""Paired differences against other definitions, and their symmetries."""

import numpy as np
import pytest
from helpers import make_ranks
from hypothesis import given
from hypothesis import strategies as st

from fave_bench.errors import BenchError
from fave_bench.evaluation.metrics import METRICS, errors_of, metrics_of
from fave_bench.evaluation.paired import paired_differences
from fave_bench.evaluation.protocols import FILTERED, PROTOCOLS

counts = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=40)


@given(counts, st.sampled_from(sorted(PROTOCOLS)))
def test_the_mean_is_the_difference_of_the_metrics_and_changes_its_sign_with_the_order(pairs, protocol):
    a, b = (make_ranks(list(side)) for side in zip(*pairs, strict=True))
    forth, back = (paired_differences([pair], PROTOCOLS[protocol]) for pair in ((a, b), (b, a)))
    for metric in METRICS:
        expected = metrics_of(a)[protocol][metric] - metrics_of(b)[protocol][metric]
        assert forth[metric].mean == pytest.approx(expected, abs=1e-12) == pytest.approx(-back[metric].mean, abs=1e-12)
        assert forth[metric].error == pytest.approx(back[metric].error)


@given(counts)
def test_the_error_of_a_plain_mean_is_the_textbook_s(pairs):
    a, b = (make_ranks(list(side)) for side in zip(*pairs, strict=True))
    differences = [(x < 20) * 1.0 - (y < 20) for x, y in pairs]
    found = paired_differences([(a, b)], FILTERED)["H@20"]
    assert found.error == pytest.approx(np.std(differences) / len(pairs) ** 0.5)
    assert found.interval == pytest.approx((found.mean - 1.96 * found.error, found.mean + 1.96 * found.error))


def test_pairing_cancels_what_two_rankings_have_in_common():
    random = np.random.default_rng(0)
    hard = random.integers(0, 60, 400)
    a, b = make_ranks(hard.tolist()), make_ranks((hard + random.integers(0, 2, 400)).tolist())
    paired = paired_differences([(a, b)], FILTERED)["N@20"].error
    apart = float(np.hypot(*(errors_of(ranks)["filtered"]["N@20"] for ranks in (a, b))))
    assert paired < apart / 3


def test_nine_intervals_in_ten_and_more_hold_the_truth():
    """Two rankings hit with chances 0.3 and 0.4: the interval of the difference holds 0.1 about 95 times in 100."""
    random, held = np.random.default_rng(1), 0
    for _ in range(200):
        a, b = (make_ranks(np.where(random.random(300) < chance, 0, 50).tolist()) for chance in (0.4, 0.3))
        low, high = paired_differences([(a, b)], FILTERED)["H@20"].interval
        held += low <= 0.1 <= high
    assert 180 <= held <= 199


def test_seeds_are_averaged_user_by_user():
    pairs = [(make_ranks([0, 50]), make_ranks([50, 50])), (make_ranks([50, 0]), make_ranks([50, 50]))]
    found = paired_differences(pairs, FILTERED)["H@20"]
    assert (found.mean, found.error) == (0.5, 0.0)


def test_other_users_are_refused():
    with pytest.raises(BenchError, match="different users"):
        paired_differences([(make_ranks([1, 2]), make_ranks([1, 2, 3]))], FILTERED)
