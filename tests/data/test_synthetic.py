"""The generated sets obey their law, and no ranking beats the stated best: an independent observer attains it."""

from dataclasses import replace

import numpy as np
import pytest
from data_helpers import unpacked

from fave_bench import data
from fave_bench.data.oracle import expected_metrics, gains
from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import leave_one_out
from fave_bench.data.steam_shaped import steam_shaped
from fave_bench.data.synthetic import PROCESSES, Moment, Process, lengths, realise, steps
from fave_bench.errors import UsageError


@pytest.fixture(scope="module", params=PROCESSES)
def world(request: pytest.FixtureRequest) -> tuple[Process, Sequences]:
    return PROCESSES[request.param], data.load(request.param)


def observer(process: Process, history: list[int]) -> np.ndarray:
    """(N,) P(next | history) from the module's prose alone: one user, one step, one group at a time."""

    def law(seen: list[int], group: int) -> np.ndarray:
        left = np.setdiff1d(np.arange(process.items), seen)
        inside, outside = left[left % process.groups == group], left[left % process.groups != group]
        drawn = np.zeros(process.items)
        drawn[inside] = (1 - process.stray) / len(inside)
        drawn[outside] = process.stray / max(1, len(outside))
        if not seen:
            return drawn
        following = process.transitions[seen[-1]].copy()
        following[seen] = 0
        return process.order * following / following.sum() + (1 - process.order) * drawn

    posterior = np.ones(process.groups) / process.groups
    for position, item in enumerate(history):
        posterior *= [law(history[:position], group)[item] for group in range(process.groups)]
        posterior /= posterior.sum()
    return np.array(sum(p * law(history, group) for group, p in enumerate(posterior)))


def test_an_independent_observer_attains_the_stated_best_within_sampling_error(
    world: tuple[Process, Sequences],
) -> None:
    """Its expectation equals ours on the users it looks at; what really came lies within 4 standard errors."""
    process, sequences = world
    split = leave_one_out(sequences)
    own = np.array([int(label) - 1 for label in sequences.item_labels])
    asked = np.random.default_rng(0).permutation(sequences.num_users)[:80]
    chance, realised = [], []
    for user in asked:
        items = own[sequences.items[split.test.start[user] : split.test.stop[user] + 1] - 1].tolist()
        probability = observer(process, items[:-1])
        best_first = np.argsort(-probability, kind="stable")
        chance.append(probability)
        realised.append(int(np.flatnonzero(best_first == items[-1])[0]))
    predicted = expected_metrics(np.stack(chance))
    for metric, gain in gains(process.items).items():
        got = gain[realised]
        assert abs(got.mean() - predicted[metric].mean()) < 4 * gain[:1].max() * np.sqrt(0.25 / len(asked))
        spread = predicted[metric].std() / np.sqrt(len(asked))
        assert abs(predicted[metric].mean() - sequences.oracle[metric]) < 4 * spread + 1e-9


@pytest.mark.parametrize("name", PROCESSES)
def test_predictions_agree_with_the_observer_and_sum_to_one(name: str) -> None:
    process = replace(PROCESSES[name], users=3, items=60, shortest=3, longest=5)
    drawn: list[list[int]] = [[], [], []]
    for step in steps(process):
        np.testing.assert_allclose(step.predicted.sum(1), 1)
        for user, history in enumerate(drawn):
            np.testing.assert_allclose(step.predicted[user], observer(process, history), atol=1e-12)
            history.append(int(step.chosen[user]))


def test_all_users_realised_ranks_meet_the_oracle() -> None:
    """With every user of `markov`, whose law needs the last item only."""
    process, sequences = PROCESSES["markov"], data.load("markov")
    split = leave_one_out(sequences)
    own = np.array([int(label) - 1 for label in sequences.item_labels])
    ranks = []
    for start, stop in zip(split.test.start, split.test.stop, strict=True):
        row = process.transitions[own[sequences.items[stop - 1] - 1]].copy()
        row[own[sequences.items[start:stop] - 1]] = 0
        target = own[sequences.items[stop] - 1]
        ranks.append(int((row > row[target]).sum() + (row[:target] == row[target]).sum()))  # ties by item number
    for k in (5, 10, 20):
        hit = float(np.mean(np.array(ranks) < k))
        assert abs(hit - sequences.oracle[f"H@{k}"]) < 4 * np.sqrt(hit * (1 - hit) / len(ranks))


