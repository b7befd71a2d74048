"""AutoSeqRec: autoencoders over who-has-what and what-follows-what (Liu et al., CIKM 2023).

Variant: the authors' public code, future-interaction-prediction. R (U, N) holds 1 where a user has an item, S (N, N)
the number of users in whose sequence item j came right after item i. One encoder, Linear N -> D, dropout, ReLU, reads
rows of R, S and Sᵀ; three decoders D -> N rebuild them: source (rows of S: dropout, ReLU), target (rows of Sᵀ: the
same) and user (rows of R: sigmoid). Dropout comes before the activation, on the N outputs too.
  loss     source, target, user: mean squared error over all cells of the rebuilt rows
  score    of item j for user u with last item l, weights b, i and 1 - b - i (public: 0.2, 0.2, 0.6):
           b (E(S_l) ⊙ E(R_u)) · E(Sᵀ_j) + i Source(E(S_l))_j + (1 - b - i) User(E(R_u))_j
Nothing but the last item is sequential. 4 N D + D + 3 N parameters.

The published protocol is another one: a global split by time, and every test event is fed back into R and S before the
next is predicted. Here, leave-one-out: R and S come from the training items; a user's row is completed by the history
given at evaluation, so that at test it holds the validation item; S stays as trained, no other user's held-out item is
ever looked at; each user is scored once. Expect less than published.

Protocol `released` is meaningless for this model: the user decoder rebuilds the history and so ranks seen items first.
The public code removes them before ranking; read the `filtered` numbers.

Deliberate deviations: a step takes a batch of users and as many rows of S and of Sᵀ, uniform with replacement, and
descends the sum of the three losses (published: one task a batch, batches fixed once); one Adam with four learning
rates, as factors on the stage's, in place of four Adams; padding, which the public code does not have, scores -1, below
all items. Sparse throughout: rows become dense a batch at a time.

Printed numbers: paper_tables/reference/table1_overall.csv, row "AutoSeqRec". Not reproducible here: its ML-100k row is
k/9929, that is measured on the 9,929 events of the model's own split by time, and its Beauty row is no single run's.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from scipy import sparse
from torch import Tensor, nn

from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import Split
from fave_bench.models.contract import Batch, LayerUse, MeanOver, ModelConfig, Recommender, linear_uses
from fave_bench.models.dropout import Dropout
from fave_bench.models.sparse_rows import SparseRows
from fave_bench.randomness import Draw, UserDraw

PADDING_SCORE = -1.0


def training_items(sequences: Sequences, split: Split) -> tuple[Any, Any]:
    """Users (A,) and items (A,) of all training positions, in order."""
    training = split.trained(sequences)
    return sequences.owner[training], sequences.items[training].astype(np.int64)


def user_rows(users: Any, items: Any, num_users: int, vocabulary: int) -> Any:
    """R (U, V): 1 where a user has an item in training."""
    matrix = sparse.csr_array((np.ones(len(users), np.float32), (users, items)), shape=(num_users, vocabulary))
    matrix.data[:] = 1
    return matrix


def transition_rows(users: Any, items: Any, vocabulary: int) -> Any:
    """S (V, V): in how many users' training sequences item j comes right after item i; once a user, however often."""
    same = users[1:] == users[:-1]
    pairs = np.unique((users[:-1] * vocabulary + items[:-1])[same] * vocabulary + items[1:][same])
    before, after = pairs // vocabulary % vocabulary, pairs % vocabulary
    return sparse.csr_array((np.ones(len(pairs), np.float32), (before, after)), shape=(vocabulary, vocabulary))


