"""The source loss of FMRec and FAVE: does a state still hold the history it was made from?

A decoder's output D (B, V) is compared with A, the multi-hot rows of the visible items. The papers write ‖D - A‖²
(FAVE eq. 13). The public code keeps A's ones and as many zeros, drawn with replacement from the whole
batch, sets all other cells to 0 on both sides, and takes the mean over all B·V cells.

Here only the cells that count are ever visited. A cell drawn twice counts once, as in the masked form.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fave_bench.models.blocks import HistoryDecoder
from fave_bench.models.sparse_products import products_at_cells
from fave_bench.shares import Share

SPARSE_FROM = 64
"""On a CPU, go cell by cell through the catalogue-sized layer once it has so many more cells than count at most."""
SPACING = 2.0**-24
"""Spacing of a float32 uniform; two of them give the 48 bits an exact rank among B·V cells needs."""


@dataclass(frozen=True)
class Cells:
    """Cells of a (B, V) matrix: flat positions row·V + column, what belongs there, and whether the cell counts."""

    position: Tensor
    """(M,) int64"""
    target: Tensor
    """(M,) 0 or 1"""
    weight: Tensor
    """(M,) 0 or 1"""

    def of_share(self, share: Share | None, vocabulary: int) -> "Cells":
        """The same cells in the rows of a share alone; those of other rows count nothing."""
        if share is None:
            return self
        row, column = self.position // vocabulary, self.position % vocabulary
        here = row % share.size == share.rank
        position = torch.where(here, row // share.size * vocabulary + column, 0)
        return Cells(position, self.target, self.weight * here)


def multi_hot(history: Tensor, vocabulary: int) -> Tensor:
    """(B, L) ids -> (B, V) 0/1; padding is no item."""
    hot = torch.zeros(len(history), vocabulary, device=history.device)
    hot.scatter_(1, history, 1.0)
    hot[:, 0] = 0
    return hot


def balanced_cells(history: Tensor, vocabulary: int, uniform: Tensor, ratio: float) -> Cells:
    """All ones of A, and ⌊ratio · #ones⌋ of its zeros drawn with replacement over the batch.

    `uniform` (B, ≥ ratio·L, 2) holds the randomness: a pair of U[0, 1) is one draw, exactly uniform over the zeros.
    Every shape depends on shapes only, so nothing waits for the device.
    """
    items, first = _distinct(history, vocabulary)
    rows = torch.arange(len(history), device=history.device)[:, None]
    ones = first.sum(1)
    zeros = (vocabulary - ones).cumsum(0)  # cells up to and with each row
    chosen = torch.minimum((ones.sum() * ratio).long(), zeros[-1])
    u = uniform.reshape(-1, 2).double()
    rank = ((u[:, 0] + u[:, 1] * SPACING) * zeros[-1]).long().clamp_max(zeros[-1] - 1)
    drawn = _zero_cell(rank, items, zeros, ones, vocabulary)
    total = len(history) * vocabulary
    drawn = torch.where(torch.arange(len(drawn), device=drawn.device) < chosen, drawn, total).sort().values
    counts = (drawn < total) & torch.cat((drawn.new_ones(1).bool(), drawn[1:] != drawn[:-1]))
    known = rows * vocabulary + items.clamp_max(vocabulary - 1)
    return Cells(
        position=torch.cat((known.flatten(), drawn.clamp_max(total - 1))),
        target=torch.cat((first.flatten().float(), torch.zeros_like(drawn, dtype=torch.float))),
        weight=torch.cat((first.flatten(), counts)).float(),
    )


def _distinct(history: Tensor, vocabulary: int) -> tuple[Tensor, Tensor]:
    """Each row's distinct items in ascending order, then a value beyond any column: (B, L) ids and which are items."""
    ordered = history.sort(1).values
    repeated = torch.zeros_like(ordered, dtype=torch.bool)
    repeated[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    beyond = vocabulary + history.shape[1]
    ordered = ordered.masked_fill(repeated | (ordered == 0), beyond).sort(1).values
    return ordered, ordered < beyond


def _zero_cell(rank: Tensor, items: Tensor, zeros: Tensor, ones: Tensor, vocabulary: int) -> Tensor:
    """The rank-th cell (M,) of A that is 0, in row-major order.

    Before the k-th zero of a row lie as many ones as there are j with a_j - j <= k, a_0 < a_1 < … being its items.
    """
    row = torch.searchsorted(zeros, rank, right=True)
    k = rank - (zeros[row] - (vocabulary - ones[row]))
    shifted = items - torch.arange(items.shape[1], device=items.device)
    column = k + (shifted[row] <= k[:, None]).sum(1)
    return row * vocabulary + column


def balanced_error(decoder: HistoryDecoder, state: Tensor, cells: Cells) -> Tensor:
    """Scalar: Σ over the counting cells of (D - A)² / (B·V), with D = decoder(state)."""
    hidden, last = decoder.hidden(state), decoder.last
    total = len(state) * last.out_features
    if state.device.type == "cpu" and total > SPARSE_FROM * len(cells.position):
        error = _at_cells(hidden, last, cells)
    else:
        error = cells.weight * (last(hidden).flatten().gather(0, cells.position) - cells.target)
    return error.square().sum() / total


def _at_cells(hidden: Tensor, last: nn.Linear, cells: Cells) -> Tensor:
    """(m,) D - A at the m cells that count, without the rest of the (B, V) product."""
    counting = cells.weight.nonzero().squeeze(1)
    position, order = cells.position[counting].sort()
    row, column = position // last.out_features, position % last.out_features
    products = products_at_cells(hidden.to(last.weight.dtype), last.weight, row, column)
    return products + last.bias[column] - cells.target[counting[order]]


def full_error(decoder: HistoryDecoder, state: Tensor, history: Tensor) -> Tensor:
    """Scalar: ‖D - A‖² over the whole catalogue, averaged over the batch."""
    output = decoder(state)
    return (output - multi_hot(history, output.shape[1])).square().sum(1).mean()
