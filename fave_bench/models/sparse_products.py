"""A few cells of a large matrix product, and their gradients, without the rest of it.

Neither way does a cell get copies of its two vectors: the products are taken where these lie, and each gradient row is
one weighted sum.
"""

import warnings
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def products_at_cells(rows: Tensor, columns: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """(m,) rows[i] · columns[j], of (B, k) and (V, k), at m cells (i, j); on a CPU.

    `row` (m,) int64, ascending, has each cell's i, and `column` (m,) its j.
    """
    products: Tensor = _ProductsAtCells.apply(rows, columns, row, column)
    return products


class _ProductsAtCells(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, columns: Tensor, row: Tensor, column: Tensor) -> Tensor:
        ctx.save_for_backward(rows, columns, row, column)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that torch calls this layout beta
            cells = torch.sparse_csr_tensor(
                _starts(row, len(rows)), column, rows.new_zeros(len(row)), (len(rows), len(columns))
            )
        return torch.sparse.sampled_addmm(cells, rows, columns.T, beta=0).values()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        rows, columns, row, column = ctx.saved_tensors
        by_column, order = column.sort(stable=True)
        return (
            _weighted_sums(columns, column, gradient, _starts(row, len(rows))),
            _weighted_sums(rows, row[order], gradient[order], _starts(by_column, len(columns))),
            None,
            None,
        )


def _starts(ascending: Tensor, count: int) -> Tensor:
    """(count + 1,) where each of the numbers 0 .. count - 1 starts in a sorted list, and its end."""
    return torch.searchsorted(ascending, torch.arange(count + 1))


def _weighted_sums(vectors: Tensor, chosen: Tensor, weights: Tensor, starts: Tensor) -> Tensor:
    """(n, k): Σ weight · vectors[chosen] over each of the n stretches of a list."""
    sums: Tensor = F.embedding_bag(
        chosen, vectors, starts, mode="sum", per_sample_weights=weights, include_last_offset=True
    )
    return sums
