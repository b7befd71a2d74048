"""The encoder that DiffuRec, FMRec and FAVE share: a Transformer over the history into which a noisy state is mixed.

    e_seq = LN(dropout(E[history]))                     (B, L, d), padding included
    H0    = e_seq + λ ⊙ (x_t + τ),  λ ~ N(δ, δ²)        the state and the time reach every slot, scaled by λ
    H     = blocks(H0)                                  only the last slot of the last block is ever read
    f     = LN(dropout(H[last])),  tapped = state of the last slot some blocks before the end
    score = x̂ · Eᵀ over all V rows

A model adds its blocks, τ, its path from noise to data and its losses.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from fave_bench.models.blocks import Mask, TimeEmbedding, padding_mask
from fave_bench.models.contract import GenerativeRecommender, LayerUse, MeanOver, ModelConfig, linear_uses
from fave_bench.models.dropout import Dropout
from fave_bench.models.flow import on_host
from fave_bench.models.parts import Part, in_turn, split
from fave_bench.randomness import Draw
from fave_bench.shares import Share


@dataclass(frozen=True)
class Embedded:
    """A part of a training batch, ready for the blocks."""

    part: Part
    e_seq: Tensor
    """(b, w, d)"""
    mask: Mask
    noise: Tensor | None
    """ε (b, w, d)"""

    @property
    def share(self) -> Share | None:
        return self.part.share


class NoisyEncoderConfig(ModelConfig):
    """Fields of the shared encoder. Defaults are the released codes'."""

    width: int = Field(128, ge=2)
    """d."""
    blocks: int = Field(4, ge=1)
    """Transformer blocks."""
    heads: int = Field(4, ge=1)
    """Attention heads."""
    dropout: float = Field(0.1, ge=0, lt=1)
    """Inside the blocks, on their outputs and before the last layer norm."""
    emb_dropout: float = Field(0.3, ge=0, lt=1)
    """Dropout of the item vectors, before the layer norm."""
    output_gain: float = Field(1.0, gt=0)
    """Initial gain of the last layer norm, 1 in the releases: logits over N(0, 1) item vectors then start with a
    deviation of √d, which the first epochs unlearn. A small gain starts near the uniform distribution instead."""
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

    @model_validator(mode="after")
    def _heads_fit(self) -> Self:
        if self.width % (2 * self.heads):
            raise ValueError(f"width {self.width} must be an even multiple of heads {self.heads}")
        return self


