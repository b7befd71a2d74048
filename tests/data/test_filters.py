"""Laws of de-duplication and of the k-core."""

import random
from collections import Counter

import numpy as np
from data_helpers import Event, events, interactions
from hypothesis import given
from hypothesis import strategies as st

from fave_bench.data.filters import EVERYTHING, Rule, core, deduplicated
from fave_bench.data.interactions import Interactions

minima = st.integers(1, 5)


def rows(actions: Interactions) -> list[Event]:
    times = np.zeros(len(actions), int) if actions.times is None else actions.times
    return [
        (int(actions.user_labels[user]), int(actions.item_labels[item]), int(time))
        for user, item, time in zip(actions.users, actions.items, times, strict=True)
    ]


def peeled(log: list[Event], min_user: int, min_item: int, seed: int) -> list[Event]:
    """The k-core by its other definition: take away one offending action after the other, in any order."""
    left, rng = list(log), random.Random(seed)
    while True:
        users, items = Counter(row[0] for row in left), Counter(row[1] for row in left)
        offending = [k for k, row in enumerate(left) if users[row[0]] < min_user or items[row[1]] < min_item]
        if not offending:
            return left
        del left[rng.choice(offending)]


@given(events, minima, minima, st.integers(0, 99))
def test_the_core_does_not_depend_on_the_order_of_removal(log: list[Event], u: int, i: int, seed: int) -> None:
    assert rows(core(interactions(log), u, i)) == peeled(log, u, i, seed)


@given(events, minima, minima)
def test_a_core_is_its_own_core(log: list[Event], u: int, i: int) -> None:
    once = core(interactions(log), u, i)
    assert rows(core(once, u, i)) == rows(once)
    assert rows(core(once, u, i, iterated=False)) == rows(once)


@given(events, minima, minima)
def test_a_single_pass_applies_both_minima_to_the_raw_counts(log: list[Event], u: int, i: int) -> None:
    users, items = Counter(row[0] for row in log), Counter(row[1] for row in log)
    expected = [row for row in log if users[row[0]] >= u and items[row[1]] >= i]
    assert rows(core(interactions(log), u, i, iterated=False)) == expected


@given(events)
def test_deduplication_keeps_each_pairs_earliest_action_and_file_order(log: list[Event]) -> None:
    earliest = {}
    for position, (user, item, time) in enumerate(log):
        earliest[user, item] = min(earliest.get((user, item), (time, position)), (time, position))
    assert rows(deduplicated(interactions(log))) == [
        log[position] for _, position in sorted(earliest.values(), key=lambda v: v[1])
    ]


@given(events)
def test_the_default_rule_keeps_everything(log: list[Event]) -> None:
    assert rows(EVERYTHING.apply(interactions(log))) == log


@given(events, minima)
def test_a_rule_deduplicates_before_it_counts(log: list[Event], k: int) -> None:
    kept = rows(Rule(deduplicate=True, min_user=k, min_item=k).apply(interactions(log)))
    assert kept == rows(core(deduplicated(interactions(log)), k, k))
    assert max(Counter(row[:2] for row in kept).values(), default=1) == 1


def test_rules_say_what_they_do() -> None:
    assert str(EVERYTHING) == "all actions"
    assert str(Rule(True, 5, 4, iterated=False)) == (
        "one action per user and item; users >= 5, items >= 4 actions, single pass"
    )
