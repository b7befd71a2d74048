"""Negatives are uniform over exactly the items a user has not touched."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fave_bench.data.sequences import Sequences
from fave_bench.models.negatives import UnseenItems
from fave_bench.randomness import StepDraw


@settings(max_examples=60)
@given(st.lists(st.lists(st.integers(1, 12), min_size=1, max_size=15), min_size=1, max_size=5))
def test_every_unseen_item_and_no_other_is_drawn(rows):
    rows[0].append(12)  # fixes the catalogue at 12 items
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    sequences = Sequences("toy", offsets, np.concatenate(rows).astype(np.int32))
    sampler = UnseenItems.of(sequences, offsets[:-1], offsets[1:])
    drawn = sampler.draw(torch.arange(len(rows)), 600, StepDraw(0))
    for row, negatives in zip(rows, drawn.tolist(), strict=True):
        unseen = set(range(1, 13)) - set(row)
        assert set(negatives) == (unseen or {12})


def test_draws_are_uniform():
    sequences = Sequences("toy", np.array([0, 3]), np.array([2, 5, 10], dtype=np.int32))
    sampler = UnseenItems.of(sequences, np.array([0]), np.array([3]))
    counts = torch.bincount(sampler.draw(torch.tensor([0]), 70_000, StepDraw(1))[0], minlength=11)
    assert (counts[[1, 3, 4, 6, 7, 8, 9]] - 10_000).abs().max() < 500
