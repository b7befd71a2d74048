"""Derivatives of dual numbers, and the gradients of these derivatives, are right."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fave_bench.models.tangents import ROWS, Dual, curvature

WIDTH = 6
weight = torch.linspace(0.5, 2, WIDTH, dtype=torch.float64)
RULES: dict[str, Callable[[Tensor], Tensor]] = {
    "sum": lambda x: x + 2 * x - x,
    "sum with a constant": lambda x: weight + x - weight,
    "product": lambda x: x * x * 3,
    "product with a constant": lambda x: weight * x,
    "matrix product": lambda x: torch.matmul(x, x.transpose(1, 2)),
    "matrix product with a constant": lambda x: torch.matmul(x, torch.diag(weight)),
    "addcmul": lambda x: torch.addcmul(x * weight, x.roll(2, -1), weight),
    "views": lambda x: torch.cat(x.unflatten(-1, (2, -1)).flatten(1).unsqueeze(1)[:, :, 1:-1].split([3, 13], 2), 2),
    "parts": lambda x: torch.stack(x.chunk(2, -1)),
    "sine and cosine": lambda x: x.sin() * x.cos(),
    "relu": lambda x: x.relu(),
    "silu": F.silu,
    "softmax": lambda x: x.softmax(-1),
    "gelu": lambda x: F.gelu(x, approximate="tanh"),
    "rms norm": lambda x: F.rms_norm(x, (WIDTH,), weight, 1e-8),
    "layer norm": lambda x: F.layer_norm(x, (WIDTH,), weight, weight, 1e-12),
}


def numbers() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    x, dx = torch.randn(2, 2 * ROWS + 1, 3, WIDTH, dtype=torch.float64)
    return x, dx


def along(function: Callable[[Tensor], Tensor], x: Tensor, dx: Tensor) -> tuple[Tensor, Tensor]:
    """A function's value and derivative at x along dx."""
    dual = function(Dual(x, dx))  # type: ignore[arg-type]
    assert isinstance(dual, Dual)
    return dual.value, dual.tangent


def difference(function: Callable[[Tensor], Tensor], x: Tensor, dx: Tensor) -> Tensor:
    """The central difference quotient of a function at x along dx."""
    h = 1e-6
    return (function(x + h * dx) - function(x - h * dx)) / (2 * h)


@pytest.mark.parametrize("name", RULES)
def test_a_derivative_is_the_limit_of_differences_and_so_is_its_gradient(name: str) -> None:
    function, (x, dx) = RULES[name], numbers()
    f, df = along(function, x, dx)
    assert torch.allclose(f, function(x), atol=1e-12)
    assert torch.allclose(df, difference(function, x, dx), atol=1e-7)

    def slope(x: Tensor, dx: Tensor) -> Tensor:
        return along(function, x, dx)[1].sin().sum()

    toward = torch.randn(2, *x.shape, dtype=torch.float64)
    at = [x.clone().requires_grad_(), dx.clone().requires_grad_()]
    gradients = torch.autograd.grad(slope(*at), at, allow_unused=True)
    found = sum((g * e).sum() for g, e in zip(gradients, toward, strict=True) if g is not None)
    step = 1e-6
    ahead, behind = (slope(x + s * step * toward[0], dx + s * step * toward[1]) for s in (1, -1))
    assert torch.allclose(torch.as_tensor(found), (ahead - behind) / (2 * step), rtol=1e-6)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch's own forward mode uses it
def test_weights_learn_from_the_derivative() -> None:
    x, dx = numbers()
    layers = nn.Sequential(nn.Linear(WIDTH, 9), nn.GELU(approximate="tanh"), nn.Linear(9, WIDTH, bias=False)).double()
    weights = list(layers.parameters())
    ours = torch.autograd.grad(along(layers, x, dx)[1].square().sum(), weights, allow_unused=True)
    theirs = torch.autograd.grad(torch.func.jvp(layers, (x,), (dx,))[1].square().sum(), weights, allow_unused=True)
    assert all(torch.allclose(a, b) for a, b in zip(ours, theirs, strict=True))


def test_value_and_derivative_are_dropped_together() -> None:
    x, dx = torch.ones(2, 1000)
    f, df = along(lambda x: F.dropout(x, 0.4), x, dx)
    assert torch.equal(f, df) and 0 < int((f == 0).sum()) < 1000


def test_what_has_no_rule_is_named() -> None:
    with pytest.raises(NotImplementedError, match="derivative of erf"):
        along(torch.erf, *numbers())


def test_curvature_is_the_second_derivative_of_gelu() -> None:
    x = torch.linspace(-6, 6, 301, dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(F.gelu(x, approximate="tanh").sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    assert torch.allclose(curvature(x.detach()), second, atol=1e-12)
