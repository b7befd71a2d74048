"""DreamRec: generate what to prefer (Yang et al., NeurIPS 2023), diffusion of the next item's vector under guidance.

Variant: the authors' public code. h, the state of one causal attention block at the last item, guides a denoiser that
predicts the clean target vector from x_t, h and the step t.
  guidance    items N(0, 1) plus positions counted from the oldest visible item; block with one head, Q = LN(x), K and V
              from x as it is, residual onto the normalised Q input; LN; d -> d -> d with ReLU, residual and LN of its
              own; LN. h is replaced by a learned null vector with probability p while training.
  denoiser    mlp1: one Linear [x; h; t] 3d -> d (all published runs); mlp2: 3d -> 2d -> d with GELU
  step t      sinusoid (sines first, frequencies 10000^(-k/(d/2 - 1))), Linear d -> 2d, GELU, Linear 2d -> d
  loss        mean squared error (x0, x̂0), x0 being the target's trainable vector: nothing else keeps items apart, so
              watch the norm of the vectors
  sampling    x_T ~ N(0, I); x̂0 = (1 + w) f(x, h, t) - w f(x, null, t); posterior mean, posterior variance, no noise in
              the last step. Score: inner product with the table.

Switch eval_dropout: `public` keeps dropout on while ranking (the public code never leaves training mode), with masks
keyed by user; `off` is meant.

Both denoisers begin with a Linear, so its parts for h, the null vector and every t are multiplied once and a step of
mlp1 costs d² instead of 14 d². Parameters used: V d + L d + 12 d² + 18 d (mlp1); the public code's unused layers
(d N + N + 10 d² + 5 d) are kept, so totals agree: 802,194 on ML-100k at d = 128 and L = 50.

Deliberate deviations: left padding; padding recognised by id, not by a zero sum; window 50 for the published 10; one
epoch is a permutation of all prefixes (published: random batches); no batch is dropped in evaluation; weights are
selected on validation (published: none). Padding has a row in the table, which only protocol `released` ranks.

Printed numbers: paper_tables/reference/table1_overall.csv, row "DreamRec" (ML-100k H@20 20.84, Beauty H@20 9.45). No
single run can give them: on all three datasets NDCG grows from 10 to 20 by what the hits there do not allow.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from fave_bench.data.windows import valid
from fave_bench.models.contract import Batch, GenerativeRecommender, LayerUse, MeanOver, ModelConfig, linear_uses
from fave_bench.models.diffusion import Array, Noising, Schedule, denoise
from fave_bench.models.dropout import Dropout
from fave_bench.models.parts import in_turn, looked_up, split
from fave_bench.randomness import Draw

HIDDEN = -(2.0**31)


def exponential(steps: int) -> Array:
    """β of a variance-preserving diffusion whose rate grows from 0.1 to 10: ᾱ_T = 6.35e-3 at 500 steps."""
    place = np.linspace(1, 2 * steps + 1, steps)
    return 1 - np.exp(-0.1 / steps - place * 0.5 * (10 - 0.1) / steps**2)


def cosine(steps: int) -> Array:
    """β of ᾱ ∝ cos², clipped to [0.0001, 0.9999] (Nichol & Dhariwal 2021)."""
    curve = np.cos((np.linspace(0, 1, steps + 1) + 0.008) / 1.008 * np.pi / 2) ** 2
    return np.clip(1 - curve[1:] / curve[:-1], 0.0001, 0.9999)


def linear(steps: int) -> Array:
    """β from 0.0001 to 0.02."""
    return np.linspace(0.0001, 0.02, steps)


def square_root(steps: int) -> Array:
    """β of ᾱ = 1 - √(t + 0.0001), at most 0.999 (Li et al. 2022)."""
    time = np.linspace(0, 1, steps + 1)
    curve = 1 - np.sqrt(time + 0.0001)
    return np.minimum(1 - curve[1:] / curve[:-1], 0.999)


SCHEDULES: dict[str, Callable[[int], Array]] = {
    "exp": exponential,
    "cosine": cosine,
    "linear": linear,
    "sqrt": square_root,
}


class StepEmbedding(nn.Module):
    """Sinusoid of a step, sines first, then d -> 2d -> d with GELU."""

    frequencies: Tensor

    def __init__(self, d: int) -> None:
        super().__init__()
        half = d // 2
        frequencies = torch.exp(-math.log(10_000.0) * torch.arange(half) / (half - 1))
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.inner, self.outer = nn.Linear(d, 2 * d), nn.Linear(2 * d, d)

    def forward(self, step: Tensor) -> Tensor:
        """(B,) -> (B, d)"""
        angle = step[:, None] * self.frequencies
        return self.outer(F.gelu(self.inner(torch.cat((angle.sin(), angle.cos()), -1))))


class Denoiser(nn.Module):
    """f(x, h, t): a Linear on [x; h; t], and for mlp2 a second one after a GELU."""

    def __init__(self, d: int, layers: int) -> None:
        super().__init__()
        self.first = nn.Linear(3 * d, d * layers)
        self.second = nn.Linear(2 * d, d) if layers == 2 else None

    def forward(self, x: Tensor, h: Tensor, t: Tensor) -> Tensor:
        """(B, d) three times -> (B, d)"""
        return self.finish(self.first(torch.cat((x, h, t), -1)))

    def parts(self) -> tuple[Tensor, Tensor, Tensor]:
        """The weights of the first Linear that x, h and t meet."""
        of_state, of_guide, of_time = self.first.weight.chunk(3, 1)
        return of_state, of_guide, of_time

    def finish(self, hidden: Tensor) -> Tensor:
        return hidden if self.second is None else self.second(F.gelu(hidden))


class DreamRec(GenerativeRecommender):
    class Config(ModelConfig):
        """Defaults are the public README's for Yoochoose but for width and window, which presets set."""

        d: int = Field(128, ge=4, multiple_of=2)
        """Width of item vectors and of all states."""
        timesteps: int = Field(500, ge=2)
        """T, the steps of the forward diffusion."""
        steps: int = Field(500, ge=1)
        """Steps of the reverse diffusion; fewer than T respace the schedule."""
        schedule: Literal["exp", "cosine", "linear", "sqrt"] = "exp"
        """Law of β."""
        denoiser: Literal["mlp1", "mlp2"] = "mlp1"
        """One Linear, or two with a GELU between."""
        guidance: float = Field(2.0, ge=0)
        """w; 0 is the conditional prediction alone."""
        null_probability: float = Field(0.1, ge=0, le=1)
        """p, of training without guidance."""
        dropout: float = Field(0.1, ge=0, lt=1)
        """On the input, the attention weights and the feed-forward output."""
        eval_dropout: Literal["off", "public"] = "off"
        """public: dropout stays on while ranking."""

    title = "DreamRec"
    means: ClassVar[Mapping[str, MeanOver]] = {"match": "samples"}
    config: Config

    def __init__(self, config: Config, num_items: int) -> None:
        super().__init__(config, num_items)
        d = config.d
        self.items, self.positions = nn.Embedding(self.vocabulary, d), nn.Embedding(config.window, d)
        self.null = nn.Parameter(torch.randn(d))
        self.dropout = Dropout(config.dropout)
        self.norm_query, self.norm_attended, self.norm_forward, self.norm_out = (nn.LayerNorm(d) for _ in range(4))
        self.query, self.key_value = nn.Linear(d, d), nn.Linear(d, 2 * d)
        self.inner, self.outer = nn.Linear(d, d), nn.Linear(d, d)
        self.step = StepEmbedding(d)
        self.denoiser = Denoiser(d, 1 if config.denoiser == "mlp1" else 2)
        self.unused = nn.ModuleList([nn.Linear(d, num_items), nn.Linear(d, 2 * d), nn.Linear(3 * d, 2 * d),
                                     nn.Linear(2 * d, d)])  # fmt: skip
        """Layers the public code makes and never calls; kept so that totals agree."""
        self.schedule = Schedule.of(SCHEDULES[config.schedule](config.timesteps))
        self.require_steps(config.steps)
        self.noising = Noising(self.schedule)

    def guide(self, history: Tensor, draw: Draw, vectors: Tensor | None = None) -> Tensor:
        """(B, L) -> h (B, d), the block's state at the newest item. `vectors` (B, L, d) are the items', if at hand."""
        filled = valid(history)
        place = (filled.cumsum(1) - 1).clamp_min(0)  # from the oldest visible item, as with padding on the right
        vectors = self.items(history) if vectors is None else vectors
        x = self._drop(vectors + self.positions(place), draw) * filled[..., None]
        query = self.norm_query(x[:, -1])
        x = self.norm_attended(query + self._attended(x, query, filled, draw))
        return self.norm_out(self.norm_forward(x + self._drop(self.outer(F.relu(self.inner(x))), draw)))

    def _attended(self, x: Tensor, query: Tensor, filled: Tensor, draw: Draw) -> Tensor:
        """What one query (B, d) reads from the slots x (B, L, d), none of which needs a key or a value of its own:
        q·(K x + b) = (Kᵀq)·x + q·b, whose last term no softmax sees, and Σ w (V x + c) = V Σ w x + c Σ w."""
        key, value = self.key_value.weight.chunk(2)
        score = (x @ (self.query(query) @ key)[..., None]).squeeze(-1) / self.config.d**0.5  # (B, L)
        weight = self._drop(score.masked_fill(~filled, HIDDEN).softmax(-1), draw)
        bias = self.key_value.bias.chunk(2)[1]
        return (weight[:, None] @ x).squeeze(1) @ value.T + weight.sum(1, keepdim=True) * bias

    def _drop(self, x: Tensor, draw: Draw) -> Tensor:
        """Dropout: always while training, and by the draw's masks in the public code's evaluation."""
        if self.training or self.config.eval_dropout == "off":
            return self.dropout(x)
        return x * (draw.uniform(*x.shape) >= self.config.dropout) / (1 - self.config.dropout)

    @property
    def padding_free(self) -> bool:
        """Positions count from the oldest visible item and padding is no key; the public masks of evaluation are drawn
        slot by slot."""
        return self.training or self.config.eval_dropout == "off"

    @property
    def recordable(self) -> bool:
        return self.null.is_cuda

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        return self.diffusion_losses(batch.history, batch.target, draw=batch.draw, lengths=batch.lengths)

    def diffusion_losses(
        self, history: Tensor, target: Tensor, *, draw: Draw, lengths: Tensor | None = None,
        t: Tensor | None = None, noise: Tensor | None = None, without: Tensor | None = None,
    ) -> dict[str, Tensor]:  # fmt: skip
        """history (B, L), target (B,). What is not given (times (B,), noise (B, d), unguided rows (B,)) is drawn."""
        parts = split(history, padding_free=self.padding_free and not self.recordable, lengths=lengths)
        vectors = looked_up(self.items, [part.history for part in parts])
        guided = zip(in_turn(parts), vectors, strict=True)
        x0, h = self.items(target), torch.cat([self.guide(part.history, draw, of_items) for part, of_items in guided])
        t = self.noising.times(len(x0), draw) if t is None else t
        x_t = self.noising(x0, t, draw.normal(*x0.shape) if noise is None else noise)
        without = draw.uniform(len(x0)) < self.config.null_probability if without is None else without
        h = torch.where(without[:, None], self.null, h)
        return {"match": F.mse_loss(self.denoiser(x_t, h, self.step(t)), x0)}

    def require_steps(self, steps: int) -> None:
        self.schedule.respaced(steps)  # refuses more than the diffusion has

    def sampler_steps(self) -> int:
        return self.config.steps

    def states(
        self, history: Tensor, *, x0: Tensor | None = None, steps: int | None = None, draw: Draw
    ) -> Iterator[Tensor]:
        schedule, w = self.schedule.respaced(steps or self.sampler_steps()), self.config.guidance
        of_state, of_guide, of_time = self.denoiser.parts()
        times = self.step(schedule.times_on(self.null.device))
        t = F.linear(times, of_time, self.denoiser.first.bias)  # (S, .)
        h, null = self.guide(history, draw) @ of_guide.T, self.null @ of_guide.T
        guided, finish = (1 + w) * h - w * null, self.denoiser.finish

        def predict(x: Tensor, i: int) -> Tensor:
            shared = torch.addmm(t[i], x, of_state.T)
            if self.denoiser.second is None:  # affine, so guidance is too
                return shared + guided
            return (1 + w) * finish(shared + h) - w * finish(shared + null)

        start = draw.normal(len(history), self.config.d) if x0 is None else x0
        return denoise(start, schedule, schedule.posterior_variance, predict, draw)

    def trajectory(self, history: Tensor, *, x0: Tensor | None = None, steps: int | None = None, draw: Draw) -> Tensor:
        return torch.stack(list(self.states(history, x0=x0, steps=steps, draw=draw)))

    def published_layers(self) -> Iterator[LayerUse]:
        """The block at all slots, 5 d² L, then the step's embedding and the denoiser twice a step: 14 d² T for mlp1."""
        yield from linear_uses(self.config.window, self.query, self.key_value, self.inner, self.outer)
        yield from linear_uses(2 * self.sampler_steps(), self.step, self.denoiser)

    def item_vectors(self) -> Tensor:
        return self.items.weight
