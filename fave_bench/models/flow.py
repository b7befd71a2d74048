"""The tools of flow matching: times, priors, paths, the sampler and the directional derivative.

Time runs from the prior (t = 0, state x0) to the data (t = 1, state x1) everywhere. Shapes: B batch, d width.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, Literal

import torch
from torch import Tensor

from fave_bench.data.windows import lengths
from fave_bench.models.tangents import Dual, both
from fave_bench.randomness import Draw, StepDraw, UserDraw, seed_of

TimeSampler = Literal["mode", "uniform", "logit_normal", "cosmap"]
Path = Literal["linear", "cosine"]
AnchorIndex = Literal["left_index_bug", "valid"]
HALF_PI = math.pi / 2


def mode_times(u: Tensor, s: float) -> Tensor:
    """U[0, 1) -> mode sampling with heavy tails, t = 1 - u - s (cos²(πu/2) - 1 + u) (Esser et al. 2024, eq. 19)."""
    return 1 - u - s * ((HALF_PI * u).cos() ** 2 - 1 + u)


def cosmap_times(u: Tensor) -> Tensor:
    """U[0, 1) -> t = 1 - 1 / (tan(πu/2) + 1) (Esser et al. 2024, eq. 21)."""
    return 1 - 1 / ((HALF_PI * u).tan() + 1)


def sample_times(
    batch: int, draw: Draw, *, law: TimeSampler, eps: float, s: float = 1.0, mean: float = 1.0, deviation: float = 0.6
) -> Tensor:
    """(batch,) training times in [eps, 1]: a sample of `law` on [0, 1], shrunk by (1 - eps) and moved by eps."""
    if law == "mode":
        t = mode_times(draw.uniform(batch), s)
    elif law == "uniform":
        t = draw.uniform(batch)
    elif law == "logit_normal":
        t = (mean + deviation * draw.normal(batch)).sigmoid()
    else:
        t = cosmap_times(draw.uniform(batch))
    return t * (1 - eps) + eps


def anchor_slot(history: Tensor, draw: Draw, index: AnchorIndex, window: int) -> Tensor:
    """(B,) the slot of FAVE's semantic anchor, a visible item, counted from the end: -1 is the newest.

    Of n items, k is uniform on 0..n-1. `valid` takes the k-th visible item. `left_index_bug` takes slot k of the
    window, as the released code does although histories are padded on the left: of n <= window/2 items always a slot
    of padding. `history` (B, L) may be cut to the newest L of the window's slots and not hold it.
    """
    visible = lengths(history).clamp_min(1)
    k = (draw.uniform(len(history)) * visible).long()
    return k - (window if index == "left_index_bug" else visible)


def point(x0: Tensor, x1: Tensor, t: Tensor, path: Path = "linear") -> Tensor:
    """The state at time t (B,) between x0 and x1 (B, d)."""
    a, b = _coefficients(t, path)
    return a * x1 + b * x0


def velocity(x0: Tensor, x1: Tensor, t: Tensor, path: Path = "linear") -> Tensor:
    """d/dt of `point`: x1 - x0 on the linear path."""
    if path == "linear":
        return x1 - x0
    a, b = _coefficients(t, path)
    return HALF_PI * (b * x1 - a * x0)


def endpoint(x_t: Tensor, v: Tensor, t: Tensor, path: Path = "linear") -> Tensor:
    """The x1 that a state x_t and its velocity v imply: x_t + (1 - t) v on the linear path."""
    if path == "linear":
        return x_t + (1 - t)[:, None] * v
    a, b = _coefficients(t, path)
    return a * x_t + b * v / HALF_PI


def _coefficients(t: Tensor, path: Path) -> tuple[Tensor, Tensor]:
    t = t[:, None]
    return (t, 1 - t) if path == "linear" else ((HALF_PI * t).sin(), (HALF_PI * t).cos())


def euler_times(steps: int, eps: float, device: torch.device) -> Tensor:
    """(steps,) float32 times of the sampler, i/steps (1 - eps) + eps for i = 0 .. steps-1, made on the device."""
    return (torch.arange(steps, dtype=torch.float64, device=device) / steps * (1 - eps) + eps).float()


def euler(x0: Tensor, field: Callable[[Tensor, int], Tensor], steps: int) -> Iterator[Tensor]:
    """The steps + 1 states from x0 (B, d) on: x <- x + field(x, i) / steps, i = 0 .. steps-1."""
    yield x0
    for i in range(steps):
        x0 = torch.add(x0, field(x0, i), alpha=1 / steps)
        yield x0


def directional_derivative(
    network: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]],
    at: tuple[Tensor, Tensor, Tensor], along: tuple[Tensor, Tensor, Tensor],
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """One forward-mode pass of ``network(x, t, r) -> (f, other)``: f, its derivative along the direction, other."""
    duals: Any = map(Dual, at, along)
    (f, derivative), (other, _) = map(both, network(*duals))
    return f, torch.zeros_like(f) if derivative is None else derivative, other


def on_host(draw: Draw) -> Draw:
    """A draw of the same kind that makes its numbers on the CPU, as the released code does for its λ."""
    if isinstance(draw, StepDraw) and draw.device.type != "cpu":
        return StepDraw(seed_of(draw.seed, "host"))
    if isinstance(draw, UserDraw) and draw.users.device.type != "cpu":
        return UserDraw(draw.seed, draw.users.cpu())
    return draw
