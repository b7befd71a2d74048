"""A batch shared by several processes: of n, the k-th works on rows k, k + n, k + 2n, … of it, and of every part of it.

Batches are sorted by length, so taking turns gives everybody as many long histories. Whatever is random is drawn by
every process for all rows, from the same generator, and each keeps the rows it works on: the numbers are those of one
process alone, whatever the number of processes. The price is that drawing is not shared, only computing is.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from torch import Tensor


@dataclass(frozen=True)
class Share:
    """What one process works on of the rows `first` .. `stop` - 1 of a batch."""

    rank: int
    """k"""
    size: int
    """n"""
    first: int
    stop: int
    idle: bool = False
    """There are fewer rows than processes, and none for this one. It works on the first one's instead, and what comes
    of that counts nothing: no code has to know of empty batches, and no parameter is without a gradient."""

    @classmethod
    def of(cls, rank: int, size: int, rows: int) -> "Share | None":
        """The share of a whole batch; None where one process has it all."""
        if size == 1:
            return None
        return cls(0 if rank >= rows else rank, size, 0, rows, idle=rank >= rows)

    @property
    def mine(self) -> slice:
        """Which of the rows, counted from `first`."""
        return slice((self.rank - self.first) % self.size, self.stop - self.first, self.size)

    def before(self, row: int) -> int:
        """How many rows this process works on before that one."""
        return -((self.rank - row) // self.size)

    def part(self, first: int, stop: int) -> "Share":
        """The share of fewer rows of the same batch."""
        return replace(self, first=first, stop=stop)


_present: Share | None = None


def present() -> Share | None:
    """The share that is being worked on; None where one process works on everything."""
    return _present


def turn_to(share: Share | None) -> None:
    """From now on `share` is worked on."""
    global _present
    _present = share


@contextmanager
def working_on(share: Share | None) -> Iterator[None]:
    """Work on `share` inside, and on what was before afterwards."""
    before = _present
    turn_to(share)
    try:
        yield
    finally:
        turn_to(before)


def drawn(sample: Callable[[tuple[int, ...]], Tensor], shape: tuple[int, ...]) -> Tensor:
    """`sample(shape)`, whose rows belong to the samples; of a shared batch drawn for all of them. ValueError if not."""
    if _present is None:
        return sample(shape)
    found = mine(sample((_present.stop - _present.first, *shape[1:])))
    if len(found) != shape[0]:
        raise ValueError(f"{shape[0]} rows were asked for where {len(found)} samples are: only rows can be shared")
    return found


def mine(x: Tensor) -> Tensor:
    """(W, ...) for all rows -> (B, ...) for those worked on."""
    return x if _present is None else x[_present.mine]
