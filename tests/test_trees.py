"""Laying one configuration over another."""

from copy import deepcopy

from hypothesis import given
from hypothesis import strategies as st

from fave_bench.trees import at, differences, laid_over, nested, overlay

names = st.sampled_from("abc")
trees = st.recursive(
    st.integers(), lambda leaves: st.dictionaries(names, leaves, max_size=3), max_leaves=8
).filter(lambda tree: isinstance(tree, dict))  # fmt: skip
keys = st.lists(names, min_size=1, max_size=3).map(".".join)


@given(trees, keys, st.integers())
def test_what_was_laid_over_is_there_and_nothing_given_changes(tree, key, value):
    before = deepcopy(tree)
    assert at(laid_over(tree, {key: value}), key) == value
    assert tree == before


@given(trees)
def test_laying_over_nothing_or_itself_changes_nothing(tree):
    assert overlay(tree, {}) == overlay({}, tree) == overlay(tree, tree) == laid_over(tree, {}) == tree


@given(trees, trees, trees)
def test_layers_may_be_joined_in_any_grouping(a, b, c):
    assert overlay(a, b, c) == overlay(overlay(a, b), c)


@given(keys, st.integers())
def test_a_nested_key_is_found_again_and_others_are_absent(key, value):
    assert at(nested(key, value), key) == value
    assert at(nested(key, value), f"{key}.more") is None
    assert at({}, key) is None


@given(trees, trees)
def test_what_differs_names_every_leaf_that_does_and_nothing_else(a, b):
    found = differences(a, b)
    assert all(at(a, key) != at(b, key) == value for key, value in found.items())
    assert bool(found) == (a != b) and differences(a, a) == {}
