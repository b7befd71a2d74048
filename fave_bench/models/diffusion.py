"""Gaussian diffusion with a network that predicts the clean vector x0 (Ho et al., NeurIPS 2020).

    x_t = √ᾱ_t x0 + √(1-ᾱ_t) ε,   t = 0 .. T-1,   ᾱ_t = Π (1-β)
    q(x_{t-1} | x_t, x0) has mean  a_t x0 + b_t x_t  and variance  β̃_t = β_t (1-ᾱ_{t-1}) / (1-ᾱ_t), where
    a_t = √ᾱ_{t-1} β_t / (1-ᾱ_t),   b_t = √(1-β_t) (1-ᾱ_{t-1}) / (1-ᾱ_t),   ᾱ_{-1} = 1.

At t = 0 the mean is x0 itself: (a_0, b_0) = (1, 0). Coefficients are float64 on the host.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fave_bench.errors import UsageError
from fave_bench.randomness import Draw

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Schedule:
    """The noise levels a sampler visits, by rising noise."""

    times: NDArray[np.int64]
    """(S,) the network's time index of each level; 0 .. T-1 where no level is skipped."""
    alpha_bar: Array
    """(S,) share of the signal's variance left."""

    @classmethod
    def of(cls, beta: Array) -> "Schedule":
        """All T levels of the steps' variances β (T,)."""
        return cls(np.arange(len(beta)), np.cumprod(1 - beta, dtype=np.float64))

    def __len__(self) -> int:
        return len(self.times)

    def times_on(self, device: torch.device) -> Tensor:
        """(S,) int64 `times` on a device, copied there once."""
        return _copied(tuple(self.times.tolist()), device)

    @property
    def alpha_bar_before(self) -> Array:
        """(S,) ᾱ of the next lower level, 1 below the lowest."""
        return np.append(1.0, self.alpha_bar[:-1])

    @property
    def beta(self) -> Array:
        """(S,) variance added between a level and the one below."""
        return 1 - self.alpha_bar / self.alpha_bar_before

    @property
    def mean(self) -> tuple[Array, Array]:
        """(S,) weights (a, b) of x0 and of x_t in the posterior mean."""
        scale = self.beta / (1 - self.alpha_bar)
        before = self.alpha_bar_before
        return np.sqrt(before) * scale, np.sqrt(1 - self.beta) * (1 - before) / (1 - self.alpha_bar)

    @property
    def posterior_variance(self) -> Array:
        """(S,) β̃; 0 at the lowest level."""
        return self.beta * (1 - self.alpha_bar_before) / (1 - self.alpha_bar)

    def respaced(self, steps: int) -> "Schedule":
        """The schedule of `steps` levels spread evenly from the noisiest to the cleanest; one level is the noisiest.

        Noise between two kept levels is merged: their ᾱ stay what they were. Raises UsageError beyond T.
        """
        if not 1 <= steps <= len(self):
            raise UsageError(f"a diffusion of {len(self)} steps cannot be sampled in {steps}")
        kept = np.linspace(len(self) - 1, 0, steps).round().astype(np.int64)[::-1]
        return Schedule(self.times[kept], self.alpha_bar[kept])


@lru_cache(maxsize=16)
def _copied(times: tuple[int, ...], device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        return torch.tensor(times, device=device)


class Noising(nn.Module):
    """Draws training times and noisy vectors, on the device."""

    signal: Tensor
    noise: Tensor

    def __init__(self, schedule: Schedule) -> None:
        super().__init__()
        for name, variance in {"signal": schedule.alpha_bar, "noise": 1 - schedule.alpha_bar}.items():
            self.register_buffer(name, torch.as_tensor(np.sqrt(variance), dtype=torch.float32), persistent=False)

    def times(self, batch: int, draw: Draw) -> Tensor:
        """(batch,) int64, uniform on 0 .. T-1."""
        return (draw.uniform(batch) * len(self.signal)).long().clamp_max(len(self.signal) - 1)

    def forward(self, x0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """x_t from x0 (B, d), t (B,) int64 and standard normal noise (B, d)."""
        return self.signal[t, None] * x0 + self.noise[t, None] * noise


def denoise(
    x: Tensor, schedule: Schedule, variance: Array, predict: Callable[[Tensor, int], Tensor], draw: Draw
) -> Iterator[Tensor]:
    """The states from the start x (B, d) down to the prediction: S + 1 of them, the last without added noise.

    ``predict(x, i)`` is x̂0 at level i of the schedule; `variance` (S,) is that of the noise added after level i > 0.
    """
    (a, b), deviation = schedule.mean, np.sqrt(variance)
    yield x
    for i in reversed(range(len(schedule))):
        x = float(a[i]) * predict(x, i) + float(b[i]) * x
        if i:
            x = x + float(deviation[i]) * draw.normal(*x.shape)
        yield x
