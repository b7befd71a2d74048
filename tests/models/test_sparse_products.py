"""A few cells of a product: the same numbers and gradients as by the whole product."""

import pytest
import torch

from fave_bench.models.sparse_products import products_at_cells


@pytest.mark.parametrize(
    "cells",
    [
        pytest.param([(0, 1), (0, 4), (2, 4), (3, 0)], id="scattered"),
        pytest.param([(1, 3), (1, 3), (1, 0)], id="one twice, not in order"),
        pytest.param([], id="none"),
    ],
)
def test_a_few_cells_are_those_of_the_whole_product(cells: list[tuple[int, int]]) -> None:
    rows, columns = (torch.randn(n, 3, dtype=torch.float64, requires_grad=True) for n in (4, 5))
    row, column = torch.tensor(cells, dtype=torch.int64).reshape(-1, 2).unbind(1)
    found, whole = products_at_cells(rows, columns, row, column), (rows @ columns.T)[row, column]
    assert torch.allclose(found, whole)
    weights = torch.randn(len(cells), dtype=torch.float64)
    gradients = [torch.autograd.grad(products @ weights, (rows, columns)) for products in (found, whole)]
    assert all(torch.allclose(a, b) for a, b in zip(*gradients, strict=True))
