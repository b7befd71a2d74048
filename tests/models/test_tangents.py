"""The cheap derivative rules are torch's own, only cheaper."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fave_bench.models.flow import directional_derivative
from fave_bench.models.tangents import CheapTangents, curvature


def test_curvature_is_the_second_derivative_of_gelu() -> None:
    x = torch.linspace(-6, 6, 301, dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(F.gelu(x, approximate="tanh").sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    assert torch.allclose(curvature(x.detach()), second, atol=1e-12)


def test_values_tangents_and_their_gradients_agree_with_plain_autograd() -> None:
    torch.manual_seed(0)
    inner, outer = nn.Linear(5, 9).double(), nn.Linear(9, 5).double()
    mask = (torch.rand(4, 3, 9) > 0.3).double()
    x, dx = torch.randn(2, 4, 3, 5, dtype=torch.float64)
    weights = [*inner.parameters(), *outer.parameters()]

    def network(x: Tensor) -> Tensor:
        return outer(F.gelu(inner(x), approximate="tanh") * mask)

    def through(x: Tensor, _t: Tensor, _r: Tensor) -> tuple[Tensor, Tensor]:
        return network(x), x

    one = torch.zeros(4, dtype=torch.float64)
    f, df, _ = directional_derivative(through, (x, one, one), (dx, one, one))
    # the same derivative by two reverse passes
    at = x.clone().requires_grad_()
    probe = torch.ones_like(network(at), requires_grad=True)
    (pulled,) = torch.autograd.grad(network(at), at, probe, create_graph=True)
    (expected,) = torch.autograd.grad(pulled, probe, dx, create_graph=True)
    assert torch.allclose(f, network(x)) and torch.allclose(df, expected)
    ours = torch.autograd.grad(df.square().sum() + f.sum(), weights)
    theirs = torch.autograd.grad(expected.square().sum() + network(x).sum(), weights)
    assert all(torch.allclose(a, b) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("bias", [True, False])
def test_a_linear_layer_keeps_its_ordinary_gradients(bias: bool) -> None:
    layer, x = nn.Linear(3, 2, bias=bias).double(), torch.randn(6, 4, 3, dtype=torch.float64, requires_grad=True)
    plain = torch.autograd.grad(layer(x).square().sum(), [x, *layer.parameters()])
    with CheapTangents():
        cheap = torch.autograd.grad(layer(x).square().sum(), [x, *layer.parameters()])
    assert all(torch.allclose(a, b) for a, b in zip(plain, cheap, strict=True))
