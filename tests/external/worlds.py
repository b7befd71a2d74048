"""Small worlds of users, items and scores, with ties and everything else that ranks depend on."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from data_helpers import sequences_of
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import Phase, leave_one_out
from fave_bench.evaluation.phase_ranks import PhaseRanks
from fave_bench.evaluation.ranks import rank_phase
from fave_bench.models.contract import ModelConfig, Recommender
from fave_bench.randomness import Draw, UserDraw


class Table(Recommender):
    """A model whose scores are a row per user."""

    def __init__(self, table: NDArray[np.float32]) -> None:
        super().__init__(ModelConfig(), table.shape[1] - 1)
        self.table = torch.from_numpy(table)

    def scores(self, history: Tensor, *, draw: Draw) -> Tensor:
        assert isinstance(draw, UserDraw)
        return self.table[draw.users]


@dataclass(frozen=True)
class World:
    sequences: Sequences
    scores: NDArray[np.float32]
    """(U, N + 1), finite."""

    @property
    def phase(self) -> Phase:
        return leave_one_out(self.sequences).test

    def ranks(self, lists: int = 0) -> PhaseRanks:
        """Those of a model with these scores."""
        items = torch.as_tensor(self.sequences.items)
        return rank_phase(Table(self.scores), items, self.phase, window=3, seed=0, lists=lists)

    def targets(self) -> NDArray[np.int32]:
        return self.sequences.items[self.phase.stop]

    def history(self, user: int) -> set[int]:
        return {*self.sequences.items[self.phase.start[user] : self.phase.stop[user]].tolist()}


def labelled(sequences: Sequences) -> Sequences:
    """With labels that are nobody's numbers."""
    return replace(
        sequences,
        user_labels=tuple(f"u{user}" for user in range(sequences.num_users)),
        item_labels=tuple(f"i{item}" for item in range(1, sequences.num_items + 1)),
    )


SCORE = st.sampled_from([0.0, -0.0, 1.0, 2.0, -2.5]) | st.floats(width=32, allow_nan=False, allow_infinity=False)


@st.composite
def worlds(draw: st.DrawFn, score: st.SearchStrategy[float] = SCORE, repeats: bool = True) -> World:
    """Up to 5 users and 8 items; `repeats`: whether a user may meet an item twice."""
    items = draw(st.integers(4, 8))
    history = st.lists(st.integers(1, items), min_size=3, max_size=6 if repeats else 4, unique=not repeats)
    histories: Mapping[int, list[int]] = dict(enumerate(draw(st.lists(history, min_size=1, max_size=5))))
    sequences = labelled(sequences_of(dict(histories)))
    shape = (sequences.num_users, sequences.num_items + 1)
    cells: Any = draw(st.lists(score, min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]))
    return World(sequences, np.array(cells, np.float32).reshape(shape))
