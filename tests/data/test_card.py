"""The numbers of the card against plain counting, and against what is known of the real data."""

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from data_helpers import Event, by_user, events, interactions
from hypothesis import assume, given

from fave_bench import data
from fave_bench.data.card import card_of
from fave_bench.data.filters import core
from fave_bench.data.interactions import to_sequences


@given(events)
def test_counts_are_those_of_plain_loops(log: list[Event]) -> None:
    kept = core(interactions(log), 3, 1)
    assume(len(kept))
    users = Counter(user for user, _, _ in log)
    log = [row for row in log if users[row[0]] >= 3]
    card = card_of(to_sequences(kept, "toy", "log"))
    histories = by_user(log)
    trained = {item for items in histories.values() for item in items[:-2]}
    assert card.users, card.actions == (len(histories), len(log))
    assert card.lengths["mean"] == pytest.approx(len(log) / len(histories))
    assert card.lengths["max"] == max(map(len, histories.values()))
    assert card.unseen_test_targets == sum(items[-1] not in trained for items in histories.values())
    assert card.repeated_test_targets == sum(items[-1] in items[:-1] for items in histories.values())
    assert card.repeated_validation_targets == sum(items[-2] in items[:-2] for items in histories.values())
    pairs = {row[:2] for row in log}
    assert card.repeated_actions == pytest.approx(1 - len(pairs) / len(log))
    assert card.sparsity == pytest.approx(1 - len(pairs) / card.users / card.items)


@given(events)
def test_ties_and_leakage_are_those_of_plain_loops(log: list[Event]) -> None:
    users = Counter(user for user, _, _ in log)
    log = [row for row in log if users[row[0]] >= 3]
    assume(log)
    order = card_of(to_sequences(interactions(log), "toy", "log")).order
    assert order is not None
    times = {user: sorted(t for u, _, t in log if u == user) for user in users if users[user] >= 3}
    train = [t for row in times.values() for t in row[:-2]]
    tests = [row[-1] for row in times.values()]
    neighbours = [pair for row in times.values() for pair in pairwise(row)]
    assert order.tied_pairs == pytest.approx(sum(a == b for a, b in neighbours) / len(neighbours))
    assert order.tied_test_targets == sum(row[-1] == row[-2] for row in times.values())
    assert order.tied_validation_targets == sum(row[-2] in (row[-3], row[-1]) for row in times.values())
    assert order.leaking_targets == pytest.approx(sum(any(s > t for s in train) for t in tests) / len(tests))
    later = [sum(s > t for s in train) / len(train) for t in tests]
    assert order.later_training == pytest.approx(sum(later) / len(later))


def test_the_real_data_are_as_models_md_counts_them(real_data: Callable[[str], Path]) -> None:
    card = card_of(data.load("ml-100k", real_data("ml-100k") / "u.data"))
    assert (card.users, card.items, card.actions, card.unseen_test_targets) == (943, 1682, 100_000, 3)
    assert card.order is not None
    assert (card.order.tied_test_targets, card.order.tied_validation_targets) == (415, 599)
    assert round(card.order.tied_pairs, 3) == 0.510
    card = card_of(data.load("beauty", real_data("beauty") / "Beauty.txt"))
    assert (card.users, card.items, card.actions, card.unseen_test_targets) == (22_363, 12_101, 198_502, 138)
    assert card.repeated_test_targets == card.repeated_validation_targets == 0
