"""A training batch in parts: no work on padding where a model allows it, and activations that stay in the cache.

A part is some rows of the batch and the newest `width` slots of their histories. A model runs its encoder part by part
and computes its losses on the joined results, so gradients are those of the whole padded batch.

Where processes share a batch, the parts are those of the whole batch, and each process works on its share of every one.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from fave_bench.data.windows import lengths as lengths_of
from fave_bench.shares import Share, present, turn_to

CACHED = 6_400
"""On a CPU, slots encoded at a time: their activations stay in the cache, in blocks that malloc can reuse."""
WORTH = {"cpu": 256, "cuda": 16_384}
"""Slots of padding whose work takes as long as starting another part does: that many a part may hold."""


@dataclass(frozen=True)
class Part:
    """Some rows of a batch, without the leading slots that are padding in all of them."""

    rows: slice
    history: Tensor
    """(b, w) int64."""
    most: int
    """At least as many as there are items in it, known without waiting for the device."""
    slots: Tensor | None = None
    """(m,) flat positions in (b, w) of the batch's slots that lie here."""
    share: Share | None = None
    """Of which rows of the whole batch these are a process's share; None: they are all."""

    def cut(self, x: Tensor) -> Tensor:
        """(B, L, ...) -> (b, w, ...), the same rows and slots of something else."""
        return x[self.rows, -self.history.shape[1] :]


def split(
    history: Tensor, *, padding_free: bool, lengths: Tensor | None = None, slots: Tensor | None = None
) -> list[Part]:
    """The parts of a batch of histories (B, L), in the order of its rows, which had better be sorted by length.

    `lengths` on the host spares a GPU the wait for them: (B,), or of all samples where the batch is shared, which then
    needs them. `slots` (M,) are flat positions in (B, L), one for every item, ascending. Without `padding_free` every
    part keeps the full width.
    """
    share = present() or Share(0, 1, 0, len(history))
    count, window = share.stop, history.shape[1]
    device = history.device.type
    cached = CACHED if device == "cpu" else count * window
    if not padding_free:
        step = max(1, cached // window) if slots is None else count
        cuts = [(i, min(i + step, count), window) for i in range(0, count, step)]
        return [_part(history, *cut, share, most=step * window, slots=slots) for cut in cuts]
    sizes = (lengths_of(history) if lengths is None else lengths).cpu().numpy()
    own = sizes[share.mine]
    found, items = [], np.concatenate(([0], own.cumsum()))
    for first, stop, width in spans(sizes, cached, WORTH[device]):
        a, b = share.before(first), share.before(stop)
        here = None
        if slots is not None:
            here = slots[int(items[a]) : int(items[b])]
            here = (here // window - a) * width + here % window - (window - width)
        found.append(_part(history, first, stop, width, share, most=int(items[b] - items[a]), slots=here))
    return found


def _part(history: Tensor, first: int, stop: int, width: int, share: Share, *, most: int, slots: Tensor | None) -> Part:
    """The part that holds what is here of the rows first .. stop - 1 of the whole batch."""
    rows = slice(share.before(first), share.before(stop))
    newest = history[rows, history.shape[1] - width :]
    return Part(rows, newest, most, slots, share.part(first, stop) if present() else None)


def spans(sizes: "np.ndarray[tuple[int], np.dtype[np.int64]]", cached: int, worth: int) -> list[tuple[int, int, int]]:
    """(first, stop, width) of consecutive rows: as many as keep the part's padding and its slots within bounds."""
    widths = np.maximum(np.maximum.accumulate(sizes[::-1])[::-1], 1)  # what a part starting here needs at most
    found, first = [], 0
    while first < len(widths):
        width = int(widths[first])
        padding = np.cumsum(width - sizes[first:])
        stop = first + max(1, min(int(np.searchsorted(padding, worth, side="right")), cached // width))
        found.append((first, stop, width))
        first = stop
    return found


class Shared(Protocol):
    """A part, or what a model has made of one."""

    @property
    def share(self) -> Share | None: ...


P = TypeVar("P", bound=Shared)


def in_turn(parts: Iterable[P]) -> Iterator[P]:
    """Part by part; what is drawn between one and the next belongs to its rows."""
    whole = present()
    for part in parts:
        turn_to(part.share)
        yield part
    turn_to(whole)


def joined(results: Sequence[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    """Per part (b, ...) tensors -> the batch's (B, ...)."""
    return tuple(torch.cat(column) for column in zip(*results, strict=True))


def looked_up(table: nn.Embedding, ids: Sequence[Tensor]) -> list[Tensor]:
    """(V, d), per part (b, w) ids -> per part (b, w, d): one look-up, as each has a gradient of the table's size."""
    found = table(torch.cat([part.flatten() for part in ids])).split([part.numel() for part in ids])
    return [vectors.unflatten(0, part.shape) for vectors, part in zip(found, ids, strict=True)]
