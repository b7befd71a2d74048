"""ItemKNN against brute force over the training lists."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_world import from_rows, hits_of

from baselines import itemknn
from baselines.itemknn import ItemKNN
from fave_bench.data.splits import leave_one_out
from fave_bench.randomness import StepDraw

rows = st.lists(st.lists(st.integers(1, 6), min_size=3, max_size=12), min_size=1, max_size=8)
HISTORY = torch.tensor([[0, 0, 0, 0], [0, 0, 0, 2], [0, 3, 1, 3], [1, 4, 2, 6]])


def fitted(lists: list[list[int]], num_items: int = 6, **config) -> ItemKNN:
    sequences = from_rows(lists)
    model = ItemKNN(ItemKNN.Config(**config), num_items)
    model.fit(sequences, leave_one_out(sequences))
    return model


def brute_force(lists: list[list[int]], history: list[int], k: int, shrinkage: float, decay: float) -> list[float]:
    owners = {item: {u for u, row in enumerate(lists) if item in row[:-2]} for item in range(7)}
    scores = [0.0] * 7
    for age, i in enumerate(reversed(history)):
        near = []
        for j in range(7):
            both = len(owners[i] & owners[j])
            if both and j != i:
                cosine = both / (math.sqrt(len(owners[i]) * len(owners[j])) + shrinkage)
                near.append((-np.float32(cosine), j))
        for negative, j in sorted(near)[:k]:
            scores[j] += -float(negative) * decay**age
    return scores


@settings(max_examples=60)
@given(rows, st.integers(1, 9), st.sampled_from([0.0, 1.0, 7.5]), st.sampled_from([1.0, 0.5]))
def test_scores_are_summed_cosines_of_the_nearest_items(lists, k, shrinkage, decay):
    model = fitted(lists, neighbours=k, shrinkage=shrinkage, decay=decay)
    scores = model.scores(HISTORY, draw=StepDraw(0))
    expected = [brute_force(lists, [i for i in row if i], k, shrinkage, decay) for row in HISTORY.tolist()]
    assert scores.dtype == torch.float32
    assert np.allclose(scores.numpy(), expected, atol=1e-6)


def test_equally_near_neighbours_are_taken_in_order_of_their_id():
    model = fitted([[5, 2, 4, 3, 1, 6, 6]], neighbours=2)
    assert model.nearest[5].tolist() == [1, 2] and model.nearest[1].tolist() == [2, 3]


def test_building_in_blocks_changes_nothing(monkeypatch):
    lists = [[1, 2, 3, 4, 5], [2, 3, 6, 1, 5], [4, 1, 2, 3, 3, 6]]
    whole = fitted(lists, neighbours=3)
    monkeypatch.setattr(itemknn, "BLOCK_CELLS", 14)
    parts = fitted(lists, neighbours=3)
    assert torch.equal(whole.nearest, parts.nearest) and torch.equal(whole.similarity, parts.similarity)


def test_without_decay_order_does_not_matter_and_padding_never_scores():
    model = fitted([[1, 2, 3, 4, 5, 6], [2, 3, 6, 1, 5], [4, 1, 2, 3, 3, 6]])
    scores = model.scores(torch.tensor([[0, 1, 4, 2], [0, 2, 1, 4]]), draw=StepDraw(0))
    assert torch.equal(scores[0], scores[1])
    assert not scores[:, 0].any() and not model.scores(HISTORY[:1], draw=StepDraw(0)).any()


def test_baskets_without_overlap_are_known_by_heart():
    """Twenty users of five items of their own."""
    lists = [[5 * u + n for n in (1, 2, 3, 4, 5, 1, 2)] for u in range(20)]
    assert hits_of(fitted(lists, num_items=100), from_rows(lists)) == 1.0


def test_saved_weights_restore_the_scores():
    model = fitted([[1, 2, 3, 4, 5], [2, 3, 6, 1, 5]])
    fresh = ItemKNN(model.config, 6)
    fresh.load_state_dict(model.state_dict())
    assert torch.equal(fresh.scores(HISTORY, draw=StepDraw(0)), model.scores(HISTORY, draw=StepDraw(0)))


def test_outputs_belong_to_this_version():
    assert ItemKNN.version == 1, "the mathematics changed: take the new numbers too"
    scores = fitted([[1, 2, 3, 4, 5], [1, 2, 6, 6]]).scores(torch.tensor([[1, 3]]), draw=StepDraw(0))
    # users of 1: {0, 1}, of 2: {0, 1}, of 3: {0}
    assert scores[0].tolist() == pytest.approx([0, 0.5**0.5, 1 + 0.5**0.5, 0.5**0.5, 0, 0, 0])
