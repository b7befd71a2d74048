"""Some of a run's test users, ready to be asked again with the noise that the run was ranked by."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import SPLITS, LongArray
from fave_bench.data.windows import windows
from fave_bench.models.contract import GenerativeRecommender
from fave_bench.randomness import UserDraw, seed_of
from fave_bench.records import Record

SEED = 0
"""Of every choice of users and items, and of t-SNE."""
SAMPLE = 512
"""Users over whom distances are taken."""
BATCH = 128


@dataclass(frozen=True)
class Questions:
    """B test users: who they are, what they had seen, what came next."""

    users: Tensor
    """(B,) int64 canonical index."""
    history: Tensor
    """(B, L) int64"""
    target: Tensor
    """(B,) int64"""
    noise: int
    """Seed of the users' noise."""

    def __len__(self) -> int:
        return len(self.users)

    def draw(self) -> UserDraw:
        """The users' noise from its beginning."""
        return UserDraw(self.noise, self.users)

    def rows(self, which: LongArray | slice) -> "Questions":
        """Some of the users."""
        index = which if isinstance(which, slice) else torch.as_tensor(which, device=self.users.device)
        return Questions(self.users[index], self.history[index], self.target[index], self.noise)

    def batches(self) -> Iterator["Questions"]:
        for first in range(0, len(self), BATCH):
            yield self.rows(slice(first, first + BATCH))

    def sample(self, count: int = SAMPLE) -> "Questions":
        """At most `count` users, evenly spaced."""
        return self.rows(np.linspace(0, len(self) - 1, min(count, len(self))).round().astype(np.int64))

    def others(self, items: int) -> Tensor:
        """(B,) for each user an item among 1..items that is not the target, all equally likely."""
        away = np.random.default_rng(SEED).integers(1, items, len(self))
        return (self.target - 1 + torch.as_tensor(away, device=self.target.device)) % items + 1


def asked_of(model: GenerativeRecommender, record: Record, sequences: Sequences) -> Questions:
    """All test users of a run, on the model's device."""
    phase = SPLITS[record.dataset.split](sequences).test
    device = next(model.parameters()).device
    items, users, start, stop = (
        torch.as_tensor(array, dtype=torch.int64, device=device)
        for array in (sequences.items, phase.users, phase.start, phase.stop)
    )
    history = windows(items, start, stop, model.config.window)
    return Questions(users, history, items[stop], seed_of(record.seed, "draw", "test"))