def test_no_target_is_in_its_own_history_and_all_items_occur(world: tuple[Process, Sequences]) -> None:
    process, sequences = world
    assert all(len(set(items)) == len(items) for items in unpacked(sequences).values())
    assert (sequences.num_users, sequences.num_items) == (process.users, process.items)
    assert sequences.synthetic
    assert (np.diff(sequences.offsets) == lengths(process)).all()


def test_order_does_not_count_in_bag_and_only_the_last_item_counts_in_markov() -> None:
    bag, markov = PROCESSES["bag"], PROCESSES["markov"]
    history = [3, 13, 200, 23, 33]
    np.testing.assert_allclose(observer(bag, history), observer(bag, history[::-1]))
    earlier_shuffled = [13, 3, 23, 100, 33]
    first, second = observer(markov, [3, 13, 100, 23, 33]), observer(markov, earlier_shuffled)
    np.testing.assert_allclose(first, second)
    assert not np.allclose(first, observer(markov, [3, 13, 100, 33, 23]))


def test_the_same_seed_gives_the_same_data_and_another_seed_other_data() -> None:
    process = replace(PROCESSES["demo"], users=20)
    again, other = realise(process, "demo"), realise(replace(process, seed=99), "demo")
    assert realise(process, "demo").fingerprint == again.fingerprint != other.fingerprint


def test_generated_data_have_the_fingerprints_that_records_were_made_with() -> None:
    """A change here makes every recorded run on the set another run: raise it knowingly."""
    assert data.load("demo").fingerprint.startswith("60547956e258")


def test_better_than_best_first_there_is_nothing() -> None:
    """Any other order of the same probabilities expects no more of any metric."""
    rng = np.random.default_rng(1)
    probability = rng.dirichlet(np.ones(30), size=4)
    best = expected_metrics(probability)
    for _ in range(50):
        shuffled = np.take_along_axis(probability, rng.permuted(np.tile(np.arange(30), (4, 1)), axis=1), axis=1)
        for metric, gain in gains(30).items():
            assert (shuffled @ gain <= best[metric] + 1e-12).all()


def test_a_moment_without_a_last_item_draws_from_the_group() -> None:
    process = PROCESSES["demo"]
    predicted = Moment(process, None, np.ones((1, process.items), bool)).predict(np.eye(process.groups)[:1])
    inside = process.group_of == 0
    assert predicted[0, inside].sum() == pytest.approx(1 - process.stray)


def test_generated_sets_take_no_source(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(UsageError, match="is generated"):
        data.load("demo", tmp_path_factory.getbasetemp())
    with pytest.raises(UsageError, match="is generated"):
        data.load("demo", min_user=3)


def test_steam_shaped_has_exact_counts_no_repeats_and_long_tails() -> None:
    sequences = data.load("steam-shaped")
    assert (sequences.num_users, sequences.num_items, sequences.num_actions) == (281_428, 13_044, 3_485_022)
    owner = np.repeat(np.arange(sequences.num_users), np.diff(sequences.offsets))
    assert len(np.unique(owner * 20_000 + sequences.items)) == sequences.num_actions
    length, count = np.diff(sequences.offsets), np.sort(np.bincount(sequences.items)[1:])[::-1]
    assert length.min() == 5 and np.median(length) < length.mean() < length.max() / 50
    assert count[: len(count) // 100].sum() > 0.2 * count.sum() and count.min() >= 5
    assert sequences.synthetic and not sequences.oracle


def test_steam_shaped_scales_down() -> None:
    sequences = steam_shaped(users=50, items=40, actions=400)
    assert (sequences.num_users, sequences.num_items, sequences.num_actions) == (50, 40, 400)
    assert all(len(set(items)) == len(items) for items in unpacked(sequences).values())
