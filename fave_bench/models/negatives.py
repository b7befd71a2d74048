"""Uniform negatives outside a user's own items, exactly and without rejection."""

import numpy as np
import torch
from torch import Tensor, nn

from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import within
from fave_bench.randomness import Draw


class UnseenItems(nn.Module):
    """Draws items uniformly from those a user has not touched.

    With a user's m distinct items sorted as s_0 < s_1 < …, the k-th item outside them (k from 0, ids from 1) is
    ``1 + k + #{i : s_i - 1 - i <= k}``: one binary search per negative, over one flat array for all users.
    """

    keys: Tensor
    first: Tensor
    free: Tensor

    def __init__(self, num_users: int, num_items: int) -> None:
        super().__init__()
        self.num_users, self.num_items = num_users, num_items

    @classmethod
    def of(cls, sequences: Sequences, start: np.ndarray, stop: np.ndarray) -> "UnseenItems":
        """The sampler that avoids ``items[start[u]:stop[u]]`` for every user u."""
        sampler = cls(sequences.num_users, sequences.num_items)
        touched = within(sequences, start, stop)
        pairs = np.unique(sequences.owner[touched] * (sequences.num_items + 1) + sequences.items[touched])
        user, item = np.divmod(pairs, sequences.num_items + 1)
        distinct = np.bincount(user, minlength=len(start))
        first = np.cumsum(distinct) - distinct
        place = np.arange(len(user)) - first[user]
        keys = user * (sequences.num_items + 1) + item - 1 - place
        for name, array in {"keys": keys, "first": first, "free": sequences.num_items - distinct}.items():
            sampler.register_buffer(name, torch.as_tensor(array, dtype=torch.int64), persistent=False)
        return sampler

    def draw(self, users: Tensor, count: int, draw: Draw) -> Tensor:
        """(B,) users -> (B, count) item ids; a user who has touched everything gets item N."""
        free = self.free[users][:, None]
        k = (draw.uniform(len(users), count) * free).long().clamp_max((free - 1).clamp_min(0))
        below = torch.searchsorted(self.keys, users[:, None] * (self.num_items + 1) + k, right=True)
        return (1 + k + below - self.first[users][:, None]).clamp_max(self.num_items)