class AutoSeqRec(Recommender):
    class Config(ModelConfig):
        """Defaults are the public code's; of the window, only items the training row lacks and the last one matter."""

        width: int = Field(256, ge=1)
        """D."""
        encoder_dropout: float = Field(0.3, ge=0, lt=1)
        """Before the encoder's ReLU."""
        decoder_dropout: float = Field(0.2, ge=0, lt=1)
        """Of the source and target decoders; the user decoder has none."""
        weight_both: float = Field(0.2, ge=0, le=1)
        """b, of the product of the user's and the last item's encodings."""
        weight_item: float = Field(0.2, ge=0, le=1)
        """i, of the source decoder; the user decoder gets what is left."""
        encoder_rate: float = Field(1e-2, gt=0)
        """Factor on the stage's learning rate; times 0.001, the public 1e-5."""
        source_rate: float = Field(10.0, gt=0)
        """As published: 0.01."""
        target_rate: float = Field(1e-2, gt=0)
        """As published: 1e-5."""
        user_rate: float = Field(1.0, gt=0)
        """As published: 0.001."""

    title = "AutoSeqRec"
    means: ClassVar[Mapping[str, MeanOver]] = {"source": "samples", "target": "samples", "user": "samples"}
    samples = "sequence"
    config: Config
    owned: SparseRows
    following: SparseRows
    preceding: SparseRows

    def __init__(self, config: Config, num_items: int) -> None:
        super().__init__(config, num_items)
        self.encoder = nn.Linear(num_items, config.width)
        self.source, self.target, self.user = (nn.Linear(config.width, num_items) for _ in range(3))
        self.encoder_dropout, self.decoder_dropout = Dropout(config.encoder_dropout), Dropout(config.decoder_dropout)
        self._graph: tuple[Tensor, Tensor] | None = None

    def fit(self, sequences: Sequences, split: Split) -> None:
        users, items = training_items(sequences, split)
        transitions = transition_rows(users, items, self.vocabulary)
        # one row more, of nothing: of a newcomer, who is numbered after all users
        self.owned = SparseRows(user_rows(users, items, sequences.num_users + 1, self.vocabulary))
        self.following, self.preceding = SparseRows(transitions), SparseRows(transitions.T.tocsr())
        self.to(self.encoder.weight.device)

    def learning_rate_factors(self) -> dict[str, float]:
        c = self.config
        return {"encoder": c.encoder_rate, "source": c.source_rate, "target": c.target_rate, "user": c.user_rate}

    def train(self, mode: bool = True) -> "AutoSeqRec":
        """Also forgets the encoded graph, which is kept only while nothing is trained."""
        self._graph = None
        return super().train(mode)

    def encode(self, rows: Tensor) -> Tensor:
        """(B, N) -> (B, D)"""
        return F.relu(self.encoder_dropout(self.encoder(rows)))

    def encoder_columns(self) -> Tensor:
        """(V, D), the encoder's weight by items; padding has zeros."""
        return F.pad(self.encoder.weight, (1, 0)).T.contiguous()

    def rebuild_source(self, code: Tensor) -> Tensor:
        """(B, D) -> (B, N), what follows an item."""
        return F.relu(self.decoder_dropout(self.source(code)))

    def rebuild_target(self, code: Tensor) -> Tensor:
        """(B, D) -> (B, N), what comes before an item."""
        return F.relu(self.decoder_dropout(self.target(code)))

    def rebuild_user(self, code: Tensor) -> Tensor:
        """(B, D) -> (B, N), what a user has."""
        return torch.sigmoid(self.user(code))

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        count, weight = len(batch.users), self.encoder_columns()
        before, after = (
            (batch.draw.uniform(count) * self.num_items).long().clamp_max(self.num_items - 1) + 1 for _ in range(2)
        )

        def error(matrix: SparseRows, rows: Tensor, rebuild: Callable[[Tensor], Tensor]) -> Tensor:
            # `encode` of the dense rows would multiply by zeros alone but for some ten of N columns
            dense, product = matrix.dense_and_times(rows, weight)
            code = F.relu(self.encoder_dropout(product + self.encoder.bias))
            return F.mse_loss(rebuild(code), dense[:, 1:])

        return {
            "source": error(self.following, before, self.rebuild_source),
            "target": error(self.preceding, after, self.rebuild_target),
            "user": error(self.owned, batch.users, self.rebuild_user),
        }

    def encoded_graph(self) -> tuple[Tensor, Tensor]:
        """E(S) and E(Sᵀ), (V, D) each; row 0, padding, is an item without neighbours. Kept until `train` or `eval`."""
        if self._graph is None or self._graph[0].device != self.encoder.weight.device:
            weight = self.encoder_columns()
            following, preceding = (
                F.relu(matrix.times(weight) + self.encoder.bias) for matrix in (self.following, self.preceding)
            )
            self._graph = following, preceding
        return self._graph

    def rows_of(self, history: Tensor, draw: Draw) -> Tensor:
        """(B, V) what each user has: the history, and the training items of users the draw names."""
        if isinstance(draw, UserDraw):
            owned = self.owned.dense(draw.users)
        else:
            owned = self.encoder.weight.new_zeros(len(history), self.vocabulary)
        return owned.scatter_(1, history, 1.0)

    def published_layers(self) -> Iterator[LayerUse]:
        """N D: the user's row is encoded; what follows scores the catalogue."""
        return linear_uses(1, self.encoder)

    @torch.no_grad()
    def scores(self, history: Tensor, *, draw: Draw) -> Tensor:
        following, preceding = self.encoded_graph()
        both, item = self.config.weight_both, self.config.weight_item
        last, user = following[history[:, -1]], self.encode(self.rows_of(history, draw)[:, 1:])
        score = both * (last * user) @ preceding[1:].T
        score = score + item * self.rebuild_source(last) + (1 - both - item) * self.rebuild_user(user)
        return F.pad(score, (1, 0), value=PADDING_SCORE)
