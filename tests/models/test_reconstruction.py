"""The sampled-cell source loss equals the masked B×V form it stands for."""

import pytest
import torch
from flow_helpers import histories
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from fave_bench.models import reconstruction
from fave_bench.models.blocks import HistoryDecoder
from fave_bench.models.reconstruction import Cells, balanced_cells, balanced_error, full_error, multi_hot


def decoder(vocabulary: int) -> HistoryDecoder:
    torch.manual_seed(0)
    return HistoryDecoder(6, (8, 10), vocabulary)


def masked_mean(output: Tensor, history: Tensor, cells: Cells) -> Tensor:
    """The plain form: zero every cell that does not count on both sides, then the mean over all of them."""
    target = multi_hot(history, output.shape[1])
    mask = torch.zeros(output.numel())
    mask[cells.position[cells.weight > 0]] = 1
    mask = mask.view_as(output)
    return ((output * mask - target * mask) ** 2).mean()


def test_multi_hot_marks_items_and_never_padding() -> None:
    assert multi_hot(torch.tensor([[0, 0, 3, 3], [1, 2, 4, 1]]), 6).tolist() == [[0, 0, 0, 1, 0, 0], [0, 1, 1, 0, 1, 0]]


def test_a_hand_example_divides_by_all_cells() -> None:
    # one user, items {1, 3} of V = 5, one zero drawn: column 4; outputs 0.5, 0.25 at the ones and 2 at the zero
    layer = HistoryDecoder(1, (), 5)
    with torch.no_grad():
        layer.last.weight.zero_()
        layer.last.bias.copy_(torch.tensor([9.0, 0.5, 9.0, 0.25, 2.0]))
    history = torch.tensor([[0, 1, 3]])
    cells = balanced_cells(history, 5, torch.tensor([[[0.99, 0.0]] * 3]), ratio=0.5)
    assert cells.position[cells.weight > 0].tolist() == [1, 3, 4]
    error = balanced_error(layer, torch.zeros(1, 1), cells)
    assert error.item() == pytest.approx((0.5**2 + 0.75**2 + 2**2) / 5)


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), vocabulary=st.integers(5, 60), ratio=st.sampled_from([0.5, 1.0, 2.0]))
def test_sampled_cells_give_the_masked_form(seed: int, vocabulary: int, ratio: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, 13, (5,), generator=generator).tolist()
    history = histories(*lengths, items=vocabulary - 1, seed=seed)
    cells = balanced_cells(history, vocabulary, torch.rand(5, 24, 2, generator=generator), ratio)
    layer, state = decoder(vocabulary), torch.randn(5, 6, generator=generator)
    assert torch.allclose(balanced_error(layer, state, cells), masked_mean(layer(state), history, cells))
    counting = cells.weight > 0
    target = multi_hot(history, vocabulary).flatten()
    assert torch.equal(cells.target[counting], target[cells.position[counting]])
    assert target[cells.position[counting]].sum() == target.sum()  # every one is there
    assert len(cells.position[counting].unique()) == counting.sum()  # and nothing twice


@pytest.mark.parametrize("lengths", [(1, 5, 12), (12, 12, 12)])
def test_every_zero_is_equally_likely(lengths: tuple[int, ...]) -> None:
    """Uniforms at the middle of each of the Z intervals name each of the Z zeros once."""
    vocabulary = 9
    history = histories(*lengths, items=vocabulary - 1)
    zeros = (multi_hot(history, vocabulary).flatten() == 0).nonzero().flatten()
    u = torch.zeros(len(history), len(zeros), 2, dtype=torch.float64)
    u[..., 0] = ((torch.arange(len(zeros)) + 0.5) / len(zeros)).double()
    cells = balanced_cells(history, vocabulary, u[:1].expand(len(history), -1, -1), ratio=1e6)
    drawn = cells.position[(cells.weight > 0) & (cells.target == 0)]
    assert drawn.tolist() == zeros.tolist()


def test_no_more_zeros_are_drawn_than_asked() -> None:
    history = histories(3, 12, 7, items=500)
    ones = multi_hot(history, 501).sum().int().item()
    for ratio in (0.0, 1.0, 2.0):
        cells = balanced_cells(history, 501, torch.rand(3, 24, 2), ratio)
        drawn = ((cells.weight > 0) & (cells.target == 0)).sum().item()
        assert int(ratio * ones) * 0.9 <= drawn <= int(ratio * ones)


@pytest.mark.parametrize(("half", "tolerance"), [(False, 1e-7), (True, 1e-3)])
def test_visiting_cells_one_by_one_changes_neither_value_nor_gradient(
    monkeypatch: pytest.MonkeyPatch, half: bool, tolerance: float
) -> None:
    history, layer, state = histories(3, 12, 7), decoder(41), torch.randn(3, 6, requires_grad=True)
    cells = balanced_cells(history, 41, torch.rand(3, 12, 2), 1.0)
    found = []
    for threshold in (0, 10**9):
        monkeypatch.setattr(reconstruction, "SPARSE_FROM", threshold)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = balanced_error(layer, state, cells)
        found.append([loss, *torch.autograd.grad(loss, [state, *layer.parameters()])])
    assert all(torch.allclose(a, b, atol=tolerance) for a, b in zip(*found, strict=True))


def test_the_full_error_is_the_squared_norm() -> None:
    history, layer, state = histories(3, 12), decoder(41), torch.randn(2, 6)
    squares = [(layer(state)[i] - multi_hot(history, 41)[i]).norm().item() ** 2 for i in range(2)]
    assert full_error(layer, state, history).item() == pytest.approx(sum(squares) / 2, rel=1e-5)
