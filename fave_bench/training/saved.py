"""What a checkpoint must hold before any of it is used.

torch believes an optimiser's state: moments of another size than their weights are read and written past their end, in
native code, which no handler survives. So names, shapes and types are compared with those of the run that goes on.
"""

from collections.abc import Mapping
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, FiniteFloat, NonNegativeInt
from torch import Tensor
from torch.optim import Optimizer


class _Whole(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, protected_namespaces=())


class Stopping(_Whole):
    """`EarlyStopping.state` as it was saved."""

    best: dict[str, FiniteFloat]
    best_epoch: NonNegativeInt
    looks_since_best: NonNegativeInt


class Saved(_Whole):
    """A run in the middle of a stage."""

    stage: str
    epoch: NonNegativeInt
    step: NonNegativeInt
    totals: dict[str, Tensor]
    best: dict[str, Tensor]
    model: dict[str, Tensor]
    optimizer: dict[str, Any]
    stopping: Stopping
    outcome: dict[str, Any]
    """training.loop.Outcome, which checks it."""

    def require_within(self, epochs: int, steps: int) -> None:
        """Raise ValueError for a place outside a stage of `epochs` passes, each of `steps` optimiser steps."""
        if self.epoch > epochs or self.step > steps or bool(self.step) != bool(self.totals):
            raise ValueError(f"step {self.step} of pass {self.epoch + 1} is no place in its stage")
        for term, total in self.totals.items():
            if not total.is_floating_point():
                raise ValueError(f"the sum of loss {term} is of type {total.dtype}")
            require_like({term: total}, {term: torch.zeros((), dtype=total.dtype)})


def require_like(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Raise ValueError unless both have the same names, and under each tensors of one shape, type and layout.

    `found` must lie on the CPU, where `checkpoint.load` puts it; where `wanted` lies does not matter.
    """
    if found.keys() != wanted.keys():
        raise ValueError(f"{sorted(map(str, found.keys() ^ wanted.keys()))[0]} is in one of both only")
    for name, tensor in wanted.items():
        other = found[name]
        if not isinstance(other, Tensor) or other.device.type != "cpu" or _form(other) != _form(tensor):
            raise ValueError(f"{name} is not a tensor of {tensor.dtype} and shape {tuple(tensor.shape)}")


def require_state_of(optimizer: Optimizer, found: Mapping[str, Any]) -> None:
    """Raise ValueError unless `found` is a state of `optimizer`, one of Adam's, after steps of its own or none.

    Learning rates may be any: the schedule sets them before every step.
    """
    fresh = optimizer.state_dict()
    if found.keys() != fresh.keys() or _settings(found) != _settings(fresh):
        raise ValueError("the optimiser's settings are others")
    parameters = dict(enumerate(p for group in optimizer.param_groups for p in group["params"]))
    for number, state in found["state"].items():
        weight = parameters[number].detach()
        require_like(state, {"step": torch.zeros(()), "exp_avg": weight, "exp_avg_sq": weight})


def _form(tensor: Tensor) -> tuple[Any, ...]:
    strided = tensor.layout == torch.strided and not tensor.is_quantized
    return tensor.layout, tensor.dtype, tensor.shape, tensor.stride() if strided else None


def _settings(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{**group, "lr": None} for group in state["param_groups"]]
