"""STOSA: stochastic self-attention, items as Gaussians (Fan et al., WWW 2022).

Variant: the authors' public code (DistSAModel). An item is a mean μ and a diagonal covariance Σ, two streams of d
numbers; distances are squared 2-Wasserstein, W² = ‖μ_a - μ_b‖² + ‖√Σ_a - √Σ_b‖².
  input       mean = ELU(drop(LN(e^μ + p^μ))),  cov = ELU(drop(LN(e^Σ + p^Σ))) + 1, one LN for both
  attention   A = softmax(-W²(q, k) / √d_head), causal, keys masked; mean context A V^μ, covariance context A² V^Σ;
              output Linear, dropout, residual, one LN for both streams
  forward     per stream d -> 4d -> d with ELU, dropout, residual, LN; the covariance once more through ELU + 1
  items       raw μ, ELU(Σ) + 1: the sequence's mean is at least -1, the items' is not
  loss        one uniform negative a slot, D = W², both terms averaged over the slots s that have a target:
              bpr -log σ(D(s, neg) - D(s, pos)),   margin  w [D(s, pos) - D(pos, neg)]₊
  ranking     by ascending D(s, item), from the last slot

The quirk that matters, switch mean_stream:
  public      the encoder stores a layer's mean under a misspelt name and goes on with its input: the mean that comes
              out is the input vector of that very slot. At the last slot it depends on the last item alone; context
              enters by the covariance only. The mean's value, output and forward weights never get a gradient.
  fixed       the mean is passed on, as the paper has it.

Deliberate deviations: the public code's table row for a mask item and its per-user margins are left out, as neither is
ever used (2 d + U numbers less); -log σ is computed as softplus; √ of an input below 1e-24 is √1e-24.
Negatives avoid the user's whole sequence as published, validation and test item included; `negatives = train` does not
look there.

Printed numbers: paper_tables/reference/table1_overall.csv, row "STOSA" (Beauty H@20 9.10; FAVE copied it from FMRec's
Table 2, and no single run can give its ML-100k row: NDCG grows too fast between 10 and 20).
"""

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import Split
from fave_bench.data.windows import valid
from fave_bench.models.contract import Batch, LayerUse, MeanOver, MultiHeadConfig, Recommender, linear_uses
from fave_bench.models.dropout import Dropout
from fave_bench.models.negatives import UnseenItems
from fave_bench.models.parts import Part, in_turn, split
from fave_bench.randomness import Draw

LEAST_VARIANCE = 1e-24
HIDDEN = -(2.0**31)


def positive(x: Tensor) -> Tensor:
    """ELU(x) + 1, the map onto variances."""
    return F.elu(x) + 1


def deviation(variance: Tensor) -> Tensor:
    """√Σ, with a finite slope at 0."""
    return variance.clamp_min(LEAST_VARIANCE).sqrt()


def joined(mean: Tensor, variance: Tensor) -> Tensor:
    """(..., d) twice -> (..., 2d): the vectors whose squared Euclidean distance is W²."""
    return torch.cat((mean, deviation(variance)), -1)


