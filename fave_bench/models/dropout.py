"""Dropout and stochastic depth, drawn from torch's global generator (the trainer seeds it at every step)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Dropout(nn.Module):
    """Zero each number with probability `rate` and scale the rest by 1 / (1 - rate)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        if x.device.type != "cpu":
            return F.dropout(x, self.rate)
        return x * cheap_mask(x.shape, self.rate, x.dtype)


def cheap_mask(shape: torch.Size, rate: float, dtype: torch.dtype) -> Tensor:
    """0 with probability `rate` (to the nearest 2^-16), else 1 / (1 - rate), from 16 random bits a number.

    On a CPU torch spends a quarter of a training step on the 24-bit uniforms of its own dropout.
    """
    dropped = round(rate * 65_536)
    count = shape.numel()
    words = torch.empty((count + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    keep = words.view(torch.int16)[:count].view(shape) >= dropped - 32_768
    return keep.to(dtype).mul_(65_536 / (65_536 - dropped))


class DropPath(nn.Module):
    """Stochastic depth: drop a sample's whole residual branch with probability `rate` (Huang et al., ECCV 2016)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """(B, ...) -> (B, ...)"""
        if not self.training or self.rate == 0:
            return x
        keep = torch.rand(len(x), *[1] * (x.ndim - 1), device=x.device) >= self.rate
        return x * (keep / (1 - self.rate))


def set_rate(module: nn.Module, rate: float) -> None:
    """Change the rate of every `Dropout` inside `module`."""
    for part in module.modules():
        if isinstance(part, Dropout):
            part.rate = rate
