"""Counting who beats the target, and which items the filtered protocol leaves out."""

import torch
from torch import Tensor

COLUMNS = 2048
"""Items compared at once: temporaries are (rows, COLUMNS), whatever the catalogue's size."""


def beat_and_tie(scores: Tensor, target_score: Tensor) -> tuple[Tensor, Tensor]:
    """How many columns score strictly higher than, and exactly like, each row's target.

    `scores` (B, V) and `target_score` (B, 1) come from the same product; the target's own column is among the equal.
    Returns two (B,) int64. Comparisons land in a float buffer because summing booleans is several times slower.
    """
    higher, equal = (torch.zeros(len(scores), dtype=torch.int64, device=scores.device) for _ in range(2))
    buffer = scores.new_empty((len(scores), min(COLUMNS, scores.shape[1])))
    for chunk in scores.split(COLUMNS, dim=1):
        outcome = buffer[:, : chunk.shape[1]]
        higher += torch.gt(chunk, target_score, out=outcome).sum(1).long()
        equal += torch.eq(chunk, target_score, out=outcome).sum(1).long()
    return higher, equal


def seen_cells(
    items: Tensor, start: Tensor, stop: Tensor, vocabulary: int, *, count: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Every (row, item) of the filtered protocol that is no candidate: padding and the whole history.

    `items` is flat (A,), `start` and `stop` are (B,), and the histories hold `count` items, known on the host, so that
    nothing waits for the device. Returns (S,) int64 rows and columns, S = count + B, ascending, and (S,) bool which of
    them come for the first time. The target is left out: at ``items[stop]``, it stays a candidate even where its own
    history holds it.
    """
    lengths = stop - start
    row = torch.arange(len(start), device=items.device)
    owner = row.repeat_interleave(lengths, output_size=count)
    before = lengths.cumsum(0) - lengths
    item = items[torch.arange(count, device=items.device) + (start - before)[owner]]
    item = torch.where(item == items[stop][owner], 0, item)  # padding, which is there anyway
    cells = torch.cat([owner * vocabulary + item, row * vocabulary]).sort().values
    first = torch.ones_like(cells, dtype=torch.bool)
    first[1:] = cells[1:] != cells[:-1]
    return cells // vocabulary, cells % vocabulary, first


def subtract(counted: Tensor, rows: Tensor, outcome: Tensor) -> Tensor:
    """`counted` (B,) less the number of true `outcome` (S,) in each row."""
    return counted.index_add(0, rows, outcome.long(), alpha=-1)
