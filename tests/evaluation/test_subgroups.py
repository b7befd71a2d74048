"""Groups partition the test users, and together say what the overall metric says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import leave_one_out
from fave_bench.evaluation.subgroups import history_length, target_popularity, training_counts

histories = st.lists(st.lists(st.integers(1, 12), min_size=3, max_size=15), min_size=1, max_size=30)


def sequences(users: list[list[int]]) -> Sequences:
    offsets = np.cumsum([0, *map(len, users)], dtype=np.int64)
    return Sequences("toy", offsets, np.concatenate(users).astype(np.int32))


@given(histories)
def test_every_test_user_is_in_one_group_within_its_bounds(users: list[list[int]]) -> None:
    data = sequences(users)
    split = leave_one_out(data)
    seen = [item for user in users for item in user[:-2]]
    counts = {"history length": [len(user) - 1 for user in users]}
    counts["target popularity"] = [seen.count(user[-1]) for user in users]
    for found in (history_length(split), target_popularity(data, split)):
        assert sum(found.sizes) == len(users) and min(found.sizes) > 0
        for count, group in zip(counts[found.by], found.group, strict=True):
            low, high = found.bounds[group]
            assert low <= count <= high
        for (_, high), (low, _) in zip(found.bounds, found.bounds[1:], strict=False):
            assert high < low  # users with one count are in one group, and groups are in order


@given(histories)
def test_training_counts_leave_the_two_targets_out(users: list[list[int]]) -> None:
    data = sequences(users)
    seen = [item for user in users for item in user[:-2]]
    assert training_counts(data, leave_one_out(data)).tolist() == [seen.count(i) for i in range(data.num_items + 1)]


def test_quartiles_hold_a_quarter_each_where_lengths_allow() -> None:
    found = history_length(leave_one_out(sequences([[1] * n for n in range(3, 43)])))
    assert found.sizes == [10, 10, 10, 10]
    assert found.bounds[0] == (2, 11)


def test_the_head_are_the_items_that_hold_a_third_of_the_training_actions() -> None:
    # training actions: item 1 has 6, item 2 has 6, items 3 to 8 have one each
    training = [1] * 6 + [2] * 6 + [3, 4, 5, 6, 7, 8]
    users = [[*training, 9, target] for target in (1, 2, 3, 9)]
    found = target_popularity(sequences(users), leave_one_out(sequences(users)))
    assert [found.names[group] for group in found.group] == ["head", "head", "tail", "tail"]
    assert found.bounds == ((0, 4), (24, 24))


@pytest.mark.parametrize(("counts", "names"), [((1, 1, 1), {"head"}), ((4, 2, 2, 1), {"head", "mid", "tail"})])
def test_items_equally_popular_stay_together(counts: tuple[int, ...], names: set[str]) -> None:
    training = [item for item, count in enumerate(counts, 1) for _ in range(count)]
    users = [[*training, 1, target] for target in range(1, len(counts) + 1)]
    found = target_popularity(sequences(users), leave_one_out(sequences(users)))
    assert set(found.names) == names
    assert len({found.names[found.group[i]] for i, count in enumerate(counts) if count == counts[1]}) == 1
