"""Paired tests against scipy, against hand computations, and against data whose truth is known."""

from collections.abc import Callable

import numpy as np
import pytest
from helpers import make_ranks
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fave_bench.errors import BenchError
from fave_bench.evaluation.bootstrap import bootstrap_means, intervals
from fave_bench.evaluation.effect import effect
from fave_bench.evaluation.metrics import metrics_of
from fave_bench.evaluation.outcomes import Outcomes, outcomes
from fave_bench.evaluation.permutation import exact_p, monte_carlo_p, permutation_test
from fave_bench.evaluation.phase_ranks import PhaseRanks
from fave_bench.evaluation.protocols import FILTERED, PROTOCOLS, RELEASED
from fave_bench.evaluation.significance import compare, enough_flips, holm, pairs_of

PAIR = pairs_of(2)


def even(users: int) -> np.ndarray:
    return np.full(users, 1 / users)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def two_rows(users: int, shift: float = 0.0, seed: int = 0) -> np.ndarray:
    """(E, 2, 1): two rows whose users differ a little, the first better by `shift` on average."""
    generator = rng(seed)
    ease = generator.random(users)
    values = np.stack([ease + 0.3 * generator.standard_normal(users) + shift, ease], axis=1)
    return values[:, :, None]


differences = st.lists(st.floats(-1, 1).map(lambda x: round(x, 3)), min_size=2, max_size=11)


@given(differences)
def test_the_exact_test_lists_every_sign_pattern(values: list[float]) -> None:
    each = np.array(values)
    patterns = (np.arange(2 ** len(each))[:, None] >> np.arange(len(each)) & 1) * 2 - 1
    expected = (np.abs(patterns @ each) >= abs(each.sum()) - 1e-12).mean()
    assert exact_p(each) == pytest.approx(expected)


def test_the_exact_test_is_scipys() -> None:
    each = rng().normal(0.2, 1, 12)
    asked = {"permutation_type": "samples", "n_resamples": np.inf, "vectorized": True}
    theirs = stats.permutation_test((each, 0 * each), lambda a, b, axis: (a - b).mean(axis=axis), **asked)
    assert exact_p(each) == pytest.approx(theirs.pvalue)


@given(st.integers(0, 400), st.integers(0, 400), st.integers(0, 400))
def test_with_hits_alone_it_is_the_sign_test(wins: int, losses: int, ties: int) -> None:
    each = np.repeat([1.0, -1.0, 0.0], [wins, losses, ties]) / 1000
    expected = stats.binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    assert exact_p(each) == pytest.approx(expected)


@pytest.mark.parametrize(("users", "differing", "net"), [(32768, 12000, 220), (32768, 20000, 280), (22363, 4000, 800)])
def test_what_was_seen_is_one_of_the_listed_sums_however_it_was_rounded(users: int, differing: int, net: int) -> None:
    wins = (differing + net) // 2
    each = np.repeat([1.0, -1.0, 0.0], [wins, differing - wins, users - differing]) / users
    assert exact_p(each) == pytest.approx(stats.binomtest(wins, differing).pvalue, rel=1e-6)


def test_many_sizes_of_difference_are_too_many_to_list() -> None:
    assert exact_p(rng().normal(size=40)) is None


def test_seeds_averaged_leave_sizes_on_a_grid_and_the_test_exact() -> None:
    thirds = rng().integers(-3, 4, 200) / 3
    signs = rng(1).integers(0, 2, (20_000, 200)) * 2 - 1
    share = (np.abs(signs @ thirds) >= abs(thirds.sum()) - 1e-9).mean()
    assert exact_p(thirds / 200) == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 20_000))


