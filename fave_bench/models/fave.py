"""FAVE: flow-based average-velocity establishment for sequential recommendation, one step at inference.

Two stages over one network f(e_seq, x_t, t, r), a bidirectional Transformer over the history with RMS norms and rotary
positions, into which the state x_t and the times enter through λ ~ N(δ, δ²) (eqs. 8-10, see `flow_model`).

Stage `pretrain` (eqs. 5-14): x0 ~ N(0, I), t by mode sampling, r = 1, x_t = t x1 + (1-t) x0.
    match  MSE(f, x1)      target_ce  α CE(f Eᵀ)      source  β error of decoder(h2) against the history's items
Stage `finetune` (eqs. 15-24), item table frozen: x0 = semantic anchor prior, t ~ U(0,1), r = 1 with probability p_end,
else U(t, 1). (f, ḟ) is one forward-mode pass along (v, 1, 0).
    match, target_ce, source as below              straight  γ mean(ḟ²)
Inference: 30 Euler steps from noise after `pretrain`; after `finetune` one step from the anchor (eq. 25).

The defaults are setting `released`: what the authors' code executes, with the quirks of docs/fidelity.md. In stage 2 it
regresses f -> v = x1 - x0, takes CE and the source loss on x̂ = x_t + (1-t) f (which holds the label whenever t > 0),
and at test time returns f itself. Setting `paper` is:
    s2_param = endpoint        f -> x1 and x̂ = f (eqs. 21, 25)
    anchor = valid             k over the items, not over the left padding
    r_scale = consistent       r in the unit of t in both stages
    ce_input = f               eq. 12
    source_loss = full_norm    ‖D - A‖² of decoder(h2) in both stages (eq. 13)
    jvp_tangent = model        eq. 22's v̄ is the model's: f - x0 for an endpoint
    key_mask = on              padding takes no part
Where the paper is silent we keep the release: squares of vectors are means over d; A holds the visible prefix; two time
MLPs; x0 and v are not detached; v̄ comes from a gradient-free pass with the same λ; ρ at test is `rho_infer` (A13).

Cross-attention, gating and LayerScale are built and never run in the release (A1): 419,584 parameters without gradient,
kept so that totals (2177 V + 2,592,256) and checkpoints agree; cross_attention = on runs them.

Printed numbers: paper_tables/reference/table1_overall.csv and table2_ablation.csv, rows "FAVE".
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from fave_bench.errors import UsageError
from fave_bench.models.blocks import Attention, FeedForward, Mask, TimeEmbedding
from fave_bench.models.contract import Batch, LayerUse, linear_uses
from fave_bench.models.dropout import Dropout, DropPath, set_rate
from fave_bench.models.flow import anchor_slot, directional_derivative, point, sample_times
from fave_bench.models.flow_model import FlowConfig, FlowRecommender
from fave_bench.models.noisy_encoder import Embedded
from fave_bench.models.parts import in_turn, joined
from fave_bench.randomness import Draw

Stage = Literal["pretrain", "finetune"]


class FaveConfig(FlowConfig):
    """Fields named `finetune_...` override their namesake in stage 2; None keeps stage 1's value."""

    position: Literal["rope", "none", "learned"] = "rope"
    drop_path: float = Field(0.2, ge=0, lt=1)
    """Stochastic depth of the last block; earlier ones grow linearly from 0."""
    layer_scale: float = 1e-2
    """Initial γ of the cross-attention branch (the released `gamma_init`); acts with cross_attention = on only."""
    cross_attention: Literal["off", "on"] = "off"
    """off (released, paper): built, never run. on: as the public module would with its condition passed."""
    s2_param: Literal["velocity_infer_raw", "velocity_add_x0", "endpoint"] = "velocity_infer_raw"
    """Stage 2 trains f as a velocity and returns f (released), or x0 + f; or trains f as the endpoint (paper)."""
    anchor: Literal["left_index_bug", "valid"] = "left_index_bug"
    """Which slot the anchor is taken from: k of the padded window (released), or the k-th item (paper)."""
    prior: Literal["anchor", "gaussian"] = "anchor"
    """Start states of stage 2, training and inference; gaussian is the ablation "w/o prior"."""
    r_scale: Literal["bug", "consistent"] = "bug"
    """Stage 1's r = 1 reaches the network as 1 (released) or as 999, the unit of t."""
    ce_input: Literal["x_hat", "f"] = "x_hat"
    """What stage 2 scores the catalogue with; with an endpoint, x̂ is f."""
    jvp_tangent: Literal["data", "model"] = "data"
    """Direction of ḟ: v = x1 - x0 (released), or the model's own velocity (paper)."""
    match: Literal["on", "off"] = "on"
    """off is the ablation "w/o match": stage 2 without its matching term."""
    gamma: float = Field(0.1, ge=0)
    """Weight of the straightness loss; 0 is the ablation "w/o cons" and skips the forward-mode pass."""
    rho_train: float = Field(0.5, ge=0, le=1)
    """Share of the anchor's numbers kept (the released `train_mask_ratio`)."""
    rho_infer: float | None = Field(None, ge=0, le=1)
    """The same at inference (the released `infer_mask_ratio`); None: as in training (paper)."""
    p_end: float = Field(0.75, ge=0, le=1)
    """Probability of r = 1 in stage 2."""
    finetune_steps: int = Field(1, ge=1)
    """Euler steps at inference after stage 2."""
    finetune_alpha: float | None = Field(None, ge=0)
    """α in stage 2."""
    finetune_beta: float | None = Field(None, ge=0)
    """β in stage 2 (the released `loss_aux_weight`; stage 1's is `loss_pretrain_weight`)."""
    finetune_zero_ratio: float | None = Field(None, ge=0)
    """Zeros per one in stage 2."""
    finetune_dropout: float | None = Field(None, ge=0, lt=1)
    """Dropout in stage 2."""
    finetune_emb_dropout: float | None = Field(None, ge=0, lt=1)
    """Embedding dropout in stage 2."""


