"""Caser: convolutions over the last L items as an image (Tang & Wang, WSDM 2018), in the form RecBole gives it.

Variant: RecBole's, for one next item and full cross-entropy. With E (L, d) the vectors of the window:
  vertical    `vertical` filters of size L x 1                                   -> vertical * d features
  horizontal  for every height h = 1..L, `horizontal` kernels of size h x d, ReLU, max over positions
                                                                                 -> horizontal * L features
  query       z = ReLU(W1 dropout[features] + b1);  q = ReLU(W2 [z ; user vector] + b2);  scores q E^T, table tied
The paper's own model predicts T items at once with a binary loss on sampled negatives and scores [z ; user] with a
separate output table and biases.

Loss: cross-entropy over all V = N + 1 rows, plus `regularisation` times the sum of the un-squared norms of the user
and item tables, the vertical filters, W1, W2 and each horizontal kernel, as RecBole's code does.

Switches, the public code's value first: `padding` right | left (with right, vertical filters see items at an offset
from the start of the history and recency is not aligned), `padding_vector` trainable | zero (row 0 is drawn like any
item and the convolutions see it), `final_relu` (makes q non-negative), `user_vector`.

Deliberate deviations: on a step of training, horizontal convolutions are products of spectra over positions, and what
padding on the right adds is computed once for all, the same but for rounding. L = 50 for comparable cost, although
RecBole's note advises windows near 10 and the paper searches 3 to 9. User row 0 stands for nobody (a history typed in
by hand), as it stands for padding there.

Printed numbers: paper_tables/reference/table1_overall.csv, "Caser" (H@20: ML-100k 19.52, Beauty 4.40, Steam 10.96),
copied by FAVE from FMRec's Table 2; the variant behind them is not stated.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import Split
from fave_bench.data.windows import right_padded, valid
from fave_bench.models.contract import Batch, LayerUse, MeanOver, ModelConfig, Recommender, linear_uses
from fave_bench.models.dropout import Dropout
from fave_bench.models.parts import looked_up, split
from fave_bench.randomness import Draw

TOGETHER = 10
"""Heights in one product while training where they fit to different positions: all those of the lowest are computed."""


class Horizontal(nn.Module):
    """All heights 1..L of horizontal convolutions, ReLU and maximum over positions."""

    def __init__(self, length: int, d: int, count: int) -> None:
        super().__init__()
        self.length, self.count = length, count
        self.kernels = nn.ParameterList(torch.empty(count, d, h) for h in range(1, length + 1))
        self.bias = nn.Parameter(torch.empty(length, count))
        for kernel, bias in zip(self.kernels, self.bias, strict=True):  # torch's default for a convolution
            bound = kernel[0].numel() ** -0.5
            nn.init.uniform_(kernel, -bound, bound)
            nn.init.uniform_(bias, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """(B, d, L) -> (B, L * count)"""
        heights = zip(self.kernels, self.bias, strict=True)
        return torch.cat([F.conv1d(x, kernel, bias).relu().amax(2) for kernel, bias in heights], 1)

    def of_parts(self, parts: Sequence[Tensor], padding: Tensor) -> Tensor:
        """What `forward` gives for windows that hold `padding` (d,) in every slot and on top of it, in the first w, an
        x (b, w, d) of `parts`, none of them wider than the one before.

        The last slot of an x is 0 where w < L: it stands for the positions after it, which are all alike.

        With X = fourier(x) and K = fourier(kernel), fourier^-1(X conj(K)) at t is the sum over s of x[t + s mod T]
        kernel[s], for all positions in one product. Where the kernel fits into the window, nothing comes round to them
        in a period T of L, nor in one of 2 w - 1, which needs the first w slots of the kernel only.
        """
        with torch.autocast(padding.device.type, enabled=False):  # the way back from spectra is sums that cancel
            padded = (F.pad(kernel, (0, self.length - kernel.shape[2])) for kernel in self.kernels)
            bank = torch.stack(list(padded))  # (L heights, count, d, L)
            constant, found = bank.sum(3) @ padding + self.bias, list[Tensor]()
            for period, alike in groupby(parts, lambda x: min(self.length, 2 * x.shape[1] - 1)):
                waves, inverse = _fourier(period, padding)
                if period < self.length:
                    bank = bank[..., : (period + 1) // 2]  # of the slice before: a gradient has the size of the whole
                kernels = (waves[: bank.shape[3]].T @ bank.flatten(0, 2).T).view(2, -1, *bank.shape[:3])
                found += [self._highest(x, waves, inverse, kernels) for x in alike]
            return (torch.cat(found) + constant).relu().flatten(1)

    def _highest(self, x: Tensor, waves: Tensor, inverse: Tensor, kernels: Tensor) -> Tensor:
        """(b, w, d), what `_fourier` gives and (2, T // 2 + 1, L, count, d) -> (b, L, count): maxima over positions."""
        (count, width, d), length = x.shape, self.length
        cosine, sine = (waves[:width].T @ x.transpose(0, 1).flatten(1)).view(2, inverse.shape[1] // 2, count, d)
        of_cosine, of_sine = torch.cat((cosine, sine), 1), torch.cat((sine, -cosine), 1)  # (T // 2 + 1, 2 b, d)
        cuts = list(pairwise((0, *range(length - width + 1, length, TOGETHER), length)))  # the first fit everywhere
        found = []
        for (low, high), some in zip(cuts, kernels.split([high - low for low, high in cuts], 2), strict=True):
            cosine, sine = some.flatten(2, 3).mT  # (T // 2 + 1, d, heights * count) each
            fits = min(width, length - low)  # positions of the lowest
            spectra = torch.baddbmm(of_cosine @ cosine, of_sine, sine).view(inverse.shape[1], count * sine.shape[2])
            y = (inverse[:fits] @ spectra).view(fits, count, high - low, self.count)
            if low:
                positions = torch.arange(fits, device=x.device)[:, None]
                past = positions >= torch.arange(length - low, length - high, -1, device=x.device)
                y = y.masked_fill(past[:, None, :, None], -torch.inf)
            found.append(y.amax(0))
        return torch.cat(found, 1)


def _fourier(period: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines, then sines, of frequencies 0..T/2 at every position, (T, 2 (T // 2 + 1)), and what weighs them back, a
    frequency's two side by side."""
    positions, frequencies = torch.arange(period, device=like.device), torch.arange(period // 2 + 1, device=like.device)
    angles = (positions[:, None] * frequencies % period).to(like.dtype) * (2 * torch.pi / period)
    waves = torch.stack((angles.cos(), angles.sin()), 1)  # (T, 2, T // 2 + 1)
    mirrored = 2 - (2 * frequencies % period == 0).to(like.dtype)  # all but 0 and T/2 stand for -f as well
    return waves.flatten(1), (waves * mirrored / period).mT.flatten(1)


class Caser(Recommender):
    class Config(ModelConfig):
        """Defaults are RecBole's but for the width, which presets set for all systems alike."""

        d: int = Field(128, ge=1)
        """Width of item and user vectors (RecBole's default is 64)."""
        vertical: int = Field(4, ge=1)
        """Vertical filters."""
        horizontal: int = Field(8, ge=1)
        """Horizontal kernels of each height."""
        dropout: float = Field(0.4, ge=0, lt=1)
        """On the convolutions' features."""
        regularisation: float = Field(1e-4, ge=0)
        """Weight of the sum of norms."""
        padding: Literal["right", "left"] = "right"
        """Where a short history is padded before the convolutions."""
        padding_vector: Literal["trainable", "zero"] = "trainable"
        """What padded slots hold: row 0 of the item table (public code), or nothing."""
        final_relu: bool = True
        """ReLU on the query."""
        user_vector: bool = True
        """Whether the query knows who asks."""

    title = "Caser"
    means: ClassVar[Mapping[str, MeanOver]] = {"ce": "samples", "norms": "samples"}  # norms: the same in every share
    samples = "prefix"
    config: Config

    def __init__(self, config: Config, num_items: int) -> None:
        super().__init__(config, num_items)
        d, length = config.d, config.window
        self.items = _table(self.vocabulary, d)
        self.users = _table(1, d)  # `fit` knows how many there are
        self.vertical = nn.Linear(length, config.vertical)
        self.horizontal = Horizontal(length, d, config.horizontal)
        self.dropout = Dropout(config.dropout)
        self.inner = nn.Linear(config.vertical * d + config.horizontal * length, d)
        self.outer = nn.Linear(2 * d if config.user_vector else d, d)
        for linear in (self.inner, self.outer):
            nn.init.xavier_normal_(linear.weight)
            nn.init.zeros_(linear.bias)

    def fit(self, sequences: Sequences, split: Split) -> None:
        """Make the user table: user u has row u + 1."""
        if self.config.user_vector:
            self.users = _table(sequences.num_users + 1, self.config.d).to(self.items.weight.device)

    def query(self, history: Tensor, users: Tensor | None, lengths: Tensor | None = None) -> Tensor:
        """(B, L) histories, (B,) users (None: nobody we know) and while training (B,) items in each -> (B, d)."""
        features = self.training_features(history, lengths) if self.training else self.features(history)
        z = self.inner(self.dropout(features)).relu()
        if self.config.user_vector:
            z = torch.cat((z, self.users(self._user_rows(history, users))), 1)
        q: Tensor = self.outer(z)
        return q.relu() if self.config.final_relu else q

    def features(self, history: Tensor) -> Tensor:
        """(B, L) -> (B, vertical * d + horizontal * L), by the convolutions themselves."""
        slots = self._slots(history)
        x = self.items(slots)  # (B, L, d)
        if self.config.padding_vector == "zero":
            x = x * valid(slots)[..., None]
        x = x.mT  # (B, d, L)
        return torch.cat((self.vertical(x).flatten(1), self.horizontal(x)), 1)

    def training_features(self, history: Tensor, lengths: Tensor | None) -> Tensor:
        """The same, part by part and with the fewest multiplications.

        Of histories that are padded on the right only the slots up to the first of padding are worked on.
        """
        histories = [part.history for part in split(history, padding_free=self.padding_free, lengths=lengths)]
        slots = [F.pad(self._slots(ids), (0, ids.shape[1] < self.config.window)) for ids in histories]
        padding = self.items.weight[0].detach()
        if self.config.padding_vector == "zero":
            padding = torch.zeros_like(padding)
        vectors = looked_up(self.items, slots)
        parts = [(x - padding) * valid(ids)[..., None] for ids, x in zip(slots, vectors, strict=True)]
        constant = padding[:, None] * self.vertical.weight.sum(1) + self.vertical.bias
        vertical = [F.linear(x.mT, self.vertical.weight[:, : x.shape[1]]) + constant for x in parts]
        return torch.cat((torch.cat(vertical).flatten(1), self.horizontal.of_parts(parts, padding)), 1)

    @property
    def padding_free(self) -> bool:
        """While training: what padding on the right adds is known without working on it."""
        return self.training and self.config.padding == "right"

    def _slots(self, history: Tensor) -> Tensor:
        return right_padded(history) if self.config.padding == "right" else history

    def _user_rows(self, history: Tensor, users: Tensor | None) -> Tensor:
        if users is None:
            return history.new_zeros(len(history))
        known = (users >= 0) & (users < len(self.users.weight) - 1)
        return torch.where(known, users + 1, 0)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        logits = self.query(batch.history, batch.users, batch.lengths) @ self.items.weight.T
        norms = torch.stack([torch.linalg.vector_norm(weight) for weight in self._shrunk()])
        return {"ce": F.cross_entropy(logits, batch.target), "norms": self.config.regularisation * norms.sum()}

    def _shrunk(self) -> Iterator[Tensor]:
        if self.config.user_vector:
            yield self.users.weight
        yield from (layer.weight for layer in (self.items, self.vertical, self.inner, self.outer))
        yield from self.horizontal.kernels

    def user_vectors(self, history: Tensor, *, draw: Draw) -> Tensor:
        return self.query(history, getattr(draw, "users", None))

    def published_layers(self) -> Iterator[LayerUse]:
        """nv L d + nh d L (L + 1) (L + 2) / 6 + (nv d + nh L) d + 2 d²."""
        yield from linear_uses(self.config.d, self.vertical)
        for height, kernel in enumerate(self.horizontal.kernels, 1):
            yield LayerUse(kernel, self.config.window - height + 1)
        yield from linear_uses(1, self.inner, self.outer)

    def item_vectors(self) -> Tensor:
        return self.items.weight

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        rows = len(state_dict.get(f"{prefix}users.weight", self.users.weight))
        if rows != len(self.users.weight):  # a saved table says how many users there were
            self.users = _table(rows, self.config.d).to(self.items.weight.device)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def _table(rows: int, d: int) -> nn.Embedding:
    """N(0, 1/d²) everywhere; looking up row 0, padding, passes no gradient, but the row is a class and is shrunk."""
    table = nn.Embedding(rows, d, padding_idx=0)
    nn.init.normal_(table.weight, std=1 / d)
    return table
