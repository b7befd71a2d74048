"""Dropout and stochastic depth, drawn from torch's global generator (the trainer seeds it at every step)."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fave_bench.shares import drawn, present

RANGE = 1 << 15


class Dropout(nn.Module):
    """Zero each number with probability `rate` and scale the rest by 1 / (1 - rate)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        if x.device.type != "cpu":
            return dropped(x, self.rate)
        if present() is None:
            return x * cheap_mask(x.shape, self.rate, x.dtype)
        return x * drawn(lambda shape: cheap_mask(shape, self.rate, x.dtype), x.shape)


def dropped(x: Tensor, rate: float) -> Tensor:
    """torch's own dropout; in a shared batch by a mask for all samples, the same that one process would draw."""
    if present() is None or rate == 0:
        return F.dropout(x, rate)
    return x * drawn(lambda shape: F.dropout(torch.ones(shape, dtype=x.dtype, device=x.device), rate), x.shape)


@torch.library.custom_op("fave_bench::cheap_mask", mutates_args=(), tags=(torch.Tag.nondeterministic_seeded,))
def cheap_mask(shape: Sequence[int], rate: float, dtype: torch.dtype) -> Tensor:
    """0 with probability `rate` (to the nearest 2^-15), else 1 / (1 - rate), from 15 random bits a number.

    On a CPU torch spends a quarter of a training step on the 24-bit uniforms of its own dropout, and as much again on
    turning truth values into numbers. Here the comparison is a subtraction whose sign bit becomes a bfloat16's bits.
    """
    dropped = min(round(rate * RANGE), RANGE - 1)
    count = math.prod(shape)
    words = torch.empty((count + 3) // 4, dtype=torch.int64).random_()
    bits = words.view(torch.int16)[:count].view(shape).bitwise_and_(RANGE - 1)
    dropping = bits.sub_(dropped).bitwise_right_shift_(15)  # -1, all bits set, where it is dropped
    scale = RANGE / (RANGE - dropped)
    if dtype == torch.bfloat16:
        return dropping.bitwise_not_().bitwise_and_(bfloat16_bits(scale)).view(torch.bfloat16)
    return dropping.bitwise_not_().bitwise_and_(bfloat16_bits(1.0)).view(torch.bfloat16).to(dtype).mul_(scale)


@cheap_mask.register_fake
def _(shape: Sequence[int], rate: float, dtype: torch.dtype) -> Tensor:
    return torch.empty(shape, dtype=dtype)


def bfloat16_bits(value: float) -> int:
    """The 16 bits of a positive number as an integer."""
    return int(torch.tensor(value, dtype=torch.bfloat16).view(torch.int16))


class DropPath(nn.Module):
    """Stochastic depth: drop a sample's whole residual branch with probability `rate` (Huang et al., ECCV 2016)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """(B, ...) -> (B, ...)"""
        if not self.training or self.rate == 0:
            return x
        shape = (len(x), *[1] * (x.ndim - 1))
        keep = drawn(lambda rows: torch.rand(rows, device=x.device), shape) >= self.rate
        return x * (keep / (1 - self.rate))


def set_rate(module: nn.Module, rate: float) -> None:
    """Change the rate of every `Dropout` inside `module`."""
    for part in module.modules():
        if isinstance(part, Dropout):
            part.rate = rate
