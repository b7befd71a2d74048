"""Closed forms and laws of the flow tools."""

import math

import pytest
import torch
from flow_helpers import Given, histories
from torch import Tensor

from fave_bench.models.flow import (
    AnchorIndex,
    anchor_slot,
    cosmap_times,
    directional_derivative,
    endpoint,
    euler,
    euler_times,
    mode_times,
    on_host,
    point,
    sample_times,
    velocity,
)
from fave_bench.randomness import StepDraw, UserDraw


def test_mode_sampling_quartiles_and_ends() -> None:
    t = mode_times(torch.linspace(0, 1, 100_001, dtype=torch.float64), 1.0)
    assert t.mean().item() == pytest.approx(0.5, abs=1e-3)
    quartiles = t.quantile(torch.tensor([0.25, 0.75], dtype=torch.float64))
    assert quartiles.tolist() == pytest.approx([0.353, 0.646], abs=1e-3)
    assert t.min() >= -1e-12 and t.max() <= 1 + 1e-12
    assert torch.allclose(mode_times(torch.tensor([0.2, 0.9]), 0.0), torch.tensor([0.8, 0.1]))  # s = 0 is uniform


def test_cosmap_has_its_closed_form_cdf() -> None:
    u = torch.linspace(0.01, 0.99, 99, dtype=torch.float64)
    t = cosmap_times(u)
    # density 2 / (π (t² + (1-t)²)), so u = 2/π · arctan(t / (1-t))
    assert torch.allclose(u, 2 / math.pi * torch.atan(t / (1 - t)))


@pytest.mark.parametrize("law", ["mode", "uniform", "logit_normal", "cosmap"])
def test_training_times_lie_between_eps_and_one(law: str) -> None:
    t = sample_times(20_000, StepDraw(0), law=law, eps=1e-3)
    assert t.min() >= 1e-3 - 1e-7 and t.max() <= 1 + 1e-6
    assert len(t.unique()) > 19_000


@pytest.mark.parametrize("path", ["linear", "cosine"])
def test_paths_join_their_ends_and_give_their_velocity(path: str) -> None:
    x0, x1 = torch.randn(2, 5, 3, dtype=torch.float64)
    zero, one, t = torch.zeros(5).double(), torch.ones(5).double(), torch.rand(5).double()
    assert torch.allclose(point(x0, x1, zero, path), x0, atol=1e-12)
    assert torch.allclose(point(x0, x1, one, path), x1, atol=1e-12)
    step = 1e-6
    slope = (point(x0, x1, t + step, path) - point(x0, x1, t - step, path)) / (2 * step)
    assert torch.allclose(velocity(x0, x1, t, path), slope, atol=1e-8)
    assert torch.allclose(endpoint(point(x0, x1, t, path), velocity(x0, x1, t, path), t, path), x1)


def test_euler_from_a_fixed_start_is_the_mean_of_the_predictions() -> None:
    predictions: list[Tensor] = []
    times = euler_times(30, 1e-3, torch.device("cpu"))
    x0 = torch.randn(4, 3, dtype=torch.float64)

    def field(x: Tensor, i: int) -> Tensor:
        predictions.append(torch.sin(3 * x + times[i]))
        return predictions[-1] - x0

    states = torch.stack(list(euler(x0, field, 30)))
    assert states.shape == (31, 4, 3) and torch.equal(states[0], x0)
    assert torch.allclose(states[-1], torch.stack(predictions).mean(0))
    assert times.tolist() == pytest.approx([i / 30 * 0.999 + 0.001 for i in range(30)])


def items_at(history: Tensor, slot: Tensor) -> Tensor:
    """(B,) the items in slots counted from the end."""
    return history.gather(1, slot[:, None] + history.shape[1]).squeeze(1)


def test_the_released_anchor_of_a_short_history_is_always_padding() -> None:
    history = histories(*[10] * 200, window=50)
    bug, right = (anchor_slot(history, StepDraw(0), index, 50) for index in ("left_index_bug", "valid"))
    assert (items_at(history, bug) == 0).all() and set(bug.tolist()) == set(range(-50, -40))
    assert (items_at(history, right) > 0).all()


def test_the_valid_anchor_is_uniform_over_the_visible_items() -> None:
    history = torch.zeros(8000, 50, dtype=torch.long)
    history[:, -4:] = torch.tensor([1, 2, 3, 4])
    anchors = items_at(history, anchor_slot(history, StepDraw(1), "valid", 50))
    share = anchors.bincount(minlength=5)[1:] / len(anchors)
    assert (share - 0.25).abs().max() < 0.03


@pytest.mark.parametrize("index", ["left_index_bug", "valid"])
def test_an_anchor_is_where_it_is_whatever_padding_is_left_out(index: AnchorIndex) -> None:
    history = histories(2, 5, 3, window=12)
    whole, cut = (anchor_slot(h, StepDraw(0), index, 12) for h in (history, history[:, -5:]))
    assert torch.equal(whole, cut)


@pytest.mark.parametrize("index", ["left_index_bug", "valid"])
def test_an_empty_history_has_an_anchor_too(index: AnchorIndex) -> None:
    slot = anchor_slot(torch.zeros(5, 12, dtype=torch.long), StepDraw(0), index, 12)
    assert ((slot >= -12) & (slot < 0)).all()


def test_the_directional_derivative_is_the_limit_of_differences() -> None:
    torch.manual_seed(0)
    x, dx = torch.randn(2, 6, 4, dtype=torch.float64)
    t, r = torch.rand(2, 6, dtype=torch.float64)
    one, zero = torch.ones_like(t), torch.zeros_like(t)

    def network(x: Tensor, t: Tensor, r: Tensor) -> tuple[Tensor, Tensor]:
        left = (r - t)[:, None]
        return (x * t[:, None]).sin() + left * left * x, x.cos()

    f, derivative, other = directional_derivative(network, (x, t, r), (dx, one, zero))
    h = 1e-6
    ahead, behind = (network(x + s * h * dx, t + s * h, r)[0] for s in (1, -1))
    assert torch.allclose(derivative, (ahead - behind) / (2 * h), atol=1e-8)
    assert torch.equal(f, network(x, t, r)[0]) and torch.equal(other, x.cos())


def test_what_does_not_depend_on_the_state_has_no_slope() -> None:
    x, t, r = torch.rand(6, 4), torch.rand(6), torch.rand(6)
    f, derivative, other = directional_derivative(lambda *_: (x, x + 1), (x, t, r), (x, t, r))
    assert torch.equal(f, x) and torch.equal(other, x + 1) and not derivative.any()


def test_on_a_cpu_the_host_draw_is_the_draw() -> None:
    for draw in (StepDraw(0), UserDraw(0, torch.arange(3)), Given()):
        assert on_host(draw) is draw