@pytest.mark.parametrize("shift", [0.0, 0.02, 0.04])
def test_monte_carlo_agrees_with_the_exact_test_and_with_scipys(shift: float) -> None:
    values = np.round(two_rows(14, shift=3 * shift), 2)
    weighted = values / 14
    ours = monte_carlo_p(weighted, PAIR, 20_000, rng())[0, 0]
    exact = exact_p(weighted[:, 0, 0] - weighted[:, 1, 0])
    assert exact is not None
    assert ours == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 20_000) + 1e-4)

    larger = two_rows(300, shift)
    asked = {"permutation_type": "samples", "n_resamples": 10_000, "vectorized": True, "rng": rng(1)}
    theirs = stats.permutation_test(larger[:, :, 0].T, lambda a, b, axis: (a - b).mean(axis=axis), **asked).pvalue
    found = monte_carlo_p(larger / 300, PAIR, 10_000, rng())[0, 0]
    assert found == pytest.approx(theirs, abs=6 * np.sqrt(theirs / 10_000) + 2e-4)


def test_a_test_in_pieces_is_the_same_test(monkeypatch: pytest.MonkeyPatch) -> None:
    weighted = two_rows(64, 0.03) / 64
    whole = monte_carlo_p(weighted, PAIR, 3_000, rng())
    monkeypatch.setattr("fave_bench.evaluation.permutation.CELLS", 64 * 500)
    assert np.array_equal(monte_carlo_p(weighted, PAIR, 3_000, rng()), whole)


def test_paired_t_and_wilcoxon_are_scipys() -> None:
    for seed in range(5):
        a, b = np.round(two_rows(200, 0.02, seed)[:, :, 0].T, 1)  # rounded, so that sizes tie and some are zero
        found = effect(a, b, even(200))
        assert found.p_t == pytest.approx(stats.ttest_rel(a, b).pvalue)
        asked = {"method": "asymptotic", "zero_method": "wilcox", "correction": False}
        assert found.p_wilcoxon == pytest.approx(stats.wilcoxon(np.round(a - b, 12), **asked).pvalue)


def test_effect_sizes_are_their_definitions() -> None:
    found = effect(np.array([1.0, 0.5, 0.2, 0.0]), np.array([0.0, 0.0, 0.4, 0.0]), even(4))
    each = np.array([1.0, 0.5, -0.2, 0.0])
    assert found.difference == pytest.approx(each.mean())
    assert found.cohen == pytest.approx(each.mean() / each.std(ddof=1))
    assert found.rank_biserial == pytest.approx((3 + 2 - 1) / 6)
    assert (found.wins, found.ties, found.losses) == (2, 1, 1)
    assert found.detectable == pytest.approx((1.959964 + 0.841621) * each.std(ddof=1) / 2, rel=1e-6)


@pytest.mark.parametrize("level", [0.0, 0.25])
def test_rows_that_differ_for_nobody_or_for_everybody_alike_have_no_standardised_effect(level: float) -> None:
    found = effect(np.full(9, 0.5 + level), np.full(9, 0.5), even(9))
    assert found.p_t == (0 if level else 1)
    assert found.p_wilcoxon < 0.01 if level else found.p_wilcoxon == 1
    assert found.cohen is None if level else found.cohen == 0
    assert exact_p(np.full(9, level / 9)) == pytest.approx(2 / 2**9 if level else 1)


def test_holm_is_the_hand_computation() -> None:
    p = np.array([[0.01, 0.04], [0.03, 0.005]])  # sorted: 4 * .005, 3 * .01, 2 * .03, then .04 may not fall below
    assert holm(p) == pytest.approx(np.array([[0.03, 0.06], [0.06, 0.02]]))
    assert holm(np.array([0.9, 0.6])) == pytest.approx([1.0, 1.0])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_rejects_what_stepping_down_by_hand_rejects(p: list[float]) -> None:
    rejected = set()
    for step, i in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        if p[i] * (len(p) - step) >= 0.05:
            break
        rejected.add(i)
    assert {i for i, corrected in enumerate(holm(np.array(p))) if corrected < 0.05} == rejected


def test_without_a_difference_false_alarms_are_as_rare_as_promised() -> None:
    trials, users = 600, 80
    generator = rng(3)
    values = generator.random((users, 1, trials)) + 0.4 * generator.standard_normal((users, 2, trials))
    p, exact = permutation_test(values, even(users), PAIR, 2_000, rng(4))
    t = np.array([effect(values[:, 0, i], values[:, 1, i], even(users)).p_t for i in range(trials)])
    wilcoxon = np.array([effect(values[:, 0, i], values[:, 1, i], even(users)).p_wilcoxon for i in range(trials)])
    low, high = stats.binom.ppf([0.0005, 0.9995], trials, 0.05)
    assert not exact.any()
    for found in (p[0], t, wilcoxon):
        assert low <= (found < 0.05).sum() <= high


