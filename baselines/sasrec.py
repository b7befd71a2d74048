"""SASRec: self-attentive sequential recommendation (Kang & McAuley, ICDM 2018).

Variant: the authors' TensorFlow code. Item vectors scaled by sqrt(d) plus learned positions; blocks whose queries are
normalised while keys and values are not, whose residuals add the *normalised* input, no output
projection; causal mask and key mask; a final layer norm; the unscaled table scores the result.

Loss, the declared axis of this file:
  bce  as published: -log s(pos) - log(1 - s(neg)) with one uniform negative outside the user's training items,
       averaged over slots that have a target.
  ce   full cross-entropy over all N items at the same slots ("SASRec+", Klenitskiy & Vasilev, RecSys 2023).

Deliberate deviations: an epoch is one pass over the users (the authors sample users with replacement); padded queries
are recognised by id, not by a zero sum; weights start Xavier-uniform as TensorFlow's default does.

Printed numbers: paper_tables/reference/table1_overall.csv, "SASRec" (copied by FAVE from FMRec's Table 2; the loss
behind them is not stated). Two independent users report the ce variant on Beauty near H@20 11.9 %.
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
from fave_bench.models.dropout import dropped
from fave_bench.models.negatives import UnseenItems
from fave_bench.models.parts import in_turn, split
from fave_bench.randomness import Draw


class Block(nn.Module):
    def __init__(self, d: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.rate = heads, dropout
        self.norm_query, self.norm_forward = nn.LayerNorm(d, eps=1e-8), nn.LayerNorm(d, eps=1e-8)
        self.query, self.key_value = nn.Linear(d, d), nn.Linear(d, 2 * d)
        self.inner, self.outer = nn.Linear(d, d), nn.Linear(d, d)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, Q, d) states to update are the last Q of the (B, L, d) given; mask (B, 1, Q, L) says who sees whom."""
        rows = mask.shape[2]
        query = self.norm_query(x[:, -rows:])
        key, value = self.key_value(x).chunk(2, -1)
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in (self.query(query), key, value))
        weight = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(~mask, -(2.0**31)).softmax(-1)
        attended = self._drop(weight) @ v
        x = query + attended.transpose(1, 2).flatten(2)
        x = self.norm_forward(x)
        hidden = self._drop(F.relu(self.inner(x)))
        return x + self._drop(self.outer(hidden))

    def _drop(self, x: Tensor) -> Tensor:
        return dropped(x, self.rate) if self.training else x


class SASRec(Recommender):
    class Config(MultiHeadConfig):
        """Defaults are the published ones but for the width, which presets set."""

        d: int = Field(128, ge=1)
        """Width of item vectors and states."""
        blocks: int = Field(2, ge=1)
        heads: int = Field(1, ge=1)
        dropout: float = Field(0.5, ge=0, lt=1)
        """On the input, the attention weights and both feed-forward layers."""
        loss: Literal["bce", "ce"] = "bce"

    title = "SASRec"
    means: ClassVar[Mapping[str, MeanOver]] = {"bce": "slots", "ce": "slots"}
    samples = "sequence"
    config: Config

    def __init__(self, config: Config, num_items: int) -> None:
        super().__init__(config, num_items)
        self.items = nn.Embedding(self.vocabulary, config.d, padding_idx=0)
        self.positions = nn.Parameter(torch.empty(config.window, config.d))
        self.blocks = nn.ModuleList(Block(config.d, config.heads, config.dropout) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(config.d, eps=1e-8)
        self.unseen: UnseenItems | None = None
        for weight in (p for p in self.parameters() if p.dim() > 1):
            nn.init.xavier_uniform_(weight)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)
        with torch.no_grad():
            self.items.weight[0] = 0

    @property
    def padding_free(self) -> bool:
        """Positions count from the newest slot, and padding is no key."""
        return True

    def fit(self, sequences: Sequences, split: Split) -> None:
        if self.config.loss == "bce":
            self.unseen = UnseenItems.of(sequences, split.train_start, split.train_stop).to(self.positions.device)

    def states(self, history: Tensor, *, last_only: bool = False) -> Tensor:
        """(B, L) -> (B, L, d), or (B, 1, d): the last block then works on the newest slot alone."""
        length, filled = history.shape[1], valid(history)
        x = self.items(history) * self.config.d**0.5 + self.positions[-length:]
        x = (dropped(x, self.config.dropout) if self.training else x) * filled[..., None]
        causal = torch.ones(length, length, dtype=torch.bool, device=history.device).tril()
        mask = (causal & filled[:, None, :])[:, None]  # (B, 1, L, L)
        for index, block in enumerate(self.blocks):
            rows = 1 if last_only and index == len(self.blocks) - 1 else length
            x = block(x, mask[:, :, -rows:]) * filled[:, -rows:, None]
        return self.norm(x)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        assert batch.slots is not None
        parts = split(batch.history, padding_free=True, lengths=batch.lengths, slots=batch.slots)
        state = torch.cat([self.states(part.history).flatten(0, 1)[part.slots] for part in in_turn(parts)])  # (M, d)
        target = batch.target.flatten()[batch.slots]  # (M,)
        if self.config.loss == "ce":
            return {"ce": F.cross_entropy(state @ self.items.weight[1:].T, target - 1)}
        assert self.unseen is not None, "fit() prepares the negatives"
        negative = self.unseen.draw(batch.users, self.config.window, batch.draw)
        negative = negative[:, -batch.history.shape[1] :].flatten()[batch.slots]
        margin = [(state * self.items(item)).sum(-1) for item in (target, negative)]
        return {"bce": (F.softplus(-margin[0]) + F.softplus(margin[1])).mean()}

    def user_vectors(self, history: Tensor, *, draw: Draw) -> Tensor:
        return self.states(history, last_only=True)[:, -1]

    def published_layers(self) -> Iterator[LayerUse]:
        """Every block at all slots: b 5 d² L."""
        return linear_uses(self.config.window, self.blocks)

    def item_vectors(self) -> Tensor:
        return self.items.weight
