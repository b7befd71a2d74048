"""Samples against a plain per-user definition written here."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import leave_one_out
from fave_bench.errors import BenchError
from fave_bench.training.samples import Samples

CPU = torch.device("cpu")
users = st.lists(st.lists(st.integers(1, 9), min_size=3, max_size=14), min_size=1, max_size=8).filter(
    lambda rows: any(len(row) > 3 for row in rows)
)


def make(rows: list[list[int]]) -> Sequences:
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    return Sequences("toy", offsets, np.concatenate(rows).astype(np.int32))


def padded(history: list[int], window: int) -> list[int]:
    kept = history[-window:]
    return [0] * (window - len(kept)) + kept


def everything(samples: Samples) -> list[tuple[int, list[int], object]]:
    batch = samples.batch(torch.arange(len(samples)), seed=0)
    return sorted(zip(batch.users.tolist(), batch.history.tolist(), batch.target.tolist(), strict=True))


@settings(max_examples=50)
@given(users, st.integers(1, 12))
def test_prefix_samples_are_every_training_prefix_and_its_next_item(rows, window):
    samples = Samples(make(rows), leave_one_out(make(rows)), "prefix", window, CPU)
    expected = [
        (user, padded(row[:k], window), row[k]) for user, row in enumerate(rows) for k in range(1, len(row) - 2)
    ]
    assert everything(samples) == sorted(expected)


@settings(max_examples=50)
@given(users, st.integers(1, 12))
def test_sequence_samples_are_one_shifted_window_a_user(rows, window):
    samples = Samples(make(rows), leave_one_out(make(rows)), "sequence", window, CPU)
    trains = [(user, row[:-2]) for user, row in enumerate(rows) if len(row) > 3]
    assert everything(samples) == sorted((u, padded(t[:-1], window), padded(t[1:], window)) for u, t in trains)
    batch = samples.batch(torch.arange(len(samples)), seed=0)
    assert batch.slots.tolist() == torch.nonzero(batch.target.flatten()).squeeze(1).tolist()


@settings(max_examples=50)
@given(users, st.integers(1, 12))
def test_windows_hold_every_training_item_the_newest_included_and_are_as_few_and_full_as_can_be(rows, window):
    samples = Samples(make(rows), leave_one_out(make(rows)), "windows", window, CPU)
    expected = []
    for user, row in enumerate(rows):
        train = row[:-2]
        stops = {max(stop, min(window, len(train))) for stop in range(len(train), 0, -window)}
        expected += [(user, padded(train[:stop], window)) for stop in stops]
    assert everything(samples) == sorted((user, history, history) for user, history in expected)
    batch = samples.batch(torch.arange(len(samples)), seed=0)
    assert batch.slots.tolist() == torch.nonzero(batch.history.flatten()).squeeze(1).tolist()


def test_an_epoch_is_a_permutation_that_depends_on_seed_stage_and_epoch_only():
    samples = Samples(
        make([[1, 2, 3, 4, 5, 6, 7]] * 9), leave_one_out(make([[1, 2, 3, 4, 5, 6, 7]] * 9)), "prefix", 5, CPU
    )
    orders = [samples.order(*key) for key in [(0, "a", 0), (0, "a", 1), (1, "a", 0), (0, "b", 0)]]
    assert all(sorted(order.tolist()) == list(range(len(samples))) for order in orders)
    assert len({tuple(order.tolist()) for order in orders}) == 4
    assert torch.equal(orders[0], samples.order(0, "a", 0))


def test_a_set_without_training_pairs_is_one_sentence():
    with pytest.raises(BenchError, match="no user has two training items"):
        Samples(make([[1, 2, 3]]), leave_one_out(make([[1, 2, 3]])), "prefix", 5, CPU)
