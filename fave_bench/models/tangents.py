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
from torch.autograd import Function, forward_ad
from torch.overrides import TorchFunctionMode

A = math.sqrt(2 / math.pi)
B = 0.044715 * A
ROWS = 16
"""Samples whose activations fit the cache together; a dozen passes over them cost what one costs over all."""
gelu_times = torch.ops.aten.gelu_backward
"""gelu_times(v, x, approximate=...) = v · gelu'(x) in one pass."""


PRODUCTS = (torch.mul, Tensor.mul, Tensor.__mul__)


class CheapTangents(TorchFunctionMode):
    """Inside this mode linear layers, tanh-GELUs and products with constants differentiate by the rules below."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is F.linear:
            return Linear.apply(*args)
        if func is F.gelu and kwargs == {"approximate": "tanh"}:
            return Gelu.apply(*args)
        if func in PRODUCTS and is_constant(args[1]):
            return Scaled.apply(*args)
        if func is torch.addcmul and is_constant(args[2]):
            return args[0] + Scaled.apply(args[1], args[2])
        return func(*args, **(kwargs or {}))


def is_constant(value: Any) -> bool:
    """Whether `value` is a tensor that neither time nor the weights move."""
    if not isinstance(value, Tensor) or value.requires_grad:
        return False
    return bool(forward_ad.unpack_dual(value).tangent is None)


class Linear(Function):
    """x Wᵀ + b whose weights are constant in time: the tangent is dx Wᵀ."""

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return F.linear(x, weight, bias)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor | None], output: Tensor) -> None:
        ctx.set_materialize_grads(False)
        ctx.biased = inputs[2] is not None
        ctx.save_for_backward(inputs[0], inputs[1])
        ctx.save_for_forward(inputs[1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        x, weight = ctx.saved_tensors
        rows = grad.flatten(0, -2)
        return grad @ weight, rows.T @ x.flatten(0, -2), rows.sum(0) if ctx.biased else None

    @staticmethod
    def jvp(ctx: Any, dx: Tensor | None, *_: Tensor | None) -> Tensor | None:
        return None if dx is None else F.linear(dx, ctx.saved_tensors[0])


class Scaled(Function):
    """x · c for a constant c."""

    @staticmethod
    def forward(x: Tensor, c: Tensor) -> Tensor:
        return x * c

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.set_materialize_grads(False)
        ctx.shape = inputs[0].shape
        ctx.save_for_backward(inputs[1])
        ctx.save_for_forward(inputs[1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return (grad * ctx.saved_tensors[0]).sum_to_size(ctx.shape), None

    @staticmethod
    def jvp(ctx: Any, dx: Tensor, _: None) -> Tensor:
        return dx * ctx.saved_tensors[0]


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
        bent = torch.empty_like(x)
        for part in zip(bent.split(ROWS), x.split(ROWS), dx.split(ROWS), grad.split(ROWS), strict=True):
            torch.mul(curvature(part[1]).mul_(part[2]), part[3], out=part[0])
        return gelu_times(grad, x, approximate="tanh"), bent


def curvature(x: Tensor) -> Tensor:
    """gelu''(x) = (1 - T²)(a + 6bx² - xT(a + 3bx²)²), T = tanh(ax + bx³)."""
    square = x * x
    slope = square * (3 * B)
    twice = slope * 2
    tanh = (square.mul_(B).add_(A)).mul_(x).tanh_()
    slope.add_(A).square_().mul_(tanh).mul_(x)
    return twice.add_(A).sub_(slope).mul_(tanh.square_().neg_().add_(1))
