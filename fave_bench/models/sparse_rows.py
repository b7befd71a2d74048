"""A sparse matrix over the catalogue, on the device."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy import sparse
from torch import Tensor, nn


class SparseRows(nn.Module):
    """A sparse matrix with V columns of which rows are read, never the whole. Column 0 is empty: padding."""

    first: Tensor
    columns: Tensor
    values: Tensor

    def __init__(self, matrix: Any) -> None:
        """`matrix` is a scipy CSR array with V columns."""
        super().__init__()
        self.width, self.longest = matrix.shape[1], int(np.diff(matrix.indptr).max(initial=1))
        if not matrix.nnz:  # one cell for all rows to look at: a zero, as those are that a row lacks
            matrix = sparse.csr_array(([0.0], [0], np.append(matrix.indptr[:-1], 1)), matrix.shape)
        self.register_buffer("first", torch.as_tensor(matrix.indptr.astype(np.int64)), persistent=False)
        self.register_buffer("columns", torch.as_tensor(matrix.indices.astype(np.int64)), persistent=False)
        self.register_buffer("values", torch.as_tensor(matrix.data.astype(np.float32)), persistent=False)

    def cells(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """(B,) -> columns and values, (B, C) each: as many cells for every row, so that the device need not be waited
        for. Those that a row lacks are zeros in column 0."""
        position = self.first[rows, None] + torch.arange(self.longest, device=rows.device)
        inside = position < self.first[rows + 1, None]
        position = position.clamp_max(len(self.columns) - 1)
        return torch.where(inside, self.columns[position], 0), torch.where(inside, self.values[position], 0)

    def dense(self, rows: Tensor) -> Tensor:
        """(B,) -> (B, V)"""
        return self._filled(*self.cells(rows))

    def dense_and_times(self, rows: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """(B,), (V, D) -> rows (B, V), and their product (B, D) by the nonzero cells alone."""
        columns, values = self.cells(rows)
        product = F.embedding_bag(columns, weight, mode="sum", per_sample_weights=values, padding_idx=0)
        return self._filled(columns, values), product

    def _filled(self, columns: Tensor, values: Tensor) -> Tensor:
        return values.new_zeros(len(values), self.width).scatter_(1, columns, values)

    def times(self, weight: Tensor) -> Tensor:
        """The whole matrix times `weight` (V, D), by its nonzero cells alone -> (rows, D)."""
        return F.embedding_bag(self.columns, weight, self.first[:-1], mode="sum", per_sample_weights=self.values)
