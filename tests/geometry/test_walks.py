"""Straightness and distance, against geometry that needs no code."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fave_bench.geometry.walks import distance, quartiles, straightness

seeds = st.integers(0, 10_000)


def walk(seed: int, steps: int = 6, users: int = 4, d: int = 5) -> torch.Tensor:
    return torch.randn(steps + 1, users, d, generator=torch.Generator().manual_seed(seed))


@given(st.lists(st.floats(0.01, 5), min_size=1, max_size=30), seeds)
def test_a_straight_way_is_1_at_any_speeds(speeds: list[float], seed: int) -> None:
    direction = walk(seed)[0]
    at = torch.tensor([0.0, *np.cumsum(speeds)], dtype=torch.float64)
    assert torch.allclose(straightness(at[:, None, None] * direction.double()), torch.ones(4, dtype=torch.float64))


def test_known_polylines() -> None:
    corner = torch.tensor([[0.0, 0], [3, 0], [3, 4]])  # two legs of a right triangle over its hypotenuse
    there_and_half_back = torch.tensor([[0.0, 0], [2, 0], [1, 0]])
    still = torch.ones(3, 2)
    found = straightness(torch.stack([corner, there_and_half_back, still], 1))
    assert found.tolist() == pytest.approx([7 / 5, 3, 1])
    angle = torch.linspace(0, math.pi, 2001, dtype=torch.float64)
    half_circle = torch.stack([angle.cos(), angle.sin()], -1)[:, None]
    assert straightness(half_circle).item() == pytest.approx(math.pi / 2, rel=1e-6)


@given(seeds)
def test_straightness_is_at_least_1_and_knows_no_place_scale_or_turn(seed: int) -> None:
    states = walk(seed).double()
    turn = torch.linalg.qr(walk(seed + 1, steps=4, users=1).squeeze(1).double())[0]
    found = straightness(states)
    assert (found >= 1).all()
    assert torch.allclose(straightness(7 * states @ turn + 3), found)
    assert torch.allclose(straightness(states.flip(0)), found)


@given(seeds)
def test_distance_is_that_of_directions(seed: int) -> None:
    a, b = walk(seed)[:2]
    cosine = torch.nn.functional.cosine_similarity(a, b, dim=-1)
    assert torch.allclose(distance(a, b), (2 - 2 * cosine).clamp_min(0).sqrt(), atol=1e-3)
    assert torch.allclose(distance(5 * a, 0.1 * b), distance(a, b), atol=1e-5)
    assert torch.allclose(distance(a, -3 * a), torch.full((4,), 2.0)) and distance(a, 3 * a).abs().max() < 1e-6


def test_a_right_angle_is_at_the_root_of_2() -> None:
    assert distance(torch.tensor([5.0, 0]), torch.tensor([0, 0.1])).item() == pytest.approx(2**0.5)


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=40))
def test_quartiles_are_those_of_numpy(values: list[float]) -> None:
    assert quartiles(torch.tensor(values, dtype=torch.float64)) == pytest.approx(
        np.percentile(values, [25, 50, 75]), abs=1e-6
    )
