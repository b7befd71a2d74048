"""Markov against brute force over the training lists, and its limits."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_world import from_rows, hits_of

from baselines.markov import Markov
from fave_bench.data.splits import leave_one_out
from fave_bench.randomness import StepDraw

rows = st.lists(st.lists(st.integers(1, 6), min_size=3, max_size=12), min_size=1, max_size=8)


def fitted(lists: list[list[int]], smoothing: float = 2.0, num_items: int = 6) -> Markov:
    sequences = from_rows(lists)
    model = Markov(Markov.Config(smoothing=smoothing), num_items)
    model.fit(sequences, leave_one_out(sequences))
    return model


def histories_ending_in(*items: int) -> torch.Tensor:
    return torch.tensor([[0, 4, item] for item in items])


@settings(max_examples=60)
@given(rows, st.floats(0.01, 100))
def test_scores_are_smoothed_transition_shares_of_the_training_lists(lists, smoothing):
    trains = [row[:-2] for row in lists]
    popularity = np.bincount(np.concatenate(trains), minlength=7) / sum(map(len, trains))
    transitions = np.zeros((7, 7))
    for train in trains:
        for i, j in pairwise(train):
            transitions[i, j] += 1
    expected = (transitions + smoothing * popularity) / (transitions.sum(1, keepdims=True) + smoothing)
    scores = fitted(lists, smoothing).scores(histories_ending_in(*range(7)), draw=StepDraw(0))
    assert scores.dtype == torch.float32
    assert np.allclose(scores.numpy(), expected, atol=1e-6)
    assert np.allclose(scores.sum(1), 1, atol=1e-5), "a distribution over items"


def test_an_empty_history_and_an_item_nobody_went_on_from_get_popularity():
    model = fitted([[1, 2, 1, 3, 4, 5], [2, 1, 3, 6]])
    scores = model.scores(torch.tensor([[0, 0, 0], [0, 0, 6]]), draw=StepDraw(0))
    assert torch.equal(scores[0], model.popularity) and torch.equal(scores[1], model.popularity)
    assert scores[0].argmax() == 1 and scores[0, 0] == 0


def test_only_the_newest_item_decides_and_a_batch_changes_nothing():
    model = fitted([[1, 2, 1, 3, 4, 5], [2, 1, 3, 6], [3, 3, 2, 1, 5]])
    one, other = torch.tensor([[5, 4, 1]]), torch.tensor([[0, 2, 1]])
    together = model.scores(torch.cat((other, one, histories_ending_in(3, 2))), draw=StepDraw(0))
    assert torch.equal(together[0], together[1])
    assert torch.equal(together[1:2], model.scores(one, draw=StepDraw(0)))


def test_a_chain_without_branches_is_known_by_heart():
    """Twenty users of five items of their own."""
    lists = [[5 * u + n for n in (1, 2, 3, 4, 5, 1, 2)] for u in range(20)]
    assert hits_of(fitted(lists, num_items=100), from_rows(lists)) == 1.0


def test_where_nothing_follows_anything_it_is_popularity():
    model = fitted([[1, 2, 3], [1, 3, 4], [2, 5, 6]])
    scores = model.scores(histories_ending_in(*range(7)), draw=StepDraw(0))
    assert torch.equal(scores, model.popularity.repeat(7, 1))


def test_outputs_belong_to_this_version():
    assert Markov.version == 1, "the mathematics changed: take the new numbers too"
    scores = fitted([[1, 2, 1, 3, 4, 5], [2, 1, 3, 6]]).scores(histories_ending_in(1), draw=StepDraw(0))
    # training: 1 2 1 3 | 2 1, so c(1, 2) = c(1, 3) = 1 and p = (3, 2, 1) / 6; (c + 2 p) / 4
    assert scores[0].tolist() == pytest.approx([0, 1 / 4, 5 / 12, 1 / 3, 0, 0, 0])
