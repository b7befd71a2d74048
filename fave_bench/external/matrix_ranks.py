"""How the targets rank in a matrix of scores: as those of a model would that gave these scores."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import LongArray, Phase
from fave_bench.errors import BenchError
from fave_bench.evaluation.candidates import seen_cells
from fave_bench.evaluation.phase_ranks import PhaseRanks
from fave_bench.evaluation.ranks import rank_phase
from fave_bench.external.matrix import Matrix
from fave_bench.models.contract import ModelConfig, Recommender
from fave_bench.randomness import Draw, UserDraw

LOWEST = float(np.finfo(np.float32).min)
"""Stands for padding where a matrix has no column for it, so that it never ranks above a target."""
SORTED_CELLS = 1 << 20
"""Scores put in order at once."""


class GivenScores(Recommender):
    """Stands where a model would, and answers for a user with the user's row."""

    def __init__(self, matrix: Matrix, sequences: Sequences, phase: Phase) -> None:
        super().__init__(ModelConfig(window=1), sequences.num_items)
        self.matrix, self.sequences = matrix, sequences
        self.masked = False
        """Whether some item of some user's history, of those asked so far, had a score of -inf."""
        self._items = torch.as_tensor(sequences.items)
        self._start, self._stop = np.zeros((2, sequences.num_users), np.int64)
        self._start[phase.users], self._stop[phase.users] = phase.start, phase.stop

    def scores(self, history: Tensor, *, draw: Draw) -> Tensor:
        assert isinstance(draw, UserDraw)
        users = draw.users.numpy()
        given = self.matrix.rows(users)
        self._refuse_nan(given, users)
        if given.dtype.kind == "f" and np.isneginf(given).any():
            self._look_at_history(given, users)
        scores = np.full((len(users), self.vocabulary), LOWEST, np.float32)
        scores[:, self._first :] = as_float32(given)
        return torch.from_numpy(scores)

    @property
    def _first(self) -> int:
        """The item that the first column is."""
        return self.vocabulary - self.matrix.columns

    def _refuse_nan(self, given: NDArray[Any], users: LongArray) -> None:
        if given.dtype.kind == "f" and np.isnan(given).any():
            row, column = np.argwhere(np.isnan(given))[0]
            item = int(column) + self._first
            label = f"'{self.sequences.item_labels[item - 1]}'" if item else "padding"
            raise BenchError(
                f"{self.matrix.name}: the score of item {label} for user '{self.sequences.user_labels[users[row]]}' "
                f"(row {users[row]}, column {column}) is NaN, so nobody can be ranked"
            )

    def _look_at_history(self, given: NDArray[Any], users: LongArray) -> None:
        """Refuses a target that was left out with the history that it recurs in: where it ranks cannot be known."""
        start, stop = torch.from_numpy(self._start[users]), torch.from_numpy(self._stop[users])
        count = int((stop - start).sum())
        rows, columns, _ = (t.numpy() for t in seen_cells(self._items, start, stop, self.vocabulary, count=count))
        real = columns > 0
        self.masked |= bool(np.isneginf(given[rows[real], columns[real] - self._first]).any())
        targets = self.sequences.items[self._stop[users]]
        out = np.isneginf(given[np.arange(len(users)), targets - self._first])
        for row in np.flatnonzero(out):
            own = self.sequences.items[self._start[users[row]] : self._stop[users[row]]]
            if targets[row] in own:
                raise BenchError(
                    f"{self.matrix.name}: the target of user '{self.sequences.user_labels[users[row]]}' is in the "
                    "user's own history and scores -inf with it, but it stays a candidate; leave targets in"
                )


def rank_matrix(matrix: Matrix, sequences: Sequences, phase: Phase, lists: int) -> tuple[PhaseRanks, bool]:
    """Counts and lists as `rank_phase` gives them, and whether histories were masked with -inf.

    Infinities rank before and after everything else. Raises BenchError for a NaN.
    """
    model = GivenScores(matrix, sequences, phase)
    ranks = rank_phase(model, torch.as_tensor(sequences.items), phase, window=1, seed=0, lists=lists)
    return ranks, model.masked


def as_float32(given: NDArray[Any]) -> NDArray[np.float32]:
    """(B, columns) finite numbers above LOWEST that compare as those given do, within each row."""
    with np.errstate(over="ignore"):
        single = given.astype(np.float32)
    whole = given.dtype.kind in "iub" and given.dtype.itemsize > 2  # not every one of them is a float32
    inside = single.min(initial=0) > LOWEST and single.max(initial=0) < np.inf
    return single if inside and not whole and (single == given).all() else _places(given)


def _places(given: NDArray[Any]) -> NDArray[np.float32]:
    """Each score's place among the distinct ones of its row, from 0 for the lowest: exact below 2^24 items."""
    places = np.empty(given.shape, np.float32)
    step = max(1, SORTED_CELLS // max(1, given.shape[1]))
    for first in range(0, len(given), step):
        block = given[first : first + step]
        order = block.argsort(axis=1)
        ordered = np.take_along_axis(block, order, axis=1)
        rises = np.zeros(block.shape, np.int64)
        rises[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
        np.put_along_axis(places[first : first + step], order, rises.cumsum(1).astype(np.float32), axis=1)
    return places
