"""Markov: what followed the last item most often, a first-order chain smoothed with popularity.

The reference that asks whether a table's systems use more than the last item. Transitions are counted over adjacent
pairs of each user's training items; with c(i, j) how often j followed i, c(i) = Σ_j c(i, j) and p(j) item j's share of
all training items,
    score(j | history) = (c(i, j) + μ p(j)) / (c(i) + μ),    i the history's newest item,
the Dirichlet-prior smoothing of Zhai & Lafferty (SIGIR 2001). An item nobody went on from, and an empty history, give
plain popularity. Nothing is trained and no paper's number is reproduced; μ is chosen on validation.
"""

import numpy as np
import torch
from pydantic import Field
from scipy import sparse
from torch import Tensor

from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import Split
from fave_bench.models.contract import ModelConfig, Recommender
from fave_bench.models.sparse_rows import SparseRows
from fave_bench.randomness import Draw


class Markov(Recommender):
    class Config(ModelConfig):
        smoothing: float = Field(10.0, gt=0)
        """μ: popularity weighs as much as so many observed transitions."""

    title = "Markov"
    samples = "none"
    config: Config
    popularity: Tensor
    followers: SparseRows

    def __init__(self, config: Config, num_items: int) -> None:
        super().__init__(config, num_items)
        self.register_buffer("popularity", torch.zeros(self.vocabulary))

    def fit(self, sequences: Sequences, split: Split) -> None:
        items, owner, training = sequences.items, sequences.owner, split.trained(sequences)
        followed = training[:-1] & training[1:] & (owner[:-1] == owner[1:])
        pairs = items[:-1][followed], items[1:][followed]
        shape = (self.vocabulary, self.vocabulary)
        self.followers = SparseRows(sparse.coo_array((np.ones(followed.sum()), pairs), shape).tocsr())
        self.popularity.copy_(torch.as_tensor(np.bincount(items[training], minlength=self.vocabulary) / training.sum()))
        self.to(self.popularity.device)

    def scores(self, history: Tensor, *, draw: Draw) -> Tensor:
        last, mu = history[:, -1], self.config.smoothing
        following, counts = self.followers.cells(last)
        scores = (mu * self.popularity).repeat(len(last), 1).scatter_add_(1, following, counts)
        return scores / (counts.sum(1) + mu)[:, None]  # whole numbers: their sum is exact in any order
