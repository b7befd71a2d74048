"""ItemKNN: items bought together with those in the history (Deshpande & Karypis, ACM TOIS 2004).

A reference without order: neural baselines often fail to beat it (Ferrari Dacrema et al., RecSys 2019). With n(i) the
users who have item i in training and n(i, j) those who have both,
    s(i, j) = n(i, j) / (sqrt(n(i) n(j)) + shrinkage),   j ≠ i: the cosine of the items' user vectors, shrunk
    score(j | history) = Σ decay^age(i) s(i, j)          over the history's items i that have j among their k nearest,
with age 0 for the newest item; decay 1 is the plain method. Equally near neighbours are taken in order of their id. An
item that recurs in the history counts each time. Nothing is trained and no paper's number is reproduced; what is to be
chosen is chosen on validation.
"""

from collections.abc import Iterator

import numpy as np
import torch
from pydantic import Field
from scipy import sparse
from torch import Tensor

from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import Split
from fave_bench.models.contract import ModelConfig, Recommender
from fave_bench.randomness import Draw

BLOCK_CELLS = 1 << 24
"""Similarities held at once while the nearest are looked for."""


class ItemKNN(Recommender):
    class Config(ModelConfig):
        neighbours: int = Field(100, ge=1)
        """k, nearest items kept per item."""
        shrinkage: float = Field(0.0, ge=0)
        """Pulls similarities that rest on few users towards zero."""
        decay: float = Field(1.0, gt=0, le=1)
        """Weight of an item relative to the next newer one; 1 for a history without order."""

    title = "ItemKNN"
    samples = "none"
    config: Config
    nearest: Tensor
    similarity: Tensor

    def __init__(self, config: Config, num_items: int) -> None:
        super().__init__(config, num_items)
        shape = (self.vocabulary, min(config.neighbours, self.vocabulary))
        self.register_buffer("nearest", torch.zeros(shape, dtype=torch.int64))
        self.register_buffer("similarity", torch.zeros(shape))

    def fit(self, sequences: Sequences, split: Split) -> None:
        """Row i holds item i's nearest items and their similarity; 0, 0 where it has fewer than k."""
        users = _users_by_items(sequences, split, self.vocabulary)
        for rows, similarity in _similarities(users, self.config.shrinkage):
            value, item = _nearest(torch.as_tensor(similarity), self.nearest.shape[1])
            self.similarity[rows], self.nearest[rows] = value.to(self.similarity), item.to(self.nearest)

    def scores(self, history: Tensor, *, draw: Draw) -> Tensor:
        age = torch.arange(history.shape[1] - 1, -1, -1, device=history.device)
        weight = (self.config.decay**age).double()[:, None] * self.similarity[history]  # (B, L, k)
        scores = torch.zeros(len(history), self.vocabulary, dtype=torch.float64, device=history.device)
        scores.scatter_add_(1, self.nearest[history].flatten(1), weight.flatten(1))
        return scores.float()  # summed in double: a device's order of addition never shows


def _users_by_items(sequences: Sequences, split: Split, vocabulary: int) -> sparse.csr_array:
    """(U, V) with 1 where the user has the item in training."""
    training, shape = split.trained(sequences), (sequences.num_users, vocabulary)
    where = (sequences.owner[training], sequences.items[training])
    table = sparse.coo_array((np.ones(training.sum(), np.float32), where), shape).tocsr()
    table.data[:] = 1
    return table


def _similarities(users: sparse.csr_array, shrinkage: float) -> Iterator[tuple[slice, np.ndarray]]:
    """Row blocks of the (V, V) similarity, dense, float32, zero on the diagonal."""
    items = users.T.tocsr()
    count = np.asarray(users.sum(0))
    step = max(1, BLOCK_CELLS // len(count))
    for low in range(0, len(count), step):
        rows = slice(low, min(low + step, len(count)))
        both = (items[rows] @ users).toarray()
        norm = np.sqrt(count[rows, None] * count) + shrinkage
        similarity = np.divide(both, norm, out=np.zeros_like(both), where=both > 0)
        similarity[np.arange(rows.stop - low), np.arange(low, rows.stop)] = 0
        yield rows, similarity


def _nearest(similarity: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k largest of each row with their columns, ties to the smaller column; (0, 0) in place of zeros."""
    columns = similarity.shape[1]
    order = similarity.view(torch.int32).long()  # bits of a float that is not negative grow with it
    key = (order * columns + torch.arange(columns - 1, -1, -1)).topk(k, 1).values
    item = columns - 1 - key % columns
    value = similarity.gather(1, item)
    return value, torch.where(value > 0, item, 0)
