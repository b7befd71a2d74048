"""BERT4Rec: a bidirectional Transformer that fills in hidden items (Sun et al., CIKM 2019).

Variant: RecBole's network. V + 1 item rows (row V is MASK) plus learned positions counted from the oldest visible item,
layer norm, dropout; post-norm Transformer blocks with a 4d feed-forward (GELU, erf form); every item sees every item,
padding is hidden from all. Head: Linear, GELU, layer norm, the tied table's first V rows, a bias per item.

Loss: cross-entropy over all V = N + 1 items (row 0 included) at hidden slots only, averaged over them.

Samples, where this file departs from RecBole on purpose: it masks prefix-expanded histories, so that no user's last
training item is ever seen and early items are seen many times. Here a user gives the fewest windows that hold the whole
training list, the last item included (the authors' code slides windows too, and copies each ten times; here epochs do
that). In a window, with probability `last_only` just the last item is hidden, the question of the test; otherwise
round(`mask_ratio` n) of its n items, at least one (the authors' count; RecBole hides each slot independently, never
scores slot 0 and drops what exceeds its cap).

Inference: MASK is appended and its slot read. Switch `drop_first`:
  public  RecBole's code: the oldest item is dropped to make room even where there is room, so a history of one item
          becomes MASK alone.
  never   the paper: only what does not fit is dropped.

Further deviations: at inference the last block and the head work on the MASK slot alone. Training stops on validation;
short training is the usual failure of this model (Petrov & Macdonald, RecSys 2022), so presets are patient.

Printed numbers: paper_tables/reference/table1_overall.csv, "BERT4Rec" (H@20: ML-100k 16.86, Beauty 5.79, Steam 12.73),
copied by FAVE from FMRec's Table 2. They lie below SASRec's, which fits an under-trained run.
"""

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from fave_bench.data.windows import item_slot, lengths, valid
from fave_bench.models.contract import Batch, LayerUse, MeanOver, MultiHeadConfig, Recommender, linear_uses
from fave_bench.models.dropout import Dropout
from fave_bench.models.parts import Part, in_turn, joined, split
from fave_bench.randomness import Draw
from fave_bench.shares import mine, working_on

HIDDEN = -1e4
"""Added to a padded key's score; its weight is 0 in float32."""
IGNORED = -100
"""The target of a row that only fills up to a size known without asking the device."""


class Block(nn.Module):
    """Post-norm: x = LN(x + drop(attention)), x = LN(x + drop(feed-forward))."""

    def __init__(self, d: int, heads: int, dropout: float, attention_dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key_value, self.output = nn.Linear(d, d), nn.Linear(d, 2 * d), nn.Linear(d, d)
        self.inner, self.outer = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)
        self.norm_attention, self.norm_forward = nn.LayerNorm(d, eps=1e-12), nn.LayerNorm(d, eps=1e-12)
        self.dropout, self.dropout_attention = Dropout(dropout), Dropout(attention_dropout)

    def forward(self, x: Tensor, keys: Tensor, queries: int) -> Tensor:
        """(B, L, d), (B, 1, 1, L) added to scores -> (B, queries, d): the last `queries` slots, updated."""
        updated, split = x[:, -queries:], (self.heads, -1)
        key, value = self.key_value(x).chunk(2, -1)
        q, k, v = (t.unflatten(-1, split).transpose(1, 2) for t in (self.query(updated), key, value))
        weight = (q @ k.mT / q.shape[-1] ** 0.5 + keys).softmax(-1)  # (B, heads, queries, L)
        attended = (self.dropout_attention(weight) @ v).transpose(1, 2).flatten(2)
        updated = self.norm_attention(updated + self.dropout(self.output(attended)))
        return self.norm_forward(updated + self.dropout(self.outer(F.gelu(self.inner(updated)))))


