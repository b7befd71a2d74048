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
        return F.dropout(x, self.rate, self.training)


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
