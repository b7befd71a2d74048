"""What FMRec and FAVE have in common: the noisy encoder, a decoder of the history, and an Euler sampler.

`f` (see `noisy_encoder`) is what the sampler moves towards, `decoder(h2)` reconstructs the history from the tapped
state h2. A model adds its blocks, τ, its prior and its losses.
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal, Self

import torch
from pydantic import Field, PositiveInt, model_validator
from torch import Tensor, nn

from fave_bench.models.blocks import HistoryDecoder
from fave_bench.models.contract import LayerUse, linear_uses
from fave_bench.models.flow import TimeSampler, euler, euler_times
from fave_bench.models.noisy_encoder import NoisyEncoder, NoisyEncoderConfig, unused_layers
from fave_bench.models.reconstruction import balanced_cells, balanced_error, full_error
from fave_bench.randomness import Draw
from fave_bench.shares import mine, present, working_on


class FlowConfig(NoisyEncoderConfig):
    """Fields of every flow model. Defaults are the released code's; `released` and `paper` name the two readings."""

    decoder: tuple[PositiveInt, ...] = (512, 2048)
    """Hidden widths of the history decoder, d -> ... -> V."""
    tap: int = Field(2, ge=0)
    """The decoder reads the state so many blocks before the end (the released `last`)."""
    eps: float = Field(1e-3, gt=0, lt=1)
    """First time, and the network's time unit: it is told t (1/eps - 1), that is 999 t."""
    time_sampler: TimeSampler = "mode"
    """Law of the training times of a one-stage model, or of the first stage."""
    s_mode: float = 1.0
    """Scale s of mode sampling."""
    logit_mean: float = 1.0
    """Mean of the logit, for the logit-normal law."""
    logit_deviation: float = Field(0.6, gt=0)
    """Its standard deviation."""
    steps: int = Field(30, ge=1)
    """Euler steps at inference."""
    skip_decoder_at_test: Literal["no", "yes"] = "yes"
    """no: run the decoder in every sampler step and throw its output away, as the released code does (speed only)."""
    alpha: float = Field(0.2, ge=0)
    """Weight of the cross-entropy over all V rows."""
    beta: float = Field(0.4, ge=0)
    """Weight of the source (history reconstruction) loss."""
    source_loss: Literal["balanced_prefix", "full_norm"] = "balanced_prefix"
    """balanced_prefix (released): ones and as many zeros, mean over B·V. full_norm (paper): ‖D - A‖², mean over B."""
    zero_ratio: float = Field(1.0, ge=0)
    """Zeros drawn per one in the balanced loss (the released `mask_ratio`, which is not ρ)."""

    @model_validator(mode="after")
    def _tap_fits(self) -> Self:
        if self.tap > self.blocks:
            raise ValueError(f"tap {self.tap} reaches beyond the {self.blocks} blocks")
        return self


class FlowRecommender(NoisyEncoder):
    """Encoder, decoder and sampler. Subclasses give the blocks and define `losses`, `time_vectors` and `velocity`."""

    config: FlowConfig
    released_ignored = (".rope.inv_freq",)
    as_released: ClassVar[dict[str, Any]] = {"rng": "host", "skip_decoder_at_test": "no"}

    def __init__(self, config: FlowConfig, num_items: int, layers: list[nn.Module]) -> None:
        super().__init__(config, num_items, layers)
        self.tap = config.tap
        self.decoder = HistoryDecoder(config.width, config.decoder, self.vocabulary)
        self.unused = unused_layers(config.width)
        self.time_scale = 1 / config.eps - 1

    def source_error(self, state: Tensor, everyone: Tensor, draw: Draw, *, zero_ratio: float) -> Tensor:
        """Unweighted loss of reconstructing the histories' items from `state` (B, d).

        `everyone` (W, L) are the histories of all samples; of a shared batch, `state` is that of this share alone. A
        zero is drawn from the whole batch, and counts where its row is.
        """
        if self.config.source_loss == "full_norm":
            return full_error(self.decoder, state, mine(everyone))
        draws = int(-(-zero_ratio * self.config.window // 1))
        with working_on(None):
            uniform = draw.uniform(len(everyone), draws, 2)
        cells = balanced_cells(everyone, self.vocabulary, uniform, zero_ratio)
        return balanced_error(self.decoder, state, cells.of_share(present(), self.vocabulary))

    def published_layers(self) -> Iterator[LayerUse]:
        """The decoder too: it runs in every step, and its output is thrown away."""
        yield from super().published_layers()
        yield from linear_uses(self.sampler_steps(), self.decoder, needed=False)

    def sampler_steps(self) -> int:
        """Euler steps when the caller names none."""
        return self.config.steps

    def prior(self, e_seq: Tensor, history: Tensor, draw: Draw) -> Tensor:
        """(B, d) start states at inference: N(0, I)."""
        return draw.normal(len(history), self.config.width)

    def time_vectors(self, t: Tensor) -> Tensor:
        """τ (S, d) of the sampler's times t (S,) in [0, 1]."""
        raise NotImplementedError

    def velocity(self, f: Tensor, t: Tensor, x0: Tensor) -> Tensor:
        """The sampler's velocity (B, d) where the network says f at time t (1,), having started from x0."""
        raise NotImplementedError

    def states(
        self, history: Tensor, *, x0: Tensor | None = None, steps: int | None = None, draw: Draw
    ) -> Iterator[Tensor]:
        steps = steps or self.sampler_steps()
        e_seq, mask = self.embed(history), self.mask(history)
        start = self.prior(e_seq, history, draw) if x0 is None else x0
        times = euler_times(steps, self.config.eps, start.device)
        taus, lambda_draw = self.time_vectors(times), self.lambda_draw(draw)

        def field(x: Tensor, i: int) -> Tensor:
            f, h2 = self.encode(e_seq, x + taus[i], mask, self.lambda_sample(history, lambda_draw))
            if self.config.skip_decoder_at_test == "no":
                self.decoder(h2)
            return self.velocity(f, times[i : i + 1], start)

        return euler(start, field, steps)

    def trajectory(self, history: Tensor, *, x0: Tensor | None = None, steps: int | None = None, draw: Draw) -> Tensor:
        return torch.stack(list(self.states(history, x0=x0, steps=steps, draw=draw)))

    @classmethod
    def released_keys(cls) -> dict[str, tuple[str, ...]]:
        root = cls.released_root
        return super().released_keys() | {
            "norm_out": (f"{root}.norm_fm_rep",),
            "decoder.layers.0": (f"{root}.decoder.0",),
            "decoder.layers.1": (f"{root}.decoder.2",),
            "decoder.layers.2": (f"{root}.decoder.4",),
        }

    @classmethod
    def released_config(cls, state: Mapping[str, Tensor]) -> dict[str, Any]:
        widths = tuple(state[f"{cls.released_root}.decoder.{i}.weight"].shape[0] for i in (0, 2))
        return super().released_config(state) | {"decoder": widths}
