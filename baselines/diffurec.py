"""DiffuRec: a diffusion model for sequential recommendation (Li, Sun & Li, ACM TOIS 2023).

Variant: the authors' public code. A bidirectional Transformer (see `noisy_encoder`) predicts the target's vector from
the history and a noisy version of that vector, and is run again at every step of the reverse diffusion.
  schedule    T = 32 steps, β linear from 0.1/T + 0.01 to 20/T + 0.01 (0.013125 to 0.635), so ᾱ falls from 0.987 to 1e-6
  network     f(e_seq, x_t, 1000 t / T): e_seq + λ ⊙ (x_t + τ) through four pre-LN blocks, x + drop(MHA(LN x)),
              x + drop(FFN(LN x)), then dropout on the block's output; LN; last slot. No positions, bidirectional,
              padding attended as a learned vector. λ ~ N(δ, δ²) is drawn at test time too.
  loss        CE(f Eᵀ, target) over all V rows and nothing else; t uniform (the public "loss-aware" sampler is never
              told a loss); the target vector inside x_t is not detached.
  sampling    x_T ~ N(0, I); posterior mean of f and x_t, variance β_t; the last step adds no noise and its mean is f.

Without positions and with λ = 0 the prediction does not change when earlier items trade places. At δ = 0.001 the state
x_t hardly enters the network, so few steps predict nearly what 32 do. Dead layers of the public code (positions, four
Linears: 105,216 numbers) are kept, so totals agree: 128 V + 1,030,528 at d = 128.

Deliberate deviations: times come from the harness's generator; the τ of all steps are computed once; fewer steps than
T use a respaced schedule (the public code has no such option); the last block is asked for its last slot only.

Switches: key_mask, position, lambda_noise, rng, steps.

Printed numbers: paper_tables/reference/table1_overall.csv, row "DiffuRec" (ML-100k H@20 19.41, Beauty H@20 10.94),
copied by FAVE from FMRec's Table 2; 1.26 G multiply-accumulates in table3_efficiency.csv.
"""

from collections.abc import Iterator

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from fave_bench.models.blocks import Mask, PreNormBlock, TimeEmbedding
from fave_bench.models.contract import Batch
from fave_bench.models.diffusion import Array, Noising, Schedule, denoise
from fave_bench.models.noisy_encoder import NoisyEncoder, NoisyEncoderConfig, unused_layers
from fave_bench.models.parts import in_turn
from fave_bench.randomness import Draw

TIME_UNITS = 1000.0
"""The network is told times as if there were so many steps."""


def truncated_linear(steps: int) -> Array:
    """(steps,) β of the public `trunc_lin` schedule, for steps large enough to keep it below 1."""
    return np.linspace(0.1 / steps + 0.01, 20 / steps + 0.01, steps)


class DiffuRecConfig(NoisyEncoderConfig):
    """Defaults are the public code's."""

    timesteps: int = Field(32, ge=21)
    """T, the steps of the forward diffusion."""
    steps: int = Field(32, ge=1)
    """Steps of the reverse diffusion at inference; fewer than T respace the schedule."""


class Block(PreNormBlock):
    """The shared block; its feed-forward biases start as torch has them, not at 0."""

    def __init__(self, config: DiffuRecConfig) -> None:
        window = config.window if config.position == "rope" else 0
        super().__init__(config.width, config.heads, config.dropout, rope_window=window)
        for linear in (self.feed_forward.inner, self.feed_forward.outer):
            nn.init.uniform_(linear.bias, -(linear.in_features**-0.5), linear.in_features**-0.5)


