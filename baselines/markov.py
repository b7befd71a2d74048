"""Markov: what followed the last item most often, a first-order chain smoothed with popularity.

The reference that asks whether a table's systems use more than the last item. Transitions are counted over adjacent
pairs of each user's training items; with c(i, j) how often j followed i, c(i) = Σ_j c(i, j) and p(j) item j's share of
all training items,
    score(j | history) = (c(i, j) + μ p(j)) / (c(i) + μ),    i the history's newest item,
the Dirichlet-prior smoothing of Zhai & Lafferty (SIGIR 2001). An item nobody went on from, and an empty history, give
plain popularity. Nothing is trained and no paper's number is reproduced; μ is chosen on validation.
"""

from typing import Any

import numpy as np
import torch
from pydantic import Field
from scipy import sparse
from torch import Tensor

from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import Split
from fave_bench.models.contract import ModelConfig, Recommender
from fave_bench.randomness import Draw


class Markov(Recommender):
    class Config(ModelConfig):
        smoothing: float = Field(10.0, gt=0)
        """μ: popularity weighs as much as so many observed transitions."""

    title = "Markov"
    samples = "none"
    config: Config
    popularity: Tensor
    first: Tensor
    following: Tensor
    counts: Tensor

    def __init__(self, config: Config, num_items: int) -> None:
        super().__init__(config, num_items)
        self.register_buffer("popularity", torch.zeros(self.vocabulary))
        self.register_buffer("first", torch.zeros(self.vocabulary + 1, dtype=torch.int64))
        self.register_buffer("following", torch.zeros(0, dtype=torch.int64))
        self.register_buffer("counts", torch.zeros(0))

    def fit(self, sequences: Sequences, split: Split) -> None:
        """Item i's successors are ``following[first[i]:first[i + 1]]``, seen ``counts`` times."""
        items = sequences.items
        training = items[_inside(sequences, split.train_start, split.train_stop)]
        pairs = np.flatnonzero(
            _inside(sequences, split.train_start, np.maximum(split.train_stop - 1, split.train_start))
        )
        shape = (self.vocabulary, self.vocabulary)
        chain = sparse.coo_array((np.ones(len(pairs)), (items[pairs], items[pairs + 1])), shape).tocsr()
        device, shares = self.popularity.device, np.bincount(training, minlength=self.vocabulary) / len(training)
        self.popularity = torch.as_tensor(shares, dtype=torch.float32, device=device)
        self.first = torch.as_tensor(chain.indptr, dtype=torch.int64, device=device)
        self.following = torch.as_tensor(chain.indices, dtype=torch.int64, device=device)
        self.counts = torch.as_tensor(chain.data, dtype=torch.float32, device=device)

    def scores(self, history: Tensor, *, draw: Draw) -> Tensor:
        last, mu = history[:, -1], self.config.smoothing
        first, successors = self.first[last], self.first[last + 1] - self.first[last]
        row = torch.repeat_interleave(torch.arange(len(last), device=last.device), successors)
        place = torch.arange(len(row), device=last.device) - (successors.cumsum(0) - successors)[row]
        cell = first[row] + place
        scores = (mu * self.popularity).repeat(len(last), 1)
        scores.view(-1).index_add_(0, row * self.vocabulary + self.following[cell], self.counts[cell])
        total = torch.zeros_like(scores[:, 0]).index_add_(
            0, row, self.counts[cell]
        )  # whole numbers: exact in any order
        return scores / (total + mu)[:, None]

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        for name in ("following", "counts"):  # their length is the data's
            if f"{prefix}{name}" in state_dict:
                setattr(self, name, getattr(self, name).new_zeros(len(state_dict[f"{prefix}{name}"])))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def _inside(sequences: Sequences, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """(A,) bool: which positions lie in one of the ranges."""
    edges = np.zeros(sequences.num_actions + 1, dtype=np.int64)
    np.add.at(edges, start, 1)
    np.add.at(edges, stop, -1)
    return np.cumsum(edges[:-1]) > 0
