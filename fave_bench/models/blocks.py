"""Parts the Transformer-based flow and diffusion models share. Shapes: B batch, L slots, Q queries, K keys, d width.

Attention is written out (softmax of a product): FAVE's second stage differentiates it in forward mode (`tangents`). A
block whose output is read at the last slot only is asked for that query only; nothing else changes.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fave_bench.data.windows import valid
from fave_bench.models.dropout import Dropout

ROPE_BASE = 10_000.0
HIDDEN = -1e9
"""Added to the score of a key nobody may see; finite, so a history without items gives numbers and not NaN."""


@dataclass(frozen=True)
class Mask:
    """Which slots attention leaves out; None leaves out nothing."""

    rows: Tensor | None = None
    """(B, L, 1) 0/1. Rows at 0, padded queries, attend uniformly to all slots, padding included (released)."""
    keys: Tensor | None = None
    """(B, 1, 1, L) 0 or `HIDDEN`, added to the scores."""


def padding_mask(history: Tensor, key_mask: bool) -> Mask:
    """(B, L) ids -> the mask: padded keys hidden, or (the released code) padded queries spread uniformly."""
    real = valid(history)
    if key_mask:
        return Mask(keys=torch.where(real, 0.0, HIDDEN)[:, None, None, :])
    return Mask(rows=real.float().unsqueeze(-1))


class Attention(nn.Module):
    """Multi-head attention with one (3d, d) projection and, if asked for, rotary positions by slot index."""

    cosine: Tensor
    sine: Tensor

    def __init__(self, d: int, heads: int, dropout: float, *, rope_window: int = 0) -> None:
        """`rope_window`: number of slots to rotate queries and keys by (half-split, base 10000); 0 for none."""
        super().__init__()
        self.heads, self.head_width, self.rope = heads, d // heads, rope_window > 0
        self.qkv = nn.Linear(d, 3 * d)
        self.out = nn.Linear(d, d)
        nn.init.xavier_normal_(self.out.weight)
        self.dropout = Dropout(dropout)
        cosine, sine = rope_tables(rope_window, self.head_width)
        self.register_buffer("cosine", cosine, persistent=False)
        self.register_buffer("sine", sine, persistent=False)

    def forward(self, queries: Tensor, memory: Tensor, mask: Mask) -> Tensor:
        """(B, Q, d), (B, L, d) -> (B, Q, d). The queries are the last Q of the L slots; Q = L or 1."""
        q, k, v = self._project(queries, memory)
        scale = self.head_width**-0.5
        q = q * (scale if mask.rows is None else mask.rows[:, -q.shape[1] :, :, None] * scale)  # row at 0: uniform
        q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)  # (B, heads, ., head_width)
        scores = torch.matmul(q, k.transpose(2, 3))
        if mask.keys is not None:
            scores = scores + mask.keys
        context = torch.matmul(self.dropout(scores.softmax(-1)), v)
        return self.out(context.transpose(1, 2).flatten(2))

    def _project(self, queries: Tensor, memory: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, each (B, ., heads, head_width), the first two rotated."""
        d = memory.shape[-1]
        if queries is memory:
            qk, v = self._split(self.qkv(memory)).split([2 * self.heads, self.heads], 2)
            q, k = self._rotate(qk).chunk(2, 2)
            return q, k, v
        q = self._split(F.linear(queries, self.qkv.weight[:d], self.qkv.bias[:d]))
        k, v = self._split(F.linear(memory, self.qkv.weight[d:], self.qkv.bias[d:])).chunk(2, 2)
        return self._rotate(q), self._rotate(k), v

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (-1, self.head_width))

    def _rotate(self, x: Tensor) -> Tensor:
        """x cos + rotate_half(x) sin, the rows of x being the window's last slots."""
        if not self.rope:
            return x
        newest = slice(-x.shape[1], None)
        cosine, sine = self.cosine[newest].to(x.dtype), self.sine[newest].to(x.dtype)  # a product of two types is slow
        return torch.addcmul(x * cosine, x.roll(self.head_width // 2, -1), sine)


def rope_tables(slots: int, width: int) -> tuple[Tensor, Tensor]:
    """(slots, 1, width) cosines and signed sines: rotate_half(x) sin = roll(x, width/2) times the second."""
    frequencies = 1.0 / ROPE_BASE ** (torch.arange(0, width, 2).float() / width)
    angle = torch.arange(slots).float()[:, None] * frequencies
    sine = angle.sin()
    return torch.cat((angle.cos(), angle.cos()), -1)[:, None], torch.cat((-sine, sine), -1)[:, None]


class FeedForward(nn.Module):
    """d -> 4d -> d with the tanh form of GELU; Xavier-normal weights, zero biases."""

    def __init__(self, d: int, dropout: float) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)
        for linear in (self.inner, self.outer):
            nn.init.xavier_normal_(linear.weight)
            nn.init.zeros_(linear.bias)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.outer(self.dropout(F.gelu(self.inner(x), approximate="tanh")))


class PreNormBlock(nn.Module):
    """The block of FMRec and DiffuRec: pre-LN, x + drop(MHA(LN x)), x + drop(FFN(LN x)), dropout on its output."""

    def __init__(self, d: int, heads: int, dropout: float, *, rope_window: int = 0) -> None:
        super().__init__()
        self.norm_attention, self.norm_forward = nn.LayerNorm(d, eps=1e-12), nn.LayerNorm(d, eps=1e-12)
        self.attention = Attention(d, heads, dropout, rope_window=rope_window)
        self.feed_forward = FeedForward(d, dropout)
        self.dropout = Dropout(dropout)

    def forward(self, h: Tensor, _e_seq: Tensor, mask: Mask, *, last: bool) -> Tensor:
        """(B, L, d) -> (B, L, d), or (B, 1, d) when only the last slot is wanted."""
        normed = self.norm_attention(h)
        queries, x = (normed[:, -1:], h[:, -1:]) if last else (normed, h)
        x = x + self.dropout(self.attention(queries, normed, mask))
        return self.dropout(x + self.dropout(self.feed_forward(self.norm_forward(x))))


class TimeEmbedding(nn.Module):
    """Sinusoid (cosines first, base 10000) of a time in network units, then d -> 4d -> d with SiLU."""

    frequencies: Tensor

    def __init__(self, d: int) -> None:
        super().__init__()
        half = d // 2
        frequencies = torch.exp(-math.log(10_000.0) * torch.arange(half, dtype=torch.float32) / half)
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.inner, self.outer = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, time: Tensor) -> Tensor:
        """(B,) -> (B, d)"""
        angle = time[:, None] * self.frequencies
        return self.outer(F.silu(self.inner(torch.cat((angle.cos(), angle.sin()), -1))))


class HistoryDecoder(nn.Module):
    """From one state to the whole history as a bag of items: d -> widths -> V, tanh between."""

    def __init__(self, d: int, widths: tuple[int, ...], vocabulary: int) -> None:
        super().__init__()
        sizes = (d, *widths, vocabulary)
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))

    @property
    def last(self) -> nn.Linear:
        """The catalogue-sized layer."""
        layer = self.layers[-1]
        assert isinstance(layer, nn.Linear)
        return layer

    def forward(self, x: Tensor) -> Tensor:
        """(B, d) -> (B, V)"""
        return self.last(self.hidden(x))

    def hidden(self, x: Tensor) -> Tensor:
        """(B, d) -> (B, widths[-1]), the state before the last, catalogue-sized layer."""
        for layer in self.layers[:-1]:
            x = layer(x).tanh()
        return x
