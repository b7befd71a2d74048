"""What FMRec and FAVE have in common: a bidirectional encoder of the history into which a noisy state is mixed.

    e_seq = LN(dropout(E[history]))                     (B, L, d), padding included
    H0    = e_seq + λ ⊙ (x_t + τ),  λ ~ N(δ, δ²)        the state and the time reach every slot, scaled by λ
    H     = blocks(H0)                                  only the last slot of the last block is ever read
    f     = LN(dropout(H[last])),  h2 = state of the last slot `tap` blocks before the end
    score = x̂ · Eᵀ over all V rows

`f` is what the sampler moves towards, `decoder(h2)` reconstructs the history. A model adds its blocks, τ, its prior
and its losses.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from fave_bench.models.blocks import HistoryDecoder, Mask, padding_mask
from fave_bench.models.contract import GenerativeRecommender, ModelConfig
from fave_bench.models.dropout import Dropout
from fave_bench.models.flow import TimeSampler, euler, on_host
from fave_bench.models.reconstruction import balanced_cells, balanced_error, full_error
from fave_bench.randomness import Draw


class FlowConfig(ModelConfig):
    """Fields of every flow model. Defaults are the released code's; `released` and `paper` name the two readings."""

    width: int = Field(128, ge=2)
    """d."""
    blocks: int = Field(4, ge=1)
    heads: int = Field(4, ge=1)
    decoder: tuple[int, ...] = (512, 2048)
    """Hidden widths of the history decoder, d -> ... -> V."""
    tap: int = Field(2, ge=0)
    """The decoder reads the state so many blocks before the end (the released `last`)."""
    dropout: float = Field(0.1, ge=0, lt=1)
    emb_dropout: float = Field(0.3, ge=0, lt=1)
    """Dropout of the item vectors, before the layer norm."""
    position: Literal["rope", "none", "learned"] = "none"
    """Where order comes from: rotary by slot index, nowhere, or a learned vector per slot (added before the norm)."""
    key_mask: Literal["off", "on"] = "off"
    """off (released): padding is attended as a learned vector, padded queries attend uniformly. on (paper): hidden."""
    delta: float = Field(1e-3, ge=0)
    """δ, mean and standard deviation of λ (the papers say variance, the public code uses it as deviation)."""
    lambda_noise: Literal["noise", "mean", "zero"] = "noise"
    """λ ~ N(δ, δ²) per slot and dimension, once per network call, at test time too (released); or λ = δ; or λ = 0."""
    rng: Literal["device", "host"] = "device"
    """Where λ is drawn. `host` copies it over, as the released code does: a matter of speed, not of law."""
    eps: float = Field(1e-3, gt=0, lt=1)
    """First time, and the network's time unit: it is told t (1/eps - 1), that is 999 t."""
    time_sampler: TimeSampler = "mode"
    """Law of the training times of a one-stage model, or of the first stage."""
    s_mode: float = 1.0
    """Scale s of mode sampling."""
    logit_mean: float = 1.0
    logit_deviation: float = Field(0.6, gt=0)
    """Of the logit-normal law."""
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


