"""GRU4Rec: a recurrent network over the session (Hidasi et al., ICLR 2016), in the form RecBole gives it.

Variant: RecBole's. Item vectors with dropout, one GRU layer without biases, a dense layer back to the items' width,
scores by inner product with the same item table. This is not the published method, which trains session-parallel
mini-batches with a ranking loss on sampled items and has neither dense layer nor tied table; the method's first author
warns that such re-implementations differ, so read the row as "GRU4Rec, RecBole-style, full cross-entropy".

Loss: full cross-entropy over all V = N + 1 rows of the table, row 0 (padding) included, on every prefix.

Deliberate deviations: histories are left-padded here, so the last state is read and not the one at the length. Leading
padding is a zero vector, which a GRU without biases maps from state 0 to state 0, exactly; RecBole's right padding is
ignored by its gather: same states. The dense layer is applied to that one state, not to all L.

Printed numbers: paper_tables/reference/table1_overall.csv, "GRU4Rec" (H@20: ML-100k 21.85, Beauty 3.85, Steam 9.23),
copied by FAVE from FMRec's Table 2, whose variant and settings are not stated. Full cross-entropy should be well above
the Beauty figure.
"""

from collections.abc import Iterator, Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from fave_bench.data.windows import lengths, right_padded, valid
from fave_bench.models.contract import Batch, LayerUse, MeanOver, ModelConfig, Recommender, linear_uses
from fave_bench.models.dropout import Dropout
from fave_bench.randomness import Draw


class GRU4Rec(Recommender):
    class Config(ModelConfig):
        """Defaults are RecBole's but for the item width, which presets set for all systems alike."""

        d: int = Field(128, ge=1)
        """Width of item vectors (e in the parameter count; RecBole's default is 64)."""
        hidden: int = Field(128, ge=1)
        """Width of the recurrent state."""
        dropout: float = Field(0.3, ge=0, lt=1)
        """On the item vectors that enter the GRU."""

    title = "GRU4Rec"
    means: ClassVar[Mapping[str, MeanOver]] = {"ce": "samples"}
    samples = "prefix"
    config: Config

    def __init__(self, config: Config, num_items: int) -> None:
        super().__init__(config, num_items)
        self.items = nn.Embedding(self.vocabulary, config.d)
        self.dropout = Dropout(config.dropout)
        self.gru = nn.GRU(config.d, config.hidden, bias=False, batch_first=True)
        self.dense = nn.Linear(config.hidden, config.d)
        nn.init.xavier_normal_(self.items.weight)
        for weight in self.gru.parameters():
            nn.init.xavier_uniform_(weight)

    @property
    def padding_free(self) -> bool:
        """A GRU without biases keeps the state 0 over leading padding, which is a zero vector."""
        return True

    def last_state(self, history: Tensor) -> Tensor:
        """(B, L) -> (B, hidden): the state after the newest item."""
        if self.training and history.device.type == "cpu":
            return self._last_state_packed(history)
        x = self.dropout(self.items(history)) * valid(history)[..., None]  # (B, L, d)
        state: Tensor = self.gru(x)[1]
        return state[0]

    def _last_state_packed(self, history: Tensor) -> Tensor:
        """The same, stepping over items only. Needs the lengths on the host, so it is for a CPU's long passes.

        torch's own steps over packed items are not used: each leaves a gradient as large as all of them together.
        """
        x = self.dropout(self.items(right_padded(history)))
        packed = pack_padded_sequence(x, lengths(history), batch_first=True, enforce_sorted=False)
        x_weight, h_weight = self.gru.parameters()
        hidden = self.config.hidden
        state, over = x.new_zeros(len(x), hidden), list[Tensor]()
        for given in F.linear(packed.data, x_weight).split(packed.batch_sizes.tolist()):
            state, ended = state.split([len(given), len(state) - len(given)])  # the longest histories come first
            over.append(ended)
            x_gates, x_new = given.split([2 * hidden, hidden], 1)
            h_gates, h_new = F.linear(state, h_weight).split([2 * hidden, hidden], 1)
            reset, update = (x_gates + h_gates).sigmoid().chunk(2, 1)
            candidate = torch.addcmul(x_new, reset, h_new).tanh()
            state = torch.lerp(candidate.type_as(state), state, update.type_as(state))  # the state stays fp32 in bf16
        return torch.cat([state, *reversed(over)])[packed.unsorted_indices]

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        return {"ce": F.cross_entropy(self.scores(batch.history, draw=batch.draw), batch.target)}

    def user_vectors(self, history: Tensor, *, draw: Draw) -> Tensor:
        return self.dense(self.last_state(history))

    def published_layers(self) -> Iterator[LayerUse]:
        """The dense layer after every slot: L 3 h (e + h) + L h e."""
        yield from (LayerUse(weight, self.config.window) for weight in self.gru.parameters())
        yield from linear_uses(self.config.window, self.dense)

    def item_vectors(self) -> Tensor:
        return self.items.weight