class NoisyEncoder(GenerativeRecommender):
    """The shared encoder. Subclasses give the blocks and define `losses` and the sampler's states."""

    config: NoisyEncoderConfig
    as_released: ClassVar[dict[str, Any]] = {"rng": "host"}
    means: ClassVar[Mapping[str, MeanOver]] = dict.fromkeys(("match", "target_ce", "source", "straight"), "samples")
    step_method = "encode"
    tap = 0
    """`encode` also returns the state so many blocks before the end."""
    released_root: ClassVar[str] = ""
    """Where the public code's state_dict keeps the network."""
    released_ignored: ClassVar[tuple[str, ...]] = ()
    """Endings of keys that hold nothing learned."""
    released_stage: ClassVar[str] = ""
    """The stage a released file is taken to come from."""

    def __init__(self, config: NoisyEncoderConfig, num_items: int, layers: list[nn.Module]) -> None:
        super().__init__(config, num_items)
        d = config.width
        self.items = nn.Embedding(self.vocabulary, d)
        self.positions = nn.Embedding(config.window, d)
        self.emb_dropout, self.dropout = Dropout(config.emb_dropout), Dropout(config.dropout)
        self.norm_in, self.norm_out = nn.LayerNorm(d, eps=1e-12), nn.LayerNorm(d, eps=1e-12)
        nn.init.constant_(self.norm_out.weight, config.output_gain)
        self.layers = nn.ModuleList(layers)

    @property
    def padding_free(self) -> bool:
        """Where keys are masked: learned positions and rotations count from the newest slot, and so does λ."""
        return self.config.key_mask == "on"

    @property
    def recordable(self) -> bool:
        return self.config.rng == "device" and (self.items.weight.is_cuda or not self.padding_free)

    @property
    def training_method(self) -> str:
        return "encode"

    def embed(self, history: Tensor, slot: Tensor | None = None) -> Tensor:
        """(B, L) -> e_seq (B, L, d); row 0 of the table is a learned vector like any other.

        Or items (B,) in the slots (B,), which count from the end, -1 being the newest, -> (B, d).
        """
        vectors = self.emb_dropout(self.items(history))
        if self.config.position == "learned":
            places = self.positions.weight
            vectors = vectors + (places[-history.shape[1] :] if slot is None else places[slot])
        return self.norm_in(vectors)

    def mask(self, history: Tensor) -> Mask:
        return padding_mask(history, self.config.key_mask == "on")

    def embedded(
        self, history: Tensor, draw: Draw, *, lengths: Tensor | None = None, noise: Tensor | None = None
    ) -> list[Embedded]:
        """A training batch (B, L) in parts, each with its ε from `noise` (B, L, d), or drawn for its slots alone.

        A GPU works on whole windows: it saves more time where steps are recorded than where they leave padding out.
        """
        parts = split(history, padding_free=self.padding_free and not self.recordable, lengths=lengths)
        drawn = self.lambda_draw(draw)
        return [
            Embedded(
                part,
                self.embed(part.history),
                self.mask(part.history),
                self.lambda_sample(part.history, drawn) if noise is None else part.cut(noise),
            )
            for part in in_turn(parts)
        ]

    def lambda_draw(self, draw: Draw) -> Draw:
        """Where ε comes from: this draw, or one like it on the host."""
        return on_host(draw) if self.config.rng == "host" else draw

    def lambda_sample(self, history: Tensor, draw: Draw) -> Tensor | None:
        """(B, L, d) standard normal numbers ε with λ = δ (1 + ε), or None where λ is not random.

        At inference those of the last L slots of a whole window, so that a user's do not depend on the padding before.
        """
        if self.config.lambda_noise != "noise":
            return None
        slots = history.shape[1] if self.training else self.config.window
        return draw.normal(len(history), slots, self.config.width)[:, -history.shape[1] :]

    def encode(self, e_seq: Tensor, signal: Tensor, mask: Mask, noise: Tensor | None) -> tuple[Tensor, Tensor]:
        """e_seq (B, L, d), signal x_t + τ (B, d), noise ε (B, L, d) or None -> f (B, d), tapped (B, d)."""
        h = e_seq
        if self.config.lambda_noise != "zero":
            mean = (self.config.delta * signal).unsqueeze(1)
            h = h + mean if noise is None else torch.addcmul(h + mean, noise.to(h.device), mean)
        tapped = h[:, -1]
        for number, layer in enumerate(self.layers, 1):
            h = layer(h, e_seq, mask, last=number == len(self.layers))
            if number == len(self.layers) - self.tap:
                tapped = h[:, -1]
        return self.norm_out(self.dropout(h[:, -1])), tapped

    def target_error(self, state: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy of the target among all V rows, padding included, as in the releases."""
        return F.cross_entropy(state @ self.items.weight.T, target)

    def item_vectors(self) -> Tensor:
        return self.items.weight

    def published_layers(self) -> Iterator[LayerUse]:
        """In every step: the blocks at all slots, the last one included, and the times' embeddings once."""
        steps = self.sampler_steps()
        for block in self.layers:
            parts = (block.get_submodule(name) for name in ("attention", "feed_forward"))
            yield from linear_uses(steps * self.config.window, *parts)
        yield from linear_uses(steps, *(part for part in self.children() if isinstance(part, TimeEmbedding)))

    @classmethod
    def released_keys(cls) -> dict[str, tuple[str, ...]]:
        """Our module -> the public code's modules whose tensors, stacked, it holds; * is a block's number."""
        root = cls.released_root
        return {
            "items": ("item_embeddings",),
            "positions": ("position_embeddings",),
            "norm_in": ("LayerNorm",),
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
        }


def unused_layers(d: int) -> nn.ModuleDict:
    """Layers the public codes make and never call; kept so that totals and their checkpoints agree."""
    sizes = {"item": d, "state": d, "time": d, "fuse": 3 * d}
    return nn.ModuleDict({name: nn.Linear(size, d) for name, size in sizes.items()})