def test_hit_rates_without_a_difference_raise_no_more_false_alarms_than_promised() -> None:
    trials, users = 600, 200
    values = (rng(5).random((users, 2, trials)) < 0.3).astype(float)
    p, exact = permutation_test(values, even(users), PAIR, 100, rng())
    assert exact.all()
    assert (p < 0.05).sum() <= stats.binom.ppf(0.9995, trials, 0.05)  # a discrete test errs on the safe side


def test_the_smallest_detectable_difference_is_found_four_times_in_five() -> None:
    trials, users, sd = 500, 120, 0.5
    shift = (1.959964 + 0.841621) * sd / np.sqrt(users)
    values = np.zeros((users, 2, trials))
    values[:, 0] = shift + sd * rng(6).standard_normal((users, trials))
    p, _ = permutation_test(values, even(users), PAIR, 2_000, rng())
    low, high = stats.binom.ppf([0.0005, 0.9995], trials, 0.8)
    assert low <= (p[0] < 0.05).sum() <= high
    claimed = np.mean([effect(values[:, 0, i], values[:, 1, i], even(users)).detectable for i in range(50)])
    assert claimed == pytest.approx(shift, rel=0.05)


def test_the_bootstrap_of_users_is_scipys() -> None:
    values = two_rows(150, 0.05)
    means = bootstrap_means([values[None, :, 0], values[None, :, 1]], even(150), 8_000, rng())
    (low, high), *_ = intervals(means, PAIR)[0]
    each = values[:, 0, 0] - values[:, 1, 0]
    theirs = stats.bootstrap((each,), np.mean, n_resamples=8_000, method="percentile", rng=rng(1)).confidence_interval
    width = theirs.high - theirs.low
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=0.05 * width)


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    trials, users, truth = 400, 100, 0.1
    values = np.zeros((2, users, trials))
    values[0] = truth + 0.5 * rng(7).standard_normal((users, trials))
    bounds = intervals(bootstrap_means(values[:, None], even(users), 1_000, rng(8)), PAIR)[0]
    covered = ((bounds[:, 0] <= truth) & (truth <= bounds[:, 1])).sum()
    low, high = stats.binom.ppf([0.0005, 0.9995], trials, 0.94)  # percentile intervals of 100 users are a bit narrow
    assert low <= covered <= high


def test_seeds_that_disagree_widen_the_interval_by_their_own_variance() -> None:
    users, spread = 400, np.array([-0.1, 0.0, 0.1])
    a = 0.5 + spread[:, None, None] + np.zeros((3, users, 1))  # no user differs from another: all is between seeds
    means = bootstrap_means([a, np.full((1, users, 1), 0.5)], even(users), 20_000, rng())
    assert (means[:, 0] - means[:, 1]).std() == pytest.approx(spread.std() / np.sqrt(3), rel=0.03)
    assert means[:, 1].std() == pytest.approx(0, abs=1e-12)


def test_all_rows_share_the_users_of_a_resample() -> None:
    row = rng().random((1, 50, 1))
    means = bootstrap_means([row, row + 0.25], even(50), 500, rng())
    assert intervals(means, PAIR)[0, 0] == pytest.approx([-0.25, -0.25])


def phases(seed: int, users: int = 700, seeds: int = 1) -> list[PhaseRanks]:
    return [make_ranks(rng(100 * seed + i).geometric(0.03, users).tolist()) for i in range(seeds)]


def found(order: Callable[[PhaseRanks], PhaseRanks] = lambda phase: phase, flip: bool = False) -> Outcomes:
    rows = [[order(phase) for phase in phases(1, seeds=2)], [order(phase) for phase in phases(2)]]
    return outcomes(rows[::-1] if flip else rows, FILTERED, ["H@20", "N@20", "MRR"])


