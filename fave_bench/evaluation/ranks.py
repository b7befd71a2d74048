"""Exact ranks of every user of a phase, under both protocols, from one pass over the scores."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from fave_bench.data.splits import LongArray, Phase
from fave_bench.data.windows import windows
from fave_bench.distributed import ALONE, World
from fave_bench.errors import BenchError
from fave_bench.evaluation.candidates import beat_and_tie, seen_cells, subtract
from fave_bench.evaluation.lists import best_items
from fave_bench.evaluation.phase_ranks import PhaseRanks
from fave_bench.models.contract import Recommender
from fave_bench.randomness import UserDraw

__all__ = ["PhaseRanks", "evaluating", "rank_phase"]

TILE_BYTES = 48 << 20
TILE_ROWS = 512


@dataclass(frozen=True)
class _Questions:
    """A phase, or some rows of it, on the model's device."""

    users: Tensor
    start: Tensor
    stop: Tensor
    length: LongArray
    """(E,) of their histories, on the host, so that nothing waits for the device to know it."""

    def __len__(self) -> int:
        return len(self.users)

    def rows(self, first: int, stop: int) -> "_Questions":
        rows = slice(first, stop)
        return _Questions(self.users[rows], self.start[rows], self.stop[rows], self.length[rows])


@dataclass(frozen=True)
class _Ranker:
    """What stays the same for every tile of users."""

    model: Recommender
    items: Tensor
    window: int
    seed: int
    lists: int
    precision: str
    pause: Callable[[], object]

    def tiles(self, asked: _Questions, size: int, world: World) -> Iterator[tuple[Tensor, Tensor]]:
        """`tile` for `size` users at a time.

        Where padding can be dropped, a tile's window is as long as its longest history. Processes take turns, tile by
        tile: what a tile holds does not depend on how many they are.
        """
        for first in range(world.rank * size, len(asked), world.size * size):
            self.pause()
            some = asked.rows(first, first + size)
            window = min(max(some.length.max(), 1), self.window) if self.model.padding_free else self.window
            yield from replace(self, window=int(window)).tile(some)

    def tile(self, asked: _Questions) -> list[tuple[Tensor, Tensor]]:
        """Counts (B, 5) and lists (B, K) of a tile; in halves where it does not fit the device's memory.

        The counts: who is above and who level with the target under `released`, the same under `filtered`, and 1 where
        a score is not finite.
        """
        try:
            return [self._rank(asked)]
        except torch.OutOfMemoryError:
            if len(asked) == 1:
                raise BenchError(f"{_name(self.model)}: the device has no memory left to score a single user") from None
        middle = len(asked) // 2  # outside the handler, so that the failed attempt's tensors are free
        return self.tile(asked.rows(0, middle)) + self.tile(asked.rows(middle, len(asked)))

    def _rank(self, asked: _Questions) -> tuple[Tensor, Tensor]:
        scores = self._scores(asked)
        own = scores.gather(1, self.items[asked.stop].long()[:, None])
        higher, equal = beat_and_tie(scores, own)
        equal = equal - 1  # the target itself
        count = int(asked.length.sum())
        rows, columns, first = seen_cells(self.items, asked.start, asked.stop, scores.shape[1], count=count)
        seen, target = scores[rows, columns], own[rows, 0]
        beaten, level = (seen > target) & first, (seen == target) & first
        filtered = [subtract(higher, rows, beaten), subtract(equal, rows, level)]
        best = best_items(scores, rows, columns, self.lists) if self.lists else rows.new_empty((len(asked), 0))
        return torch.stack([higher, equal, *filtered, _not_finite(scores)], dim=1).int(), best.int()

    def _scores(self, asked: _Questions) -> Tensor:
        history = windows(self.items, asked.start, asked.stop, self.window)
        with torch.autocast(self.items.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            scores = self.model.scores(history, draw=UserDraw(self.seed, asked.users)).float()
        expected = (len(asked), self.model.vocabulary)
        if scores.shape != expected:
            raise BenchError(f"{_name(self.model)}: scores have shape {tuple(scores.shape)} where {expected} is due")
        return scores


def rank_phase(
    model: Recommender,
    items: Tensor,
    phase: Phase,
    *,
    window: int,
    seed: int,
    tile: int | None = None,
    lists: int = 0,
    precision: Literal["fp32", "bf16"] = "fp32",
    world: World = ALONE,
    pause: Callable[[], object] = bool,
) -> PhaseRanks:
    """Counts of candidates above and level with each target, for protocols `released` and `filtered`.

    `items` is ``Sequences.items`` as a tensor on the model's device, `window` the history length the model sees, and
    `seed` keys each user's inference noise. `tile` overrides the number of users scored at once, `lists` asks for that
    many best items of the filtered protocol, and `precision` is the arithmetic of the model, not of the comparison,
    which is float32. The processes of `world` share the tiles, and each returns what all have found; `pause` is called
    before every tile, and may raise. Given the same scores, nothing returned depends on `tile` or `world`. Users of a
    model that is `padding_free` are scored by rising length of history, in windows no longer than it. Raises BenchError
    for scores of a wrong shape or not finite. Rank: Krichene & Rendle (2020), ties counted as half.
    """
    ranker = _Ranker(model, items, window, seed, lists, precision, pause)
    length = phase.stop - phase.start
    size = tile or max(1, min(TILE_ROWS, TILE_BYTES // (4 * model.vocabulary)))
    with evaluating(model), torch.inference_mode():
        order = np.argsort(length.clip(1, window), kind="stable") if model.padding_free else np.arange(len(length))
        columns = (column[order] for column in (phase.users, phase.start, phase.stop))
        users, start, stop = (torch.as_tensor(column, device=items.device) for column in columns)
        asked = _Questions(users, start, stop, length[order])
        done = list(ranker.tiles(asked, size, world))
        own = order[np.arange(len(order)) // size % world.size == world.rank]
        counts, best = (
            _gather([part[i] for part in done], own, (len(order), width), world) for i, width in ((0, 5), (1, lists))
        )
    if counts[:, 4].any():
        user = phase.users[counts[:, 4] > 0][0]
        raise BenchError(f"{_name(model)}: the scores of user {user} are not finite, so nobody can be ranked")
    return PhaseRanks(
        users=phase.users.astype(np.int32),
        higher={"released": counts[:, 0].copy(), "filtered": counts[:, 2].copy()},
        equal={"released": counts[:, 1].copy(), "filtered": counts[:, 3].copy()},
        lists=best if lists else None,
    )


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode inside, and afterwards each module's own mode again (a frozen part may have had its own)."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _gather(
    parts: list[Tensor], own: LongArray, shape: tuple[int, int], world: World
) -> np.ndarray[tuple[int, int], np.dtype[np.int32]]:
    """One transfer of all tiles' rows to the host, each to its place: (E, width) int32.

    Every user is in one process's rows `own` and 0 in the others', so that their sum is everybody's.
    """
    rows = np.zeros(shape, np.int32)
    if parts:
        rows[own] = torch.cat(parts).cpu().numpy()
    world.add(torch.from_numpy(rows))
    return rows


def _not_finite(scores: Tensor) -> Tensor:
    """(B,) bool. A row's sum, by weights that no sum of finite numbers overflows with, is finite if they all are."""
    return ~(scores @ scores.new_full((scores.shape[1],), 2.0**-100)).isfinite()


def _name(model: Recommender) -> str:
    return model.title or type(model).__name__
