"""Laws of the way from raw actions to sequences."""

import numpy as np
import pytest
from data_helpers import Event, by_user, events, interactions, unpacked
from hypothesis import given
from hypothesis import strategies as st

from fave_bench.data.interactions import Interactions, to_sequences
from fave_bench.errors import BenchError


@given(events)
def test_each_user_is_sorted_by_time_and_ties_keep_file_order(log: list[Event]) -> None:
    """Against a second definition: Python's stable sort of each user's list."""
    expected = {str(user): [str(item) for item in items] for user, items in by_user(log).items()}
    assert unpacked(to_sequences(interactions(log), "toy", "log")) == expected


@given(events)
def test_without_times_file_order_is_time_order(log: list[Event]) -> None:
    unordered = [(user, item, 0) for user, item, _ in log]
    timed, untimed = (to_sequences(interactions(unordered, timed=t), "toy", "log") for t in (True, False))
    assert untimed.times is None
    assert unpacked(timed) == unpacked(untimed)


@given(events)
def test_the_arrays_are_compressed_rows_with_items_numbered_by_first_appearance(log: list[Event]) -> None:
    sequences = to_sequences(interactions(log), "toy", "log")
    assert sequences.offsets.dtype == np.int64 and sequences.items.dtype == np.int32
    assert sequences.offsets[0] == 0 and sequences.offsets[-1] == len(log) == sequences.num_actions
    assert (np.diff(sequences.offsets) > 0).all()
    assert list(dict.fromkeys(sequences.items.tolist())) == list(range(1, sequences.num_items + 1))
    assert len(sequences.item_labels) == sequences.num_items


@given(events, st.permutations(range(10)))
def test_the_fingerprint_does_not_know_what_items_are_called(log: list[Event], names: list[int]) -> None:
    renamed = [(user, names[item], time) for user, item, time in log]
    one, other = (to_sequences(interactions(each), "toy", "log") for each in (log, renamed))
    assert one.fingerprint == other.fingerprint


@given(events)
def test_the_fingerprint_changes_with_the_order_of_two_different_items(log: list[Event]) -> None:
    sequences = to_sequences(interactions(log), "toy", "log")
    swapped = sequences.items.copy()
    swapped[[0, -1]] = swapped[[-1, 0]]
    same = (swapped == sequences.items).all()
    assert (type(sequences)("toy", sequences.offsets, swapped).fingerprint == sequences.fingerprint) == same


def labelled(*users: str) -> Interactions:
    codes = np.arange(len(users), dtype=np.int32)
    return Interactions(codes, np.zeros(len(users), np.int32), None, users, ["item"])


def test_integer_users_ascend_by_value_and_others_keep_their_first_appearance() -> None:
    assert to_sequences(labelled("10", "9", "-1"), "toy", "log").user_labels == ("-1", "9", "10")
    assert to_sequences(labelled("10", "9", "b", "a"), "toy", "log").user_labels == ("10", "9", "b", "a")


def test_ids_too_long_for_an_integer_are_names() -> None:
    long = "9" * 5000
    assert to_sequences(labelled(long, "1"), "toy", "log").user_labels == (long, "1")


def test_nothing_left_is_one_sentence() -> None:
    with pytest.raises(BenchError, match="no interactions are left"):
        to_sequences(labelled().select(np.zeros(0, bool)), "toy", "log")
