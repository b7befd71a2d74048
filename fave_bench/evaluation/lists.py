"""The best items of each row, in an order that no backend may choose."""

import torch
from torch import Tensor

from fave_bench.evaluation.candidates import COLUMNS

LEAST = torch.iinfo(torch.int64).min


def best_items(scores: Tensor, rows: Tensor, columns: Tensor, k: int) -> Tensor:
    """(B, k) int32 column ids by falling score, the lower id first among equals; 0 where candidates run out.

    The cells ``(rows, columns)`` are no candidates. torch.topk leaves the order of ties open, so it is given
    integers that cannot tie: the score's order above, the id below. `scores` (B, V) float32 is left untouched.
    """
    best = torch.full((len(scores), k), LEAST, dtype=torch.int64, device=scores.device)
    for first in range(0, scores.shape[1], COLUMNS):
        chunk = _ordered(scores[:, first : first + COLUMNS], first)
        inside = (columns >= first) & (columns < first + chunk.shape[1])
        chunk[rows[inside], columns[inside] - first] = LEAST
        best = torch.cat([best, chunk], dim=1).topk(k, dim=1).values
    return torch.where(best == LEAST, 0, 0xFFFFFFFF - (best & 0xFFFFFFFF)).int()


def _ordered(scores: Tensor, first: int) -> Tensor:
    """int64 keys in the order (score, -id): a float's bits sort like integers once the negative ones are mirrored."""
    bits = (scores + 0.0).view(torch.int32)  # -0.0 + 0.0 is 0.0, so the two zeros tie as they should
    order = bits ^ ((bits >> 31) & 0x7FFFFFFF)
    identity = 0xFFFFFFFF - torch.arange(first, first + scores.shape[1], device=scores.device)
    return (order.long() << 32) | identity
