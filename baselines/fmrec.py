"""FMRec: "Flow Matching based Sequential Recommender Model", a bidirectional encoder and 30 Euler steps.

Variant: the authors' public code, with the quirks of docs/fidelity.md (F1..F16).
  path        t = 1 is data (F8): x_t = t e_target + (1-t) ε, t by mode sampling on [0.001, 1]
  network     f(e_seq, x_t, 999 t): e_seq + λ ⊙ (x_t + τ) through four pre-LN blocks, x + drop(MHA(LN x)),
              x + drop(FFN(LN x)), then dropout on the block's output; LN; last slot. No positions (F2), bidirectional
              although the paper says unidirectional (F3), padding attended (F4).
  loss        MSE(f, e_target) + α CE(f Eᵀ, target) + β balanced MSE(decoder(h2), history). The target vector is not
              detached; both squares are means, over d and over B·V (F5, F6).
  sampling    x <- x + (f - x0) / 30 from the fixed start x0 ~ N(0, I): the mean of 30 predictions (F1).

Deliberate deviations: the decoder is not run while sampling unless asked (F9, no effect on the result); sampled cells
are drawn on the device. Dead layers of the public code are kept (F16), so totals agree: 2177 V + 2,147,200.

Switches the paper needs: prediction = v (its Table 3), path = cosine, position, key_mask, source_loss. Where it is
silent: with v-prediction the cross-entropy is taken on the endpoint that v implies, and the sampler integrates v.

Printed numbers: paper_tables/reference/fmrec_table2_overall.csv, row "FMRec" (ML-100k H@20 24.31, Beauty H@20 11.63),
copied by FAVE's Table 1; v-prediction in fmrec_table3_v_prediction.csv.
"""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from fave_bench.models.blocks import Mask, PreNormBlock, TimeEmbedding
from fave_bench.models.contract import Batch
from fave_bench.models.flow import Path, endpoint, point, sample_times, velocity
from fave_bench.models.flow_model import FlowConfig, FlowRecommender
from fave_bench.models.parts import in_turn, joined
from fave_bench.randomness import Draw


class FMRecConfig(FlowConfig):
    prediction: Literal["x1", "v"] = "x1"
    """What the network regresses: the target vector (released, the paper's choice) or the velocity (its Table 3)."""
    path: Path = "linear"
    """x_t = t x1 + (1-t) x0 (released), or sin(πt/2) x1 + cos(πt/2) x0."""


class FMRec(FlowRecommender):
    """FMRec as released, with the paper's alternatives behind switches."""

    Config = FMRecConfig
    config: FMRecConfig
    title = "FMRec"
    released_root = "fm.xstart_model"

    def __init__(self, config: FMRecConfig, num_items: int) -> None:
        window = config.window if config.position == "rope" else 0
        blocks: list[nn.Module] = [
            PreNormBlock(config.width, config.heads, config.dropout, rope_window=window) for _ in range(config.blocks)
        ]
        super().__init__(config, num_items, blocks)
        self.time = TimeEmbedding(config.width)

    def network(
        self, e_seq: Tensor, x: Tensor, t: Tensor, *, mask: Mask, noise: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """f (B, d) and h2 (B, d) from e_seq (B, L, d), state x (B, d), time t (B,) in [0, 1], noise ε (B, L, d)."""
        return self.encode(e_seq, x + self.time(t * self.time_scale), mask, noise)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        return self.flow_losses(
            batch.history, batch.target, draw=batch.draw, lengths=batch.lengths, everyone=batch.everyone
        )

    def flow_losses(
        self, history: Tensor, target: Tensor, *, draw: Draw, lengths: Tensor | None = None,
        everyone: Tensor | None = None,
        x0: Tensor | None = None, t: Tensor | None = None, noise: Tensor | None = None,
    ) -> dict[str, Tensor]:  # fmt: skip
        """history (B, L), target (B,). What is not given (start x0 (B, d), times t (B,), ε (B, L, d)) is drawn.

        Of a shared batch, `everyone` (W, L) are the histories of all samples, and `lengths` (W,) theirs.
        """
        everyone = history if everyone is None else everyone
        c = self.config
        x1 = self.items(target)
        x0 = draw.normal(*x1.shape) if x0 is None else x0
        if t is None:
            t = sample_times(len(x1), draw, law=c.time_sampler, eps=c.eps, s=c.s_mode, mean=c.logit_mean,
                             deviation=c.logit_deviation)  # fmt: skip
        x_t = point(x0, x1, t, c.path)
        embedded = self.embedded(history, draw, lengths=lengths, noise=noise)
        f, h2 = joined(
            [
                self.network(e.e_seq, x_t[e.part.rows], t[e.part.rows], mask=e.mask, noise=e.noise)
                for e in in_turn(embedded)
            ]
        )
        goal, x_hat = (x1, f) if c.prediction == "x1" else (velocity(x0, x1, t, c.path), endpoint(x_t, f, t, c.path))
        return {
            "match": F.mse_loss(f, goal),
            "target_ce": c.alpha * self.target_error(x_hat, target),
            "source": c.beta * self.source_error(h2, everyone, draw, zero_ratio=c.zero_ratio),
        }

    def time_vectors(self, t: Tensor) -> Tensor:
        return self.time(t * self.time_scale)

    def velocity(self, f: Tensor, t: Tensor, x0: Tensor) -> Tensor:
        return f if self.config.prediction == "v" else velocity(x0, f, t, self.config.path)

    @classmethod
    def released_keys(cls) -> dict[str, tuple[str, ...]]:
        root = cls.released_root
        block = f"{root}.att.transformer_blocks.*"
        return super().released_keys() | {
            "time.inner": (f"{root}.time_embed.0",),
            "time.outer": (f"{root}.time_embed.2",),
            "layers.*.attention.qkv": tuple(f"{block}.attention.linear_layers.{i}" for i in range(3)),
            "layers.*.attention.out": (f"{block}.attention.w_layer",),
            "layers.*.feed_forward.inner": (f"{block}.feed_forward.w_1",),
            "layers.*.feed_forward.outer": (f"{block}.feed_forward.w_2",),
            "layers.*.norm_attention": (f"{block}.input_sublayer.norm",),
            "layers.*.norm_forward": (f"{block}.output_sublayer.norm",),
        }
