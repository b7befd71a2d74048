"""Small flow models and histories for tests."""

import math
from typing import Any

import torch
from torch import Tensor

from baselines.fmrec import FMRec
from fave_bench.models.fave import Fave
from fave_bench.models.flow_model import FlowRecommender
from fave_bench.randomness import StepDraw

WINDOW, ITEMS, WIDTH = 12, 40, 16


def small(kind: type[FlowRecommender], **config: Any) -> Any:
    """A model of width 16 over 40 items in evaluation mode; dropout is off unless asked for."""
    torch.manual_seed(0)
    sizes = {"window": WINDOW, "width": WIDTH, "heads": 4, "blocks": 4, "decoder": (24, 32)}
    if kind is Fave:
        sizes["drop_path"] = 0.0
    return kind(kind.Config(**(sizes | {"dropout": 0.0, "emb_dropout": 0.0} | config)), ITEMS).eval()


def histories(*lengths: int, window: int = WINDOW, items: int = ITEMS, seed: int = 0) -> Tensor:
    """(B, window) random histories, left-padded."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(1, items + 1, (len(lengths), window), generator=generator)
    return ids * (torch.arange(window) >= window - torch.tensor(lengths)[:, None])


def targets(count: int, items: int = ITEMS) -> Tensor:
    return torch.randint(1, items + 1, (count,), generator=torch.Generator().manual_seed(99))


def with_fixed_weights(model: FlowRecommender) -> FlowRecommender:
    """Weights from a formula, so that a fingerprint depends on no random number generator."""
    with torch.no_grad():
        for order, (name, weight) in enumerate(sorted(model.named_parameters())):
            wave = torch.sin(0.7 * torch.arange(weight.numel(), dtype=torch.float64) + order).view_as(weight)
            scale = 1.0 if name.startswith(("items", "positions")) else 1 / math.sqrt(weight.shape[-1])
            weight.copy_(wave * scale + (1.0 if name.rpartition(".")[0].rpartition(".")[2].startswith("norm") else 0.0))
    return model


class Given:
    """A draw that hands out what it was given, in order."""

    def __init__(self, *numbers: Tensor) -> None:
        self.numbers = list(numbers)

    def normal(self, *shape: int) -> Tensor:
        return self.numbers.pop(0).view(shape)

    uniform = normal


def step_draw(seed: int = 0) -> StepDraw:
    return StepDraw(seed)


__all__ = ["FMRec", "Fave", "Given", "histories", "small", "step_draw", "targets", "with_fixed_weights"]
