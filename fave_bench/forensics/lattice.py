"""Which printed hit rates a run over n users can give: k/n, or a mean of batch means."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fave_bench.forensics.printed_table import Rate

NEIGHBOURS = 500
"""Printable values on each side of a batched hit rate among which those that fit are counted."""

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Grid:
    """The hit rates that one run over `users` can give, as somebody who rounds, or cuts off, prints them."""

    users: int
    batch: int | None = None
    """Users per batch where batch means are averaged, the last batch being shorter; None for the plain mean."""
    truncated: bool = False

    def __str__(self) -> str:
        of = f"means over {self.users:,} users"
        if self.batch:
            of = f"means of the batch means of {self.users:,} users, {self.batch} a batch, the last {self._last}"
        return of + (", digits cut off" if self.truncated else "")

    @property
    def _batches(self) -> int:
        return -(-self.users // self.batch) if self.batch else 1

    @property
    def _last(self) -> int:
        return self.users - (self._batches - 1) * (self.batch or 0)

    def fits(self, rate: Rate) -> bool:
        return bool(self._fit(np.array([rate.units]), rate.decimals)[0])

    def chance(self, rate: Rate) -> float:
        """The share of the printable values around `rate` that fit; rounded or cut off makes no difference.

        For the plain mean, in closed form: n + 1 values among all from 0 to 100 %. For batch means, whose values lie
        the denser the nearer to the middle, an exact count among the neighbours of `rate`.
        """
        if self.batch is None:
            return min(1.0, (self.users + 1) / (100 * 10**rate.decimals + 1))
        return _counted(replace(self, truncated=False), rate)

    def _fit(self, units: Integers, decimals: int) -> NDArray[np.bool_]:
        """Whether each of so many units of the last digit can come from this grid, in integers throughout.

        With A of the `full` users of whole batches and B of the `last` users of the last batch hit, the printed value
        is (A / batch + B / last) / batches. Asks whether any B leaves room for an A. Both ends of what a number may
        stand for count: floating point puts a value that should lie on one to either side of it.
        """
        scale = 2 * 100 * 10**decimals
        low, high = (2 * units, 2 * units + 2) if self.truncated else (2 * units - 1, 2 * units + 1)
        if self.batch is None:
            least, most = _ceil(low * self.users, scale), high * self.users // scale
            return np.asarray(np.maximum(least, 0) <= np.minimum(most, self.users))
        last, full = self._last, self.users - self._last
        whole = self.batch * last * self._batches
        taken = scale * self.batch * np.arange(last + 1)[:, None]
        least = _ceil(low * whole - taken, scale * last)
        most = (high * whole - taken) // (scale * last)
        return np.asarray((np.maximum(least, 0) <= np.minimum(most, full)).any(0))


@lru_cache(maxsize=4096)
def _counted(grid: Grid, rate: Rate) -> float:
    first, stop = max(0, rate.units - NEIGHBOURS), min(100 * 10**rate.decimals, rate.units + NEIGHBOURS) + 1
    return float(grid._fit(np.arange(first, stop), rate.decimals).mean())


def _ceil(numerator: Integers, denominator: int) -> Integers:
    return -(-numerator // denominator)