class FlowRecommender(GenerativeRecommender):
    """The shared encoder. Subclasses give the blocks and define `velocity_field` and `prior`."""

    config: FlowConfig
    released_root: ClassVar[str] = ""
    """Where the public code's state_dict keeps the network."""
    released_ignored: ClassVar[tuple[str, ...]] = (".rope.inv_freq",)
    """Endings of keys that hold nothing learned."""
    released_stage: ClassVar[str] = ""
    """The stage a released file is taken to come from."""

    def __init__(self, config: FlowConfig, num_items: int, layers: list[nn.Module]) -> None:
        super().__init__(config, num_items)
        d = config.width
        self.items = nn.Embedding(self.vocabulary, d)
        self.positions = nn.Embedding(config.window, d)
        self.emb_dropout, self.dropout = Dropout(config.emb_dropout), Dropout(config.dropout)
        self.norm_in, self.norm_out = nn.LayerNorm(d, eps=1e-12), nn.LayerNorm(d, eps=1e-12)
        self.layers = nn.ModuleList(layers)
        self.decoder = HistoryDecoder(d, config.decoder, self.vocabulary)
        self.unused = nn.ModuleDict({"item": nn.Linear(d, d), "state": nn.Linear(d, d), "time": nn.Linear(d, d),
                                     "fuse": nn.Linear(3 * d, d)})  # fmt: skip
        """Layers the public code makes and never calls; kept so that totals and its checkpoints agree."""
        self.time_scale = 1 / config.eps - 1

    def embed(self, history: Tensor) -> Tensor:
        """(B, L) -> e_seq (B, L, d); row 0 of the table is a learned vector like any other."""
        vectors = self.emb_dropout(self.items(history))
        if self.config.position == "learned":
            vectors = vectors + self.positions.weight[-history.shape[1] :]
        return self.norm_in(vectors)

    def mask(self, history: Tensor) -> Mask:
        return padding_mask(history, self.config.key_mask == "on")

    def lambda_sample(self, history: Tensor, draw: Draw) -> Tensor | None:
        """(B, L, d) standard normal numbers ε with λ = δ (1 + ε), or None where λ is not random."""
        if self.config.lambda_noise != "noise":
            return None
        return draw.normal(*history.shape, self.config.width)

    def encode(self, e_seq: Tensor, signal: Tensor, mask: Mask, noise: Tensor | None) -> tuple[Tensor, Tensor]:
        """e_seq (B, L, d), signal x_t + τ (B, d), noise ε (B, L, d) or None -> f (B, d), h2 (B, d)."""
        h = e_seq
        if self.config.lambda_noise != "zero":
            mean = (self.config.delta * signal).unsqueeze(1)
            h = h + mean if noise is None else torch.addcmul(h + mean, noise.to(h.device), mean)
        tapped = h[:, -1]
        for number, layer in enumerate(self.layers, 1):
            h = layer(h, e_seq, mask, last=number == len(self.layers))
            if number == len(self.layers) - self.config.tap:
                tapped = h[:, -1]
        return self.norm_out(self.dropout(h[:, -1])), tapped

    def source_error(self, state: Tensor, history: Tensor, draw: Draw, *, zero_ratio: float) -> Tensor:
        """Unweighted loss of reconstructing the history's items from `state` (B, d)."""
        if self.config.source_loss == "full_norm":
            return full_error(self.decoder, state, history)
        draws = int(-(-zero_ratio * history.shape[1] // 1))
        cells = balanced_cells(history, self.vocabulary, draw.uniform(len(history), draws, 2), zero_ratio)
        return balanced_error(self.decoder, state, cells)

    def target_error(self, state: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy of the target among all V rows, padding included, as in both releases."""
        return F.cross_entropy(state @ self.items.weight.T, target)

    def sampler_steps(self) -> int:
        """Euler steps when the caller names none."""
        return self.config.steps

    def prior(self, e_seq: Tensor, history: Tensor, draw: Draw) -> Tensor:
        """(B, d) start states at inference: N(0, I)."""
        return draw.normal(len(history), self.config.width)

    def velocity_field(
        self, e_seq: Tensor, mask: Mask, x: Tensor, t: Tensor, x0: Tensor, noise: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The sampler's velocity (B, d) at (x, t), and h2."""
        raise NotImplementedError

    def trajectory(self, history: Tensor, *, x0: Tensor | None = None, steps: int | None = None, draw: Draw) -> Tensor:
        e_seq, mask = self.embed(history), self.mask(history)
        start = self.prior(e_seq, history, draw) if x0 is None else x0
        host = on_host(draw) if self.config.rng == "host" else draw

        def field(x: Tensor, t: Tensor) -> Tensor:
            velocity, h2 = self.velocity_field(e_seq, mask, x, t, start, self.lambda_sample(history, host))
            if self.config.skip_decoder_at_test == "no":
                self.decoder(h2)
            return velocity

        return euler(start, field, steps=steps or self.sampler_steps(), eps=self.config.eps)

    def item_vectors(self) -> Tensor:
        return self.items.weight

    @classmethod
    def released_keys(cls) -> dict[str, tuple[str, ...]]:
        """Our module -> the public code's modules whose tensors, stacked, it holds; * is a block's number."""
        root = cls.released_root
        return {
            "items": ("item_embeddings",),
            "positions": ("position_embeddings",),
            "norm_in": ("LayerNorm",),
            "norm_out": (f"{root}.norm_fm_rep",),
            "decoder.layers.0": (f"{root}.decoder.0",),
            "decoder.layers.1": (f"{root}.decoder.2",),
            "decoder.layers.2": (f"{root}.decoder.4",),
            "unused.item": (f"{root}.linear_item",),
            "unused.state": (f"{root}.linear_xt",),
            "unused.time": (f"{root}.linear_t",),
            "unused.fuse": (f"{root}.fuse_linear",),
        }

    @classmethod
    def released_config(cls, state: Mapping[str, Tensor]) -> dict[str, Any]:
        """The sizes that a released state_dict's tensors tell; the number of heads is not among them (it is 4)."""
        blocks = f"{cls.released_root}.att.transformer_blocks."
        return {
            "width": state["item_embeddings.weight"].shape[1],
            "window": state["position_embeddings.weight"].shape[0],
            "blocks": len({key.removeprefix(blocks).split(".")[0] for key in state if key.startswith(blocks)}),
            "decoder": tuple(state[f"{cls.released_root}.decoder.{i}.weight"].shape[0] for i in (0, 2)),
        }