class BERT4Rec(Recommender):
    class Config(MultiHeadConfig):
        """Defaults are RecBole's but for the width, which presets set for all systems alike."""

        d: int = Field(128, ge=1)
        """Width of item vectors and states (RecBole's default is 64)."""
        blocks: int = Field(2, ge=1)
        heads: int = Field(2, ge=1)
        dropout: float = Field(0.2, ge=0, lt=1)
        """On the input and on both branches of a block."""
        attention_dropout: float = Field(0.2, ge=0, lt=1)
        """On the attention weights."""
        mask_ratio: float = Field(0.2, gt=0, lt=1)
        """Share of a window's items that is hidden."""
        last_only: float = Field(0.5, ge=0, le=1)
        """Probability that a window hides its last item and nothing else."""
        drop_first: Literal["public", "never"] = "public"
        """Whether the oldest visible item is dropped at inference although it fits."""

    title = "BERT4Rec"
    means: ClassVar[Mapping[str, MeanOver]] = {"ce": "everything"}
    samples = "windows"
    config: Config

    def __init__(self, config: Config, num_items: int) -> None:
        super().__init__(config, num_items)
        d = config.d
        self.mask_id = self.vocabulary
        self.items = nn.Embedding(self.vocabulary + 1, d)
        self.positions = nn.Embedding(config.window, d)
        self.norm, self.dropout = nn.LayerNorm(d, eps=1e-12), Dropout(config.dropout)
        self.blocks = nn.ModuleList(
            Block(d, config.heads, config.dropout, config.attention_dropout) for _ in range(config.blocks)
        )
        self.head, self.head_norm = nn.Linear(d, d), nn.LayerNorm(d, eps=1e-12)
        self.bias = nn.Parameter(torch.zeros(self.vocabulary))
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def states(self, history: Tensor, *, last_only: bool = False) -> Tensor:
        """(B, L) ids, some of them MASK -> (B, L, d), or (B, 1, d): the last slot's alone."""
        length = history.shape[1]
        oldest = length - lengths(history)[:, None]
        position = (torch.arange(length, device=history.device) - oldest).clamp_min(0)
        x = self.dropout(self.norm(self.items(history) + self.positions(position)))
        keys = torch.where(valid(history), 0.0, HIDDEN)[:, None, None, :]
        for index, block in enumerate(self.blocks):
            x = block(x, keys, 1 if last_only and index == len(self.blocks) - 1 else length)
        return x

    def answer(self, state: Tensor) -> Tensor:
        """(..., d) -> (..., d): the head before the table."""
        return self.head_norm(F.gelu(self.head(state)))

    def hidden_slots(self, history: Tensor, draw: Draw) -> Tensor:
        """(B, L) bool: the slots of this step's cloze test."""
        count = (self.config.mask_ratio * lengths(history)).round().clamp_min(1)[:, None]
        chance = draw.uniform(len(history), self.config.window)[:, -history.shape[1] :]
        order = chance.masked_fill(~valid(history), 2.0).argsort(1).argsort(1)
        last = torch.arange(history.shape[1], device=history.device) == history.shape[1] - 1
        return torch.where(draw.uniform(len(history), 1) < self.config.last_only, last, order < count)

    @property
    def padding_free(self) -> bool:
        """Positions count from the oldest visible item, and padding is no key."""
        return True

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        with working_on(None):  # the mean is over the hidden slots of all samples
            everybodys = self.hidden_slots(batch.history if batch.everyone is None else batch.everyone, batch.draw)
        hidden = mine(everybodys)
        parts = split(batch.history, padding_free=True, lengths=batch.lengths)
        states, target = joined([self._cloze(part, part.cut(hidden)) for part in in_turn(parts)])
        logits = F.linear(self.answer(states), self.item_vectors(), self.bias)
        total = F.cross_entropy(logits, target, ignore_index=IGNORED, reduction="sum")
        return {"ce": total / everybodys.sum()}

    def _cloze(self, part: Part, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """States (m, d) and items (m,) of the hidden slots; m is a bound, and what lies beyond them is `IGNORED`."""
        most = int(self.config.mask_ratio * part.most) + len(hidden)  # a row hides round(ρn) or 1, at most ρn + 1
        slots = torch.nonzero_static(hidden.flatten(), size=most, fill_value=-1).squeeze(1)
        target = torch.where(slots < 0, IGNORED, part.history.flatten()[slots])
        return self.states(part.history.masked_fill(hidden, self.mask_id)).flatten(0, 1)[slots], target

    def question(self, history: Tensor) -> Tensor:
        """(B, L) -> (B, L), or one slot more where it fits the window: the history with MASK after it."""
        if self.config.drop_first == "public":
            oldest = item_slot(history, torch.zeros_like(history[:, 0])).clamp_max(history.shape[1] - 1)
            history = history.scatter(1, oldest[:, None], 0)
        return F.pad(history, (0, 1), value=self.mask_id)[:, -self.config.window :]

    def user_vectors(self, history: Tensor, *, draw: Draw) -> Tensor:
        return self.answer(self.states(self.question(history), last_only=True)[:, 0])

    def published_layers(self) -> Iterator[LayerUse]:
        """Blocks and head at all slots: n 12 d² L + d² L."""
        return linear_uses(self.config.window, self.blocks, self.head)

    def item_vectors(self) -> Tensor:
        return self.items.weight[: self.vocabulary]

    def catalogue_scores(self, vectors: Tensor) -> Tensor:
        return F.linear(vectors, self.item_vectors(), self.bias)
