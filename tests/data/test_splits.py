"""Laws of the two splits, and leave-one-out against the public pickles."""

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from data_helpers import Event, events, interactions, sequences_of
from hypothesis import assume, given
from hypothesis import strategies as st

from fave_bench import data
from fave_bench.data.filters import core
from fave_bench.data.interactions import to_sequences
from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import Phase, leave_one_out, temporal
from fave_bench.errors import BenchError


def splittable(log: list[Event]) -> Sequences:
    kept = core(interactions(log), 3, 1)
    assume(len(kept))
    return to_sequences(kept, "toy", "log")


@given(events)
def test_leave_one_out_takes_the_last_two_actions_and_nothing_else(log: list[Event]) -> None:
    sequences = splittable(log)
    split = leave_one_out(sequences)
    for user, (first, end) in enumerate(zip(sequences.offsets[:-1], sequences.offsets[1:], strict=True)):
        assert (split.train_start[user], split.train_stop[user]) == (first, end - 2)
        assert split.validation.start[user] == split.test.start[user] == first
        assert (split.validation.stop[user], split.test.stop[user]) == (end - 2, end - 1)


@pytest.mark.parametrize("dataset", ["ml-100k", "beauty"])
def test_leave_one_out_is_the_public_split_for_every_user(real_data: Callable[[str], Path], dataset: str) -> None:
    """The public files are trusted here, so that this reading shares nothing with the product's."""
    folder = real_data(dataset)
    public = pickle.loads((folder / "dataset.pkl").read_bytes())
    source = folder / ("u.data" if dataset == "ml-100k" else "Beauty.txt")
    sequences = data.load(dataset, source)
    split = leave_one_out(sequences)
    own = np.array([0, *map(int, sequences.item_labels)])
    shift = int(sequences.user_labels[0]) - min(public["train"])
    agreeing = 0
    for user, label in enumerate(sequences.user_labels):
        train, val, test = (public[part][int(label) - shift] for part in ("train", "val", "test"))
        items = own[sequences.items[split.train_start[user] : split.train_stop[user]]].tolist()
        targets = [own[sequences.items[phase.stop[user]]] for phase in (split.validation, split.test)]
        agreeing += (items, targets) == (train, [*val, *test])
    assert agreeing == sequences.num_users == len(public["train"])


def test_a_user_too_short_to_split_is_named() -> None:
    with pytest.raises(BenchError, match="user '5' has 2 interactions and 1 users have fewer than the 3"):
        leave_one_out(sequences_of({4: [1, 2, 3], 5: [1, 2]}))


crowded = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9), st.integers(0, 30)), min_size=25, max_size=60)
"""Few users over a long time, so that most have actions in every period."""


def moments(sequences: Sequences, phase: Phase) -> np.ndarray:
    assert sequences.times is not None
    return sequences.times[phase.stop]


@given(crowded)
def test_a_temporal_split_never_trains_on_the_future_of_any_target(log: list[Event]) -> None:
    sequences = to_sequences(interactions(log), "toy", "log")
    try:
        split = temporal(sequences, train=0.5, validation=0.25)
    except BenchError:
        assume(False)
    trained = np.concatenate(
        [sequences.times[a:b] for a, b in zip(split.train_start, split.train_stop, strict=True)]  # type: ignore[index]
    )
    if len(trained):
        assert trained.max() < moments(sequences, split.validation).min()
    assert moments(sequences, split.validation).max() < moments(sequences, split.test).min()


@given(crowded)
def test_a_temporal_target_is_a_users_first_action_in_its_period_and_has_a_history(log: list[Event]) -> None:
    sequences = to_sequences(interactions(log), "toy", "log")
    try:
        split = temporal(sequences, train=0.5, validation=0.25)
    except BenchError:
        assume(False)
    assert sequences.times is not None
    validation_begins = np.quantile(sequences.times, 0.5, method="lower")
    test_begins = np.quantile(sequences.times, 0.75, method="lower")
    for phase, begins, ends in ((split.validation, validation_begins, test_begins), (split.test, test_begins, np.inf)):
        asked = {}
        for user, (first, end) in enumerate(zip(sequences.offsets[:-1], sequences.offsets[1:], strict=True)):
            inside = [p for p in range(first, end) if begins <= sequences.times[p] < ends]
            if inside and inside[0] > first:
                asked[user] = inside[0]
        assert dict(zip(phase.users.tolist(), phase.stop.tolist(), strict=True)) == asked
        assert (sequences.offsets[phase.users] == phase.start).all()


def test_a_temporal_split_of_data_without_times_is_an_error() -> None:
    with pytest.raises(BenchError, match="needs times"):
        temporal(sequences_of({1: [1, 2, 3]}))


@pytest.mark.parametrize(("train", "validation"), [(0, 0.1), (1, 0.1), (0.9, 0.1), (0.5, 0), (0.5, -1)])
def test_impossible_shares_are_an_error(train: float, validation: float) -> None:
    with pytest.raises(BenchError, match="must be positive and sum to less than 1"):
        temporal(sequences_of({1: [1, 2, 3]}, {1: [1, 2, 3]}), train, validation)


def test_a_temporal_split_without_targets_is_an_error() -> None:
    with pytest.raises(BenchError, match="no user with a target"):
        temporal(sequences_of({1: [1, 2, 3]}, {1: [5, 5, 5]}))