class Block(nn.Module):
    """A pre-RMS Transformer block with stochastic depth, and a gated cross-attention branch that rarely runs."""

    def __init__(self, config: FaveConfig, drop_path: float) -> None:
        super().__init__()
        d, heads, rate = config.width, config.heads, config.dropout
        window = config.window if config.position == "rope" else 0
        self.cross = config.cross_attention == "on"
        self.norm1, self.norm2, self.norm3 = (nn.RMSNorm(d, eps=1e-8) for _ in range(3))
        self.attention = Attention(d, heads, rate, rope_window=window)
        self.cross_attention = Attention(d, heads, rate, rope_window=window)
        self.feed_forward = FeedForward(d, rate)
        squeezed = max(d // 4, 8)
        self.squeeze = nn.Linear(d, squeezed, bias=False)
        self.gate_self, self.gate_cross = nn.Linear(squeezed, d, bias=False), nn.Linear(squeezed, d, bias=False)
        self.gamma = nn.Parameter(torch.full((d,), config.layer_scale))
        self.dropout, self.drop_path = Dropout(rate), DropPath(drop_path)

    def forward(self, h: Tensor, e_seq: Tensor, mask: Mask, *, last: bool) -> Tensor:
        """(B, L, d) -> (B, L, d), or (B, 1, d) when only the last slot is wanted."""
        normed = self.norm1(h)
        queries, x = (normed[:, -1:], h[:, -1:]) if last else (normed, h)
        x = x + self.drop_path(self.dropout(self.attention(queries, normed, mask)))
        if self.cross:
            x = x + self.drop_path(self.gamma * self._correction(x, e_seq, mask))
        return x + self.drop_path(self.dropout(self.feed_forward(self.norm3(x))))

    def _correction(self, x: Tensor, e_seq: Tensor, mask: Mask) -> Tensor:
        """What the gated mixture of x with attention to the clean history would change in x; the last slot gates."""
        other = self.dropout(self.cross_attention(self.norm2(x), e_seq, Mask(keys=mask.keys)))
        squeezed = self.squeeze(x[:, -1:] + other[:, -1:]).relu()
        gates = torch.stack((self.gate_self(squeezed), self.gate_cross(squeezed))).softmax(0)
        return x * gates[0] + other * gates[1] - x


class Fave(FlowRecommender):
    """FAVE, every divergence between its paper and its public code being a field of `Config`."""

    Config = FaveConfig
    config: FaveConfig
    title = "FAVE"
    stage_fields: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "finetune": (
            "s2_param", "anchor", "prior", "ce_input", "jvp_tangent", "match", "gamma", "rho_train", "rho_infer",
            "p_end",
            *(field for field in FaveConfig.model_fields if field.startswith("finetune_")),
        ),
    }  # fmt: skip
    released_root = "fave.xstart_model"
    released_stage = "finetune"
    priors: ClassVar[dict[str, dict[str, Any]]] = {
        "anchor, released": {"prior": "anchor", "anchor": "left_index_bug"},
        "anchor, paper": {"prior": "anchor", "anchor": "valid"},
    }

    def __init__(self, config: FaveConfig, num_items: int) -> None:
        rates = torch.linspace(0, config.drop_path, config.blocks).tolist()
        super().__init__(config, num_items, [Block(config, rate) for rate in rates])
        self.time_t, self.time_r = TimeEmbedding(config.width), TimeEmbedding(config.width)
        self.stage: Stage = "pretrain"

    def enter_stage(self, name: str) -> None:
        """`pretrain`, or `finetune`: freezes the item and position tables and switches objective, prior and steps."""
        if name not in ("pretrain", "finetune"):
            raise UsageError(f"FAVE trains in the stages 'pretrain' and 'finetune', not '{name}'")
        self.stage = "finetune" if name == "finetune" else "pretrain"
        self.items.requires_grad_(self.stage == "pretrain")
        self.positions.requires_grad_(self.stage == "pretrain")
        set_rate(self, self._of_stage("dropout"))
        set_rate(self.emb_dropout, self._of_stage("emb_dropout"))

    def _of_stage(self, field: str) -> float:
        override = getattr(self.config, f"finetune_{field}") if self.stage == "finetune" else None
        return float(getattr(self.config, field) if override is None else override)

    def network(
        self, e_seq: Tensor, x: Tensor, t: Tensor, r: Tensor, *, mask: Mask, noise: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """f and h2 (B, d) from e_seq (B, L, d), state x (B, d), times t and r (B,) in [0, 1], noise ε (B, L, d)."""
        t, r = t * self.time_scale, r * self.time_scale
        return self.encode(e_seq, x + self.time_t(t) + self.time_r(r - t), mask, noise)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        stage_losses = self.finetune_losses if self.stage == "finetune" else self.pretrain_losses
        return stage_losses(
            batch.history, batch.target, draw=batch.draw, lengths=batch.lengths, everyone=batch.everyone
        )

    def pretrain_losses(
        self, history: Tensor, target: Tensor, *, draw: Draw, lengths: Tensor | None = None,
        everyone: Tensor | None = None,
        x0: Tensor | None = None, t: Tensor | None = None, noise: Tensor | None = None,
    ) -> dict[str, Tensor]:  # fmt: skip
        """history (B, L), target (B,). Start x0 (B, d), times t (B,) and ε (B, L, d) are drawn where not given.

        Of a shared batch, `everyone` (W, L) are the histories of all samples, and `lengths` (W,) theirs.
        """
        everyone = history if everyone is None else everyone
        c, x1 = self.config, self.items(target)
        embedded = self.embedded(history, draw, lengths=lengths, noise=noise)
        x0 = draw.normal(*x1.shape) if x0 is None else x0
        if t is None:
            t = sample_times(len(x1), draw, law=c.time_sampler, eps=c.eps, s=c.s_mode, mean=c.logit_mean,
                             deviation=c.logit_deviation)  # fmt: skip
        r = torch.full_like(t, 1 / self.time_scale if c.r_scale == "bug" else 1.0)
        f, h2 = self._in_parts(embedded, point(x0, x1, t), t, r)
        return {
            "match": F.mse_loss(f, x1),
            "target_ce": c.alpha * self.target_error(f, target),
            "source": c.beta * self.source_error(h2, everyone, draw, zero_ratio=c.zero_ratio),
        }

    def finetune_losses(
        self, history: Tensor, target: Tensor, *, draw: Draw, lengths: Tensor | None = None,
        everyone: Tensor | None = None,
        x0: Tensor | None = None, t: Tensor | None = None, r: Tensor | None = None, noise: Tensor | None = None,
    ) -> dict[str, Tensor]:  # fmt: skip
        """As `pretrain_losses`, with the second time r (B,) and x0 from the anchor prior."""
        everyone = history if everyone is None else everyone
        c, of_stage, x1 = self.config, self._of_stage, self.items(target)
        embedded = self.embedded(history, draw, lengths=lengths, noise=noise)
        t = draw.uniform(len(x1)) if t is None else t
        r = self._second_time(t, draw) if r is None else r
        x0 = self._start(embedded, history, draw, c.rho_train) if x0 is None else x0
        x_t, v = point(x0, x1, t), x1 - x0
        f, derivative, h2 = self._with_derivative(embedded, x_t, t, r, x0, v)
        x_hat = f if c.s2_param == "endpoint" else x_t + (1 - t)[:, None] * f
        decoded = x_hat if c.source_loss == "balanced_prefix" else h2
        terms = {
            "match": F.mse_loss(f, x1 if c.s2_param == "endpoint" else v),
            "target_ce": of_stage("alpha") * self.target_error(f if c.ce_input == "f" else x_hat, target),
            "source": of_stage("beta") * self.source_error(decoded, everyone, draw, zero_ratio=of_stage("zero_ratio")),
            "straight": c.gamma * derivative.square().mean(),
        }
        absent = {"match": c.match == "off", "straight": c.gamma == 0}
        return {name: term for name, term in terms.items() if not absent.get(name)}

    def _in_parts(self, embedded: list[Embedded], x: Tensor, t: Tensor, r: Tensor) -> tuple[Tensor, Tensor]:
        """f and h2 (B, d) of the whole batch."""
        found = []
        for e in in_turn(embedded):
            rows = e.part.rows
            found.append(self.network(e.e_seq, x[rows], t[rows], r[rows], mask=e.mask, noise=e.noise))
        f, h2 = joined(found)
        return f, h2

    def _with_derivative(
        self, embedded: list[Embedded], x_t: Tensor, t: Tensor, r: Tensor, x0: Tensor, v: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """f, its derivative along (v, 1, 0) and h2; λ and dropout are drawn once for both."""

        def network(x: Tensor, now: Tensor, then: Tensor) -> tuple[Tensor, Tensor]:
            return self._in_parts(embedded, x, now, then)

        if self.config.gamma == 0:
            f, h2 = network(x_t, t, r)
            return f, torch.zeros_like(f), h2
        if self.config.jvp_tangent == "model":
            with torch.no_grad():
                f, _ = network(x_t, t, r)
            v = f - x0 if self.config.s2_param == "endpoint" else f
        return directional_derivative(network, (x_t, t, r), (v, torch.ones_like(t), torch.zeros_like(r)))

    def _second_time(self, t: Tensor, draw: Draw) -> Tensor:
        """r = 1 with probability p_end, else uniform on [t, 1]."""
        between, end = draw.uniform(len(t), 2).unbind(1)
        return torch.where(end < self.config.p_end, 1.0, t + between * (1 - t))

    def _start(self, embedded: list[Embedded], history: Tensor, draw: Draw, rho: float) -> Tensor:
        """x0 (B, d) of a training batch."""
        if self.config.prior == "gaussian":
            return draw.normal(len(history), self.config.width)
        slot, keep = self._anchor_draws(history, draw, rho)
        return torch.cat([self._at(slot[e.part.rows], e.e_seq) for e in in_turn(embedded)]) * keep

    def prior(self, e_seq: Tensor, history: Tensor, draw: Draw) -> Tensor:
        if self.stage == "pretrain" or self.config.prior == "gaussian":
            return super().prior(e_seq, history, draw)
        rho = self.config.rho_train if self.config.rho_infer is None else self.config.rho_infer
        slot, keep = self._anchor_draws(history, draw, rho)
        return self._at(slot, e_seq) * keep

    def _anchor_draws(self, history: Tensor, draw: Draw, rho: float) -> tuple[Tensor, Tensor]:
        """slot (B,), keep (B, d): the semantic anchor prior is a slot's vector, of whose numbers a share ρ is kept."""
        slot = anchor_slot(history, draw, self.config.anchor, self.config.window)
        return slot, draw.uniform(len(history), self.config.width) < rho

    def _at(self, slot: Tensor, e_seq: Tensor) -> Tensor:
        """(B, d) what e_seq (B, L, d) holds in slots counted from the end, or would hold had padding not been cut."""
        here = slot + e_seq.shape[1]
        found = e_seq.gather(1, here.clamp_min(0)[:, None, None].expand(-1, 1, e_seq.shape[-1])).squeeze(1)
        if e_seq.shape[1] == self.config.window or self.config.anchor == "valid":
            return found
        return torch.where((here < 0)[:, None], self.embed(torch.zeros_like(slot), slot), found)

    def sampler_steps(self) -> int:
        return self.config.finetune_steps if self.stage == "finetune" else self.config.steps

    def published_layers(self) -> Iterator[LayerUse]:
        yield from super().published_layers()
        if self.config.cross_attention == "on":
            steps = self.sampler_steps()
            for block in self.layers:
                assert isinstance(block, Block)
                yield from linear_uses(steps * self.config.window, block.cross_attention)
                yield from linear_uses(steps, block.squeeze, block.gate_self, block.gate_cross)

    def time_vectors(self, t: Tensor) -> Tensor:
        return self.time_t(t * self.time_scale) + self.time_r((1 - t) * self.time_scale)

    def velocity(self, f: Tensor, t: Tensor, x0: Tensor) -> Tensor:
        added = self.stage == "finetune" and self.config.s2_param == "velocity_add_x0"
        return f if added else f - x0

    @classmethod
    def released_keys(cls) -> dict[str, tuple[str, ...]]:
        root = cls.released_root
        block = f"{root}.att.transformer_blocks.*"
        keys: dict[str, tuple[str, ...]] = {
            "layers.*": (block,),
            "layers.*.squeeze": (f"{block}.se_relu",),
            "layers.*.gate_self": (f"{block}.se_weight1",),
            "layers.*.gate_cross": (f"{block}.se_weight2",),
            "layers.*.feed_forward.inner": (f"{block}.feed_forward.w_1",),
            "layers.*.feed_forward.outer": (f"{block}.feed_forward.w_2",),
        }
        keys |= {f"layers.*.norm{i}": (f"{block}.norm{i}",) for i in (1, 2, 3)}
        keys |= {f"time_{time}.{ours}": (f"{root}.{time}_time_embed.{theirs}",)
                 for time in "tr" for ours, theirs in (("inner", 0), ("outer", 2))}  # fmt: skip
        for attention in ("attention", "cross_attention"):
            keys[f"layers.*.{attention}.qkv"] = tuple(f"{block}.{attention}.linear_layers.{i}" for i in range(3))
            keys[f"layers.*.{attention}.out"] = (f"{block}.{attention}.w_layer",)
        return super().released_keys() | keys
