"""Forward-mode differentiation written out: numbers that carry their derivative along one direction.

A `Dual` goes through a model's own code in the place of a tensor. Its rules are ordinary tensor operations, so that the
derivative has gradients like anything else, can be compiled and may be computed in bfloat16. torch's own forward mode
can be neither compiled nor trusted here: it takes a layer norm's mean and deviation for constants when its derivative
is differentiated once more (torch 2.13; tests/models/test_tangents.py has the differences).

Weights, masks and noise have no derivative: the direction is one in the model's inputs.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

ROWS = 16
"""On a CPU, samples whose activations fit the cache together; a dozen passes over them cost what one costs over all."""
gelu_times = torch.ops.aten.gelu_backward
"""gelu_times(v, x, approximate=...) = v · gelu'(x) in one pass."""


def moving(name: str) -> Callable[..., Any]:
    """A method that moves numbers about, and their derivatives with them."""

    def method(self: "Dual", *args: Any) -> Any:
        value, tangent = getattr(self.value, name)(*args), getattr(self.tangent, name)(*args)
        if isinstance(value, Tensor):
            return Dual(value, tangent)
        return [Dual(*pair) for pair in zip(value, tangent, strict=True)]

    return method


class Dual:
    """A tensor and its derivative along the direction, of the same shape."""

    def __init__(self, value: Tensor, tangent: Tensor) -> None:
        self.value, self.tangent = value, tangent

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func not in RULES:
            raise NotImplementedError(f"no rule for the derivative of {func.__name__}; write one in {__name__}")
        return RULES[func](*args, **(kwargs or {}))

    shape = property(lambda self: self.value.shape)
    ndim = property(lambda self: self.value.ndim)
    dtype = property(lambda self: self.value.dtype)
    device = property(lambda self: self.value.device)

    __getitem__, transpose, flatten, unflatten = map(moving, ("__getitem__", "transpose", "flatten", "unflatten"))
    unsqueeze, roll, split, chunk = map(moving, ("unsqueeze", "roll", "split", "chunk"))

    def __len__(self) -> int:
        return len(self.value)

    def __add__(self, other: Any) -> "Dual":
        return plus(self, other)

    def __sub__(self, other: Any) -> "Dual":
        return plus(self, times(other, -1.0))

    def __mul__(self, other: Any) -> "Dual":
        return times(self, other)

    __radd__, __rmul__ = __add__, __mul__

    def sin(self) -> "Dual":
        return Dual(self.value.sin(), self.value.cos() * self.tangent)

    def cos(self) -> "Dual":
        return Dual(self.value.cos(), -self.value.sin() * self.tangent)

    def relu(self) -> "Dual":
        return Dual(self.value.relu(), self.tangent * (self.value > 0))

    def softmax(self, dim: int) -> "Dual":
        p = self.value.softmax(dim)
        change = p * self.tangent
        return Dual(p, change - p * change.sum(dim, keepdim=True))


def both(x: Any) -> tuple[Any, Any]:
    """A number's value and derivative; None where it has none."""
    return (x.value, x.tangent) if isinstance(x, Dual) else (x, None)


def plus(a: Any, b: Any) -> Any:
    (a, da), (b, db) = both(a), both(b)
    if da is None and db is None:
        return a + b
    return Dual(a + b, db if da is None else da if db is None else da + db)


def bilinear(product: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Any, Any], Any]:
    """The product rule."""

    def rule(a: Any, b: Any) -> Any:
        (a, da), (b, db) = both(a), both(b)
        if da is None and db is None:
            return product(a, b)
        if da is None or db is None:
            return Dual(product(a, b), product(a, db) if da is None else product(da, b))
        return Dual(product(a, b), product(da, b) + product(a, db))

    return rule


times, matmul = bilinear(torch.mul), bilinear(torch.matmul)


def addcmul(x: Any, a: Any, b: Any) -> Any:
    return plus(x, times(a, b))


