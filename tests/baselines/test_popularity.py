"""Popularity counts training items, nothing else."""

import numpy as np
import torch

from baselines.popularity import Popularity
from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import leave_one_out
from fave_bench.randomness import StepDraw


def test_scores_are_the_training_counts_for_everybody():
    rows = [[1, 2, 3, 4, 5], [2, 3, 1, 5], [2, 6, 4]]
    offsets = np.cumsum([0, 5, 4, 3])
    sequences = Sequences("toy", offsets, np.concatenate(rows).astype(np.int32))
    model = Popularity(Popularity.Config(), 6)
    model.fit(sequences, leave_one_out(sequences))
    scores = model.scores(torch.zeros(2, 50, dtype=torch.int64), draw=StepDraw(0))
    assert scores.tolist() == [[0, 1, 3, 2, 0, 0, 0]] * 2  # items 1, 2, 3 | 2, 3 | 2 lie in the training ranges
