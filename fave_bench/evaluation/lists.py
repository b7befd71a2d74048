"""The best items of each row, in an order that no backend may choose."""

import torch
from torch import Tensor

from fave_bench.evaluation.candidates import COLUMNS

LEAST = torch.iinfo(torch.int64).min


def best_items(scores: Tensor, rows: Tensor, columns: Tensor, k: int) -> Tensor:
    """(B, k) int32 column ids by falling score, the lower id first among equals; 0 where candidates run out.

    The cells ``(rows, columns)``, one perhaps several times, are no candidates. torch.topk leaves the order of ties
    open, so it is given integers that cannot tie: the score's order above, the id below. `scores` (B, V) float32 are
    finite, and left untouched.
    """
    best = torch.full((len(scores), k), LEAST, dtype=torch.int64, device=scores.device)
    for first in range(0, scores.shape[1], COLUMNS):
        chunk = scores[:, first : first + COLUMNS] + 0.0  # -0.0 + 0.0 is 0.0, so the two zeros tie as they should
        last = chunk.shape[1] - 1
        inside = (columns >= first) & (columns <= first + last)
        lowered = torch.where(inside, -torch.inf, 0.0)  # a sum, as choosing the cells inside would wait for the device
        chunk.index_put_((rows, (columns - first).clamp(0, last)), lowered, accumulate=True)
        best = torch.cat([best, _ordered(chunk, first)], dim=1).topk(k, dim=1).values
    lowest = _ordered(scores.new_full((1, 1), -torch.inf), 0)
    return torch.where(best <= lowest, 0, 0xFFFFFFFF - (best & 0xFFFFFFFF)).int()


def _ordered(scores: Tensor, first: int) -> Tensor:
    """int64 keys in the order (score, -id): a float's bits sort like integers once the negative ones are mirrored."""
    bits = scores.view(torch.int32)
    order = bits ^ ((bits >> 31) & 0x7FFFFFFF)
    identity = 0xFFFFFFFF - torch.arange(first, first + scores.shape[1], device=scores.device)
    return (order.long() << 32) | identity