def linear(x: Dual, weight: Tensor, bias: Tensor | None = None) -> Dual:
    return Dual(F.linear(x.value, weight, bias), F.linear(x.tangent, weight))


def stack(xs: Sequence[Dual], dim: int = 0) -> Dual:
    return Dual(torch.stack([x.value for x in xs], dim), torch.stack([x.tangent for x in xs], dim))


def cat(xs: Sequence[Dual], dim: int = 0) -> Dual:
    return Dual(torch.cat([x.value for x in xs], dim), torch.cat([x.tangent for x in xs], dim))


def dropout(x: Dual, p: float, **_: bool) -> Dual:
    return times(x, F.dropout(torch.ones_like(x.value), p))


def silu(x: Dual, **_: bool) -> Dual:
    s = x.value.sigmoid()
    return Dual(F.silu(x.value), x.tangent * s * (1 + x.value * (1 - s)))


def scaled(x: Dual, eps: float) -> Dual:
    """x over its root mean square."""
    scale = (x.value.square().mean(-1, keepdim=True) + eps).rsqrt()
    n = x.value * scale
    return Dual(n, scale * (x.tangent - n * (n * x.tangent).mean(-1, keepdim=True)))


def rms_norm(x: Dual, _shape: Any, weight: Tensor, eps: float) -> Dual:
    return times(scaled(x, eps), weight)


def layer_norm(x: Dual, _shape: Any, weight: Tensor, bias: Tensor, eps: float) -> Dual:
    centred = Dual(*(part - part.mean(-1, keepdim=True) for part in both(x)))
    return plus(times(scaled(centred, eps), weight), bias)


def gelu(x: Dual, approximate: str) -> Dual:
    assert approximate == "tanh"
    return Dual(F.gelu(x.value, approximate="tanh"), GeluTangent.apply(x.tangent, x.value))


class GeluTangent(Function):
    """dx · gelu'(x), with a backward pass of its own: torch spells it out in some thirty passes."""

    @staticmethod
    def forward(ctx: Any, dx: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(dx, x)
        return gelu_times(dx, x, approximate="tanh")

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        dx, x = ctx.saved_tensors
        return gelu_times(grad, x, approximate="tanh"), bent(x, dx, grad)


def bent(x: Tensor, dx: Tensor, grad: Tensor) -> Tensor:
    """gelu''(x) · dx · grad"""
    if torch.compiler.is_compiling() or x.device.type != "cpu":
        return curvature(x) * dx * grad
    pieces = zip(x.split(ROWS), dx.split(ROWS), grad.split(ROWS), strict=True)
    return torch.cat([curvature(x).mul_(dx).mul_(grad) for x, dx, grad in pieces])


def curvature(x: Tensor) -> Tensor:
    """gelu''(x) = (1 - T²)(a + 6bx² - xT(a + 3bx²)²), T = tanh(ax + bx³), a = sqrt(2/π), b = 0.044715 a."""
    a, b = 0.7978845608028654, 0.035677408136300125  # spelled out: the compiler makes variables of named ones
    square = x * x
    slope = a + 3 * b * square
    tanh = (x * (a + b * square)).tanh()
    return (1 - tanh * tanh) * (slope + 3 * b * square - x * tanh * slope * slope)


RULES: dict[Callable[..., Any], Callable[..., Any]] = {
    **dict.fromkeys((torch.add, Tensor.add), plus),
    **dict.fromkeys((torch.mul, Tensor.mul), times),
    torch.matmul: matmul,
    torch.addcmul: addcmul,
    torch.cat: cat,
    torch.stack: stack,
    F.linear: linear,
    F.dropout: dropout,
    F.silu: silu,
    F.gelu: gelu,
    F.rms_norm: rms_norm,
    F.layer_norm: layer_norm,
}
"""What stands for a function of torch where one of its arguments is a `Dual`."""
