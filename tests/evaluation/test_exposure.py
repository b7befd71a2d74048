"""Exposure against the plainest definitions, pair by pair."""

from itertools import combinations
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fave_bench.evaluation.exposure import IntArray, coverage, gini, mean_popularity, overlap, times_shown

ITEMS, LENGTH = 12, 4


@st.composite
def some_lists(draw: st.DrawFn) -> IntArray:
    """(E, 4) lists without duplicates of 12 items, some of them short."""
    one = st.lists(st.integers(1, ITEMS), min_size=1, max_size=LENGTH, unique=True)
    return np.array([row + [0] * (LENGTH - len(row)) for row in draw(st.lists(one, min_size=1, max_size=9))], np.int32)


@given(some_lists())
def test_everything_is_what_its_definition_says(lists: IntArray) -> None:
    shown = times_shown(lists, ITEMS)
    sets = [set(row) - {0} for row in lists.tolist()]
    assert shown.tolist() == [sum(item in one for one in sets) for item in range(1, ITEMS + 1)]
    assert coverage(shown) == len(set.union(*sets)) / ITEMS
    shared = [len(a & b) / LENGTH for a, b in combinations(sets, 2)]
    assert overlap(shown, *lists.shape) == pytest.approx(np.mean(shared) if shared else 0)
    differences = np.abs(np.subtract.outer(shown, shown))
    assert gini(shown) == pytest.approx(differences.mean() / (2 * shown.mean()))
    popularity = np.arange(ITEMS) ** 2
    places = [popularity[item - 1] for one in sets for item in one]
    assert mean_popularity(shown, popularity) == pytest.approx(np.mean(places))


@given(some_lists(), st.randoms(use_true_random=False))
def test_neither_users_nor_places_nor_names_of_items_matter(lists: IntArray, random: Random) -> None:
    users, places, names = (random.sample(range(n), n) for n in (len(lists), LENGTH, ITEMS))
    renamed = np.concatenate([[0], np.array(names) + 1])[lists[users][:, places]].astype(np.int32)
    before, after = times_shown(lists, ITEMS), times_shown(renamed, ITEMS)
    assert gini(after) == gini(before) and coverage(after) == coverage(before)
    assert overlap(after, *lists.shape) == overlap(before, *lists.shape)


@given(some_lists())
def test_bounds(lists: IntArray) -> None:
    shown = times_shown(lists, ITEMS)
    assert 0 < coverage(shown) <= 1
    assert -1e-12 <= gini(shown) <= 1 - 1 / ITEMS + 1e-12
    assert 0 <= overlap(shown, *lists.shape) <= 1


def test_the_two_extremes() -> None:
    same = times_shown(np.tile(np.array([3, 1, 2, 4], np.int32), (5, 1)), ITEMS)
    assert overlap(same, 5, LENGTH) == 1 and coverage(same) == 4 / ITEMS
    apart = times_shown(np.arange(1, ITEMS + 1, dtype=np.int32).reshape(-1, LENGTH), ITEMS)
    assert overlap(apart, 3, LENGTH) == 0 and gini(apart) == 0 and coverage(apart) == 1
    assert gini(np.array([0, 0, 0, 7])) == 1 - 1 / 4
