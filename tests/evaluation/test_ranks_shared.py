"""Ranking shared by processes: every user in exactly one of them, in the tiles one process would make."""

import numpy as np
import pytest
import torch
from torch import Tensor

from fave_bench.data.splits import Phase
from fave_bench.distributed import World
from fave_bench.evaluation.phase_ranks import PhaseRanks
from fave_bench.evaluation.ranks import rank_phase
from fave_bench.models.contract import ModelConfig, Recommender
from fave_bench.randomness import Draw

ITEMS = torch.arange(200) % 30 + 1


class Noisy(Recommender):
    """Scores that depend on who shares a tile, as rounding does, and on the user's own noise."""

    title = "Noisy"

    def scores(self, history: Tensor, *, draw: Draw) -> Tensor:
        return draw.normal(len(history), self.vocabulary) + history.float().mean()


class Apart(World):
    """One of several processes that hears nobody; what it would add is kept."""

    def __init__(self, rank: int, size: int) -> None:
        super().__init__(rank, size)
        self.given: list[Tensor] = []

    def add(self, tensor: Tensor) -> None:
        self.given.append(tensor.clone())


def asked(users: int) -> Phase:
    start = np.arange(users) * 7
    return Phase(np.arange(users), start, start + 3 + np.arange(users) % 4)


def ranked(users: int, world: World) -> PhaseRanks:
    return rank_phase(Noisy(ModelConfig(), 30), ITEMS, asked(users), window=4, seed=1, tile=3, lists=5, world=world)


def columns(found: PhaseRanks) -> list[np.ndarray]:
    return [*found.higher.values(), *found.equal.values(), *found.lists.T]


@pytest.mark.parametrize(("users", "processes"), [(20, 2), (20, 3), (2, 4), (1, 2)])
def test_the_processes_finds_add_up_to_one_processes_bit_for_bit(users, processes):
    worlds = [Apart(rank, processes) for rank in range(processes)]
    parts = [columns(ranked(users, world)) for world in worlds]
    for whole, *shares in zip(columns(ranked(users, World())), *parts, strict=True):
        assert np.array_equal(whole, sum(shares))
    owned = np.stack([world.given[1].any(1).numpy() for world in worlds])  # a list's items are never all 0
    assert (owned.sum(0) == 1).all(), "each user in one process"
    assert owned.sum(1).max() - owned.sum(1).min() <= 3, "none has more than a tile above another"