class Stream(nn.Module):
    """One stream's weights in a layer."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(d, d) for _ in range(4))
        self.inner, self.outer = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)
        self.norm = nn.LayerNorm(d, eps=1e-12)


class Layer(nn.Module):
    """Attention between Gaussians and two feed-forward networks."""

    def __init__(self, d: int, heads: int, dropout: float, attention_dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.mean, self.cov = Stream(d), Stream(d)
        self.norm = nn.LayerNorm(d, eps=1e-12)
        self.dropout, self.attention_dropout = Dropout(dropout), Dropout(attention_dropout)

    def forward(self, mean: Tensor, cov: Tensor, mask: Tensor, *, with_mean: bool) -> tuple[Tensor, Tensor]:
        """(B, L, d) twice -> the last Q slots of both, mask (B, 1, Q, L). Without the mean, it returns as it came."""
        rows = mask.shape[2]
        weight = self.attention_dropout(self.attention(mean, cov, mask))
        spread = weight.square() @ self._split(positive(self.cov.value(cov)))
        cov = positive(self._finish(self.cov, cov[:, -rows:], spread))
        if with_mean:
            return self._finish(self.mean, mean[:, -rows:], weight @ self._split(self.mean.value(mean))), cov
        return mean[:, -rows:], cov

    def attention(self, mean: Tensor, cov: Tensor, mask: Tensor) -> Tensor:
        """(B, heads, Q, L) softmax of -W² / √d_head; ‖q‖² is the same for all keys and drops out."""
        rows = mask.shape[2]
        query = self._joined_heads(self.mean.query(mean[:, -rows:]), self.cov.query(cov[:, -rows:]))
        key = self._joined_heads(self.mean.key(mean), self.cov.key(cov))  # (B, heads, L, 2 d_head)
        nearness = 2 * query @ key.mT - key.square().sum(-1).unsqueeze(-2)
        return (nearness / (key.shape[-1] / 2) ** 0.5).masked_fill(~mask, HIDDEN).softmax(-1)

    def _joined_heads(self, mean: Tensor, cov: Tensor) -> Tensor:
        return joined(self._split(mean), self._split(positive(cov)))

    def _split(self, x: Tensor) -> Tensor:
        """(B, L, d) -> (B, heads, L, d_head)"""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def _finish(self, stream: Stream, x: Tensor, context: Tensor) -> Tensor:
        x = self.norm(x + self.dropout(stream.out(context.transpose(1, 2).flatten(2))))
        return stream.norm(x + self.dropout(stream.outer(F.elu(stream.inner(x)))))


class STOSA(Recommender):
    class Config(MultiHeadConfig):
        """Defaults are the public README's for Beauty but for the width, which presets set."""

        d: int = Field(128, ge=1)
        """Width of each stream."""
        layers: int = Field(1, ge=1)
        """n, attention and feed-forward in each."""
        heads: int = Field(4, ge=1)
        """Attention heads, each with its share of both streams."""
        dropout: float = Field(0.3, ge=0, lt=1)
        """On the input and on every sublayer's output."""
        attention_dropout: float = Field(0.0, ge=0, lt=1)
        """On the attention weights A."""
        margin_weight: float = Field(0.005, ge=0)
        """w, of the term that keeps positive and negative items apart."""
        mean_stream: Literal["public", "fixed"] = "public"
        """public: a layer's mean is lost, the input's is returned. fixed: it is passed on."""
        negatives: Literal["all", "train"] = "all"
        """Which of the user's items are no negatives: the whole sequence (public), or its training part."""

    title = "STOSA"
    means: ClassVar[Mapping[str, MeanOver]] = {"bpr": "slots", "margin": "slots"}
    samples = "sequence"
    config: Config

    def __init__(self, config: Config, num_items: int) -> None:
        super().__init__(config, num_items)
        c, d = config, config.d
        self.item_mean, self.item_cov = (nn.Embedding(self.vocabulary, d, padding_idx=0) for _ in range(2))
        self.position_mean, self.position_cov = (nn.Embedding(c.window, d) for _ in range(2))
        self.norm, self.dropout = nn.LayerNorm(d, eps=1e-12), Dropout(c.dropout)
        self.layers = nn.ModuleList(Layer(d, c.heads, c.dropout, c.attention_dropout) for _ in range(c.layers))
        self.unseen: UnseenItems | None = None
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, 0.01, 0.02)  # as published: the padding rows too, which then stay
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    @property
    def padding_free(self) -> bool:
        """Positions count from the newest slot, and padding is no key."""
        return True

    def fit(self, sequences: Sequences, split: Split) -> None:
        start, stop = sequences.offsets[:-1], sequences.offsets[1:]
        if self.config.negatives == "train":
            start, stop = split.train_start, split.train_stop
        self.unseen = UnseenItems.of(sequences, start, stop).to(self.item_mean.weight.device)

    def embed(self, history: Tensor) -> tuple[Tensor, Tensor]:
        """(B, L) -> the input's mean and covariance, (B, L, d) each."""
        mean = self.item_mean(history) + self.position_mean.weight[-history.shape[1] :]
        cov = self.item_cov(history) + self.position_cov.weight[-history.shape[1] :]
        return F.elu(self.dropout(self.norm(mean))), positive(self.dropout(self.norm(cov)))

    def states(self, history: Tensor, *, last_only: bool = False) -> tuple[Tensor, Tensor]:
        """(B, L) -> mean and covariance, (B, L, d) each, or (B, 1, d): the last layer then has one query."""
        length, fixed = history.shape[1], self.config.mean_stream == "fixed"
        mean, cov = self.embed(history)
        causal = torch.ones(length, length, dtype=torch.bool, device=history.device).tril()
        mask = (causal & valid(history)[:, None, :])[:, None]  # (B, 1, L, L)
        for index, layer in enumerate(self.layers, 1):
            rows = 1 if last_only and index == len(self.layers) else length
            mean, cov = layer(mean, cov, mask[:, :, -rows:], with_mean=fixed)
        return mean, cov

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        assert batch.slots is not None and self.unseen is not None, "fit() prepares the negatives"
        negative = self.unseen.draw(batch.users, self.config.window, batch.draw)[:, -batch.history.shape[1] :]
        return self.ranking_losses(batch.history, batch.target, negative, batch.slots, lengths=batch.lengths)

    def ranking_losses(
        self, history: Tensor, target: Tensor, negative: Tensor, slots: Tensor, *, lengths: Tensor | None = None
    ) -> dict[str, Tensor]:
        """history, target and negative (B, L); slots (M,) flat positions that have a target."""
        parts = split(history, padding_free=True, lengths=lengths, slots=slots)
        state = torch.cat([self._gaussians(part) for part in in_turn(parts)])  # (M, 2d)
        wanted, other = (self.items(ids.flatten()[slots]) for ids in (target, negative))
        pairs = (state, wanted), (state, other), (wanted, other)
        near, far, apart = ((a - b).square().sum(-1) for a, b in pairs)  # W², (M,) each
        return {"bpr": F.softplus(near - far).mean(), "margin": self.config.margin_weight * F.relu(near - apart).mean()}

    def _gaussians(self, part: Part) -> Tensor:
        """(m, 2d) the states of a part's slots."""
        return joined(*(stream.flatten(0, 1)[part.slots] for stream in self.states(part.history)))

    def items(self, ids: Tensor) -> Tensor:
        """(...) ids -> (..., 2d), mean and deviation."""
        return joined(self.item_mean(ids), positive(self.item_cov(ids)))

    def user_vectors(self, history: Tensor, *, draw: Draw) -> Tensor:
        """(B, L) -> (B, 2d), mean and deviation of the last slot."""
        return joined(*(stream[:, -1] for stream in self.states(history, last_only=True)))

    def published_layers(self) -> Iterator[LayerUse]:
        """Both streams at all slots, the lost mean included: n 24 d² L."""
        return linear_uses(self.config.window, self.layers)

    def item_vectors(self) -> Tensor:
        """(V, 2d)"""
        return joined(self.item_mean.weight, positive(self.item_cov.weight))

    def catalogue_scores(self, vectors: Tensor) -> Tensor:
        """-W², as matrix products."""
        item = self.item_vectors()
        return 2 * vectors @ item.T - item.square().sum(-1) - vectors.square().sum(-1, keepdim=True)