@pytest.mark.parametrize("protocol", [FILTERED, RELEASED])
def test_a_difference_is_that_of_the_recorded_metrics(protocol: object) -> None:
    a, b = phases(1)[0], phases(2)[0]
    for test in compare(outcomes([[a], [b]], protocol, ["H@20", "N@10", "MRR"]), seed=0, resamples=200):
        wanted = [metrics_of(phase)[protocol.name][test.metric] for phase in (a, b)]
        assert test.effect.difference == pytest.approx(wanted[0] - wanted[1])


def test_the_seeds_of_a_row_are_averaged_before_a_test() -> None:
    rows = [phases(1, seeds=3), phases(2)]
    test = compare(outcomes(rows, FILTERED, ["N@20"]), seed=0, resamples=200)[0]
    wanted = np.mean([metrics_of(phase)["filtered"]["N@20"] for phase in rows[0]])
    assert test.effect.difference == pytest.approx(wanted - metrics_of(rows[1][0])["filtered"]["N@20"])


def test_a_against_b_is_b_against_a() -> None:
    forth, back = compare(found(), seed=0, resamples=500), compare(found(flip=True), seed=0, resamples=500)
    for one, other in zip(forth, back, strict=True):
        assert one.effect.difference == pytest.approx(-other.effect.difference)
        assert (one.p, one.p_holm, one.exact) == (other.p, other.p_holm, other.exact)
        assert one.effect.p_t == pytest.approx(other.effect.p_t)
        assert one.effect.p_wilcoxon == pytest.approx(other.effect.p_wilcoxon)
        assert one.effect.rank_biserial == pytest.approx(-other.effect.rank_biserial)
        assert (one.effect.wins, one.effect.losses) == (other.effect.losses, other.effect.wins)
        assert one.effect.detectable == pytest.approx(other.effect.detectable)


def test_the_order_of_users_does_not_matter() -> None:
    order = rng(9).permutation(700)

    def shuffled(phase: PhaseRanks) -> PhaseRanks:
        counts = [{name: each[order] for name, each in of.items()} for of in (phase.higher, phase.equal)]
        return PhaseRanks(phase.users[order], *counts)

    assert compare(found(shuffled), seed=0, resamples=300) == compare(found(), seed=0, resamples=300)


def test_a_seed_decides_every_number_and_another_gives_others() -> None:
    assert compare(found(), seed=1, resamples=300) == compare(found(), seed=1, resamples=300)
    assert [t.interval for t in compare(found(), 1, resamples=300)] != [
        t.interval for t in compare(found(), 2, resamples=300)
    ]


def test_a_test_beside_others_is_corrected_for_them_and_otherwise_the_same() -> None:
    rows = [phases(1), phases(2), phases(3)]
    few = compare(outcomes(rows[:2], FILTERED, ["H@20"]), seed=0, resamples=200)[0]
    many = compare(outcomes(rows, FILTERED, ["H@20", "N@20"]), seed=0, resamples=200)
    assert len(many) == 6
    assert (many[0].p, many[0].effect) == (few.p, few.effect)
    assert many[0].interval == pytest.approx(few.interval)
    assert few.p_holm == few.p and all(test.p_holm >= test.p for test in many)


@given(st.integers(1, 5_000))
def test_there_are_always_enough_flips_for_something_to_be_significant(tests: int) -> None:
    assert tests / (1 + enough_flips(tests)) < 0.01


def test_other_users_and_a_single_user_are_no_pairs() -> None:
    with pytest.raises(BenchError, match="not ranked for the same test users"):
        outcomes([[make_ranks([1, 2, 3])], [make_ranks([1, 2])]], FILTERED, ["H@20"])
    with pytest.raises(BenchError, match="at least two test users"):
        outcomes([[make_ranks([1])], [make_ranks([2])]], FILTERED, ["H@20"])


def test_every_protocol_can_be_compared() -> None:
    for protocol in PROTOCOLS.values():
        assert outcomes([phases(1), phases(2)], protocol, ["MRR"]).weights.sum() == pytest.approx(1)
