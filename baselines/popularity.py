"""Popularity: everybody is offered the items that occur most often in training.

The floor of every table: a model that does not beat it has learned nothing about anybody. No parameters, no printed
number. Items of equal count tie, and ties share their rank.
"""

import numpy as np
import torch
from torch import Tensor

from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import Split
from fave_bench.models.contract import ModelConfig, Recommender
from fave_bench.randomness import Draw


class Popularity(Recommender):
    title = "Popularity"
    samples = "none"
    counts: Tensor

    def __init__(self, config: ModelConfig, num_items: int) -> None:
        super().__init__(config, num_items)
        self.register_buffer("counts", torch.zeros(self.vocabulary))

    def fit(self, sequences: Sequences, split: Split) -> None:
        training = sequences.items[split.trained(sequences)]
        self.counts.copy_(torch.as_tensor(np.bincount(training, minlength=self.vocabulary)))

    def scores(self, history: Tensor, *, draw: Draw) -> Tensor:
        return self.counts.expand(len(history), -1)
