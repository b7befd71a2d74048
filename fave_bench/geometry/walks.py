"""Numbers about the way from a prior to a prediction."""

import torch
import torch.nn.functional as F
from torch import Tensor

QUARTILES = (0.25, 0.5, 0.75)
DIGITS = 6
"""Decimals kept."""


def straightness(states: Tensor) -> Tensor:
    """(S + 1, B, d) states -> (B,) path length over displacement: at least 1, and 1 where the way is straight.

    No movement at all counts as straight. A way that ends where it began has an infinite ratio.
    """
    length = states.diff(dim=0).norm(dim=-1).sum(0)
    displacement = (states[-1] - states[0]).norm(dim=-1)
    return torch.where(length > 0, length / displacement, 1.0).clamp_min(1.0)  # rounding may fall short of 1


def distance(states: Tensor, goals: Tensor) -> Tensor:
    """Euclidean distance of (…, d) from (…, d) after L2 normalisation: 0 for the same direction, 2 for the opposite."""
    return (F.normalize(states, dim=-1) - F.normalize(goals, dim=-1)).norm(dim=-1)


def quartiles(values: Tensor) -> list[float]:
    """Lower quartile, median and upper quartile of (B,)."""
    found = values.double().quantile(torch.tensor(QUARTILES, dtype=torch.float64, device=values.device))
    return [round(value, DIGITS) for value in found.tolist()]
