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


def seen_cells(items: Tensor, start: Tensor, stop: Tensor, vocabulary: int) -> tuple[Tensor, Tensor]:
    """Every (row, item) of the filtered protocol that is no candidate: padding and the whole history, each once.

    `items` is flat (A,), `start` and `stop` are (B,); returns two (S,) int64. The target is left out: at
    ``items[stop]``, it stays a candidate even where its own history holds it.
    """
    device, lengths = items.device, stop - start
    row = torch.arange(len(start), device=device)
    owner = row.repeat_interleave(lengths)
    before = lengths.cumsum(0) - lengths
    position = torch.arange(len(owner), device=device) + (start - before)[owner]
    cells = torch.cat([owner * vocabulary + items[position], row * vocabulary]).unique()
    rows, columns = cells // vocabulary, cells % vocabulary
    keep = columns != items[stop][rows]
    return rows[keep], columns[keep]


def subtract(counted: Tensor, rows: Tensor, outcome: Tensor) -> Tensor:
    """`counted` (B,) less the number of true `outcome` (S,) in each row."""
    return counted.index_add(0, rows, outcome.long(), alpha=-1)
