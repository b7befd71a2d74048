"""A training batch in parts: no work on padding where a model allows it, and activations that stay in the cache.

A part is some rows of the batch and the newest `width` slots of their histories. A model runs its encoder part by part
and computes its losses on the joined results, so gradients are those of the whole padded batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fave_bench.data.windows import lengths as lengths_of

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

    def cut(self, x: Tensor) -> Tensor:
        """(B, L, ...) -> (b, w, ...), the same rows and slots of something else."""
        return x[self.rows, -self.history.shape[1] :]


def split(
    history: Tensor, *, padding_free: bool, lengths: Tensor | None = None, slots: Tensor | None = None
) -> list[Part]:
    """The parts of a batch of histories (B, L), in the order of its rows, which had better be sorted by length.

    `lengths` (B,) on the host spares a GPU the wait for them. `slots` (M,) are flat positions in (B, L), one for every
    item, ascending. Without `padding_free` every part keeps the full width.
    """
    count, window = history.shape
    device = history.device.type
    cached = CACHED if device == "cpu" else count * window
    if not padding_free:
        if slots is not None or device != "cpu":
            return [Part(slice(0, count), history, history.numel(), slots)]
        step = max(1, cached // window)
        rows = [slice(i, i + step) for i in range(0, count, step)]
        return [Part(at, history[at], step * window) for at in rows]
    sizes = (lengths_of(history) if lengths is None else lengths).cpu().numpy()
    found, items = [], np.concatenate(([0], sizes.cumsum()))
    for first, stop, width in spans(sizes, cached, WORTH[device]):
        here = None
        if slots is not None:
            here = slots[int(items[first]) : int(items[stop])]
            here = (here // window - first) * width + here % window - (window - width)
        newest = history[first:stop, window - width :]
        found.append(Part(slice(first, stop), newest, int(items[stop] - items[first]), here))
    return found


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


def joined(results: Sequence[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    """Per part (b, ...) tensors -> the batch's (B, ...)."""
    return tuple(torch.cat(column) for column in zip(*results, strict=True))
