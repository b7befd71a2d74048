"""Cheaper derivative rules for the forward-mode pass of FAVE's second stage.

torch's own rules are right and slow here: a weight without a tangent is given one full of zeros and multiplied all the
same, and the second derivative of GELU is spelled out in some thirty passes over the widest activations.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function
from torch.overrides import TorchFunctionMode

A = math.sqrt(2 / math.pi)
B = 0.044715 * A
gelu_times = torch.ops.aten.gelu_backward
"""gelu_times(v, x, approximate=...) = v · gelu'(x) in one pass."""


class CheapTangents(TorchFunctionMode):
    """Inside this mode linear layers and tanh-GELUs differentiate by the rules below."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is F.linear:
            return Linear.apply(*args)
        if func is F.gelu and kwargs == {"approximate": "tanh"}:
            return Gelu.apply(*args)
        return func(*args, **(kwargs or {}))


class Linear(Function):
    """x Wᵀ + b whose weights are constant in time: the tangent is dx Wᵀ."""

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return F.linear(x, weight, bias)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(inputs[0], inputs[1])
        ctx.save_for_forward(inputs[1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        rows = grad.flatten(0, -2)
        return grad @ weight, rows.T @ x.flatten(0, -2), rows.sum(0)

    @staticmethod
    def jvp(ctx: Any, dx: Tensor | None, *_: Tensor | None) -> Tensor | None:
        return None if dx is None else F.linear(dx, ctx.saved_tensors[0])


class Gelu(Function):
    """GELU, tanh form."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return F.gelu(x, approximate="tanh")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return gelu_times(grad, *ctx.saved_tensors, approximate="tanh")

    @staticmethod
    def jvp(ctx: Any, dx: Tensor) -> Tensor:
        return GeluTangent.apply(dx, *ctx.saved_tensors)


class GeluTangent(Function):
    """dx · gelu'(x), with a backward pass of its own."""

    @staticmethod
    def forward(dx: Tensor, x: Tensor) -> Tensor:
        return gelu_times(dx, x, approximate="tanh")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        dx, x = ctx.saved_tensors
        return gelu_times(grad, x, approximate="tanh"), curvature(x).mul_(dx).mul_(grad)


def curvature(x: Tensor) -> Tensor:
    """gelu''(x) = (1 - T²)(a + 6bx² - xT(a + 3bx²)²), T = tanh(ax + bx³)."""
    square = x * x
    slope = square * (3 * B)
    twice = slope * 2
    tanh = (square.mul_(B).add_(A)).mul_(x).tanh_()
    slope.add_(A).square_().mul_(tanh).mul_(x)
    return twice.add_(A).sub_(slope).mul_(tanh.square_().neg_().add_(1))