class DiffuRec(NoisyEncoder):
    """DiffuRec as released, with the sampler's length and the encoder's quirks behind switches."""

    Config = DiffuRecConfig
    config: DiffuRecConfig
    title = "DiffuRec"
    released_root = "diffu.xstart_model"

    def __init__(self, config: DiffuRecConfig, num_items: int) -> None:
        super().__init__(config, num_items, [Block(config) for _ in range(config.blocks)])
        self.time = TimeEmbedding(config.width)
        self.unused = unused_layers(config.width)
        self.schedule = Schedule.of(truncated_linear(config.timesteps))
        self.require_steps(config.steps)
        self.noising = Noising(self.schedule)

    def network(self, e_seq: Tensor, x: Tensor, tau: Tensor, *, mask: Mask, noise: Tensor | None = None) -> Tensor:
        """f (B, d) from e_seq (B, L, d), state x (B, d), τ (B, d) or (d,), noise ε (B, L, d)."""
        return self.encode(e_seq, x + tau, mask, noise)[0]

    def time_vectors(self, t: Tensor) -> Tensor:
        """τ (B, d) of times t (B,) in 0 .. T-1."""
        return self.time(t * (TIME_UNITS / self.config.timesteps))

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        return self.diffusion_losses(batch.history, batch.target, draw=batch.draw, lengths=batch.lengths)

    def diffusion_losses(
        self, history: Tensor, target: Tensor, *, draw: Draw, lengths: Tensor | None = None,
        t: Tensor | None = None, x_noise: Tensor | None = None, noise: Tensor | None = None,
    ) -> dict[str, Tensor]:  # fmt: skip
        """history (B, L), target (B,). What is not given (times t (B,), x_noise (B, d), ε (B, L, d)) is drawn."""
        x0 = self.items(target)
        t = self.noising.times(len(x0), draw) if t is None else t
        x_t = self.noising(x0, t, draw.normal(*x0.shape) if x_noise is None else x_noise)
        tau = self.time_vectors(t)
        found = [
            self.network(e.e_seq, x_t[e.part.rows], tau[e.part.rows], mask=e.mask, noise=e.noise)
            for e in in_turn(self.embedded(history, draw, lengths=lengths, noise=noise))
        ]
        return {"target_ce": self.target_error(torch.cat(found), target)}

    def require_steps(self, steps: int) -> None:
        self.schedule.respaced(steps)  # refuses more than the diffusion has

    def sampler_steps(self) -> int:
        return self.config.steps

    def trajectory(self, history: Tensor, *, x0: Tensor | None = None, steps: int | None = None, draw: Draw) -> Tensor:
        return torch.stack(list(self.states(history, x0=x0, steps=steps, draw=draw)))

    def states(
        self, history: Tensor, *, x0: Tensor | None = None, steps: int | None = None, draw: Draw
    ) -> Iterator[Tensor]:
        schedule = self.schedule.respaced(steps or self.sampler_steps())
        e_seq, mask, lambda_draw = self.embed(history), self.mask(history), self.lambda_draw(draw)
        start = draw.normal(len(history), self.config.width) if x0 is None else x0
        taus = self.time_vectors(schedule.times_on(start.device).float())

        def predict(x: Tensor, i: int) -> Tensor:
            return self.network(e_seq, x, taus[i], mask=mask, noise=self.lambda_sample(history, lambda_draw))

        return denoise(start, schedule, schedule.beta, predict, draw)

    @classmethod
    def released_keys(cls) -> dict[str, tuple[str, ...]]:
        root = cls.released_root
        block = f"{root}.att.transformer_blocks.*"
        return super().released_keys() | {
            "norm_out": (f"{root}.norm_diffu_rep",),
            "time.inner": (f"{root}.time_embed.0",),
            "time.outer": (f"{root}.time_embed.2",),
            "layers.*.attention.qkv": tuple(f"{block}.attention.linear_layers.{i}" for i in range(3)),
            "layers.*.attention.out": (f"{block}.attention.w_layer",),
            "layers.*.feed_forward.inner": (f"{block}.feed_forward.w_1",),
            "layers.*.feed_forward.outer": (f"{block}.feed_forward.w_2",),
            "layers.*.norm_attention": (f"{block}.input_sublayer.norm",),
            "layers.*.norm_forward": (f"{block}.output_sublayer.norm",),
        }
