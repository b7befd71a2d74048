"""Attention against a per-head loop, and the laws of its masks, positions and dropout."""

import math

import pytest
import torch
from flow_helpers import histories
from torch import Tensor

from fave_bench.models.blocks import Attention, Mask, TimeEmbedding, padding_mask
from fave_bench.models.dropout import Dropout, DropPath

B, L, D, HEADS = 3, 7, 16, 2


def attention(rope: bool = True) -> Attention:
    torch.manual_seed(1)
    return Attention(D, HEADS, 0.0, rope_window=L if rope else 0).double()


def rotated(x: Tensor, slot: int) -> Tensor:
    """One head's vector turned by its slot: dimension i pairs with i + width/2."""
    half = len(x) // 2
    angle = torch.tensor([slot / 10_000 ** (2 * i / len(x)) for i in range(half)], dtype=torch.float64)
    a, b = x[:half], x[half:]
    return torch.cat((a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()))


def by_hand(layer: Attention, x: Tensor, hidden: Tensor) -> Tensor:
    """One user, one head, one query at a time; hidden (L,) marks keys nobody sees."""
    q, k, v = (x @ layer.qkv.weight.T + layer.qkv.bias).chunk(3, -1)
    width, rows = D // HEADS, []
    for i in range(L):
        heads = []
        for h in range(HEADS):
            part = slice(h * width, (h + 1) * width)
            scores = [rotated(q[i, part], i) @ rotated(k[j, part], j) / math.sqrt(width) for j in range(L)]
            weights = torch.stack(scores).masked_fill(hidden, -math.inf).softmax(0)
            heads.append(weights @ v[:, part])
        rows.append(torch.cat(heads))
    return torch.stack(rows) @ layer.out.weight.T + layer.out.bias


def test_attention_is_the_textbook_sum_over_keys() -> None:
    layer, x = attention(), torch.randn(L, D, dtype=torch.float64)
    hidden = torch.tensor([True, True] + [False] * (L - 2))
    keys = torch.where(hidden, -1e9, 0.0).double().view(1, 1, 1, L)
    ours = layer(x[None], x[None], Mask(keys=keys))[0]
    assert torch.allclose(ours, by_hand(layer, x, hidden), atol=1e-6)


@pytest.mark.parametrize("rope", [False, True])
@pytest.mark.parametrize("key_mask", [False, True])
def test_asking_for_the_last_query_gives_the_last_row(rope: bool, key_mask: bool) -> None:
    layer, x = attention(rope), torch.randn(B, L, D, dtype=torch.float64)
    mask = padding_mask(histories(1, 4, L, window=L), key_mask)
    assert torch.allclose(layer(x[:, -1:], x, mask), layer(x, x, mask)[:, -1:], atol=1e-12)


def test_a_padded_query_spreads_over_every_slot_when_rows_are_masked() -> None:
    layer, x = attention(), torch.randn(1, L, D, dtype=torch.float64)
    values = (x @ layer.qkv.weight.T + layer.qkv.bias).chunk(3, -1)[2]
    expected = values.mean(1) @ layer.out.weight.T + layer.out.bias
    out = layer(x, x, padding_mask(histories(4, window=L), key_mask=False))
    assert torch.allclose(out[:, : L - 4], expected[:, None].expand(-1, L - 4, -1))


def test_a_history_without_items_gives_numbers() -> None:
    layer, x = attention(), torch.randn(1, L, D, dtype=torch.float64)
    for key_mask in (False, True):
        assert layer(x, x, padding_mask(torch.zeros(1, L, dtype=torch.long), key_mask)).isfinite().all()


def test_rotary_positions_know_distances_only() -> None:
    layer = attention()
    q, k = torch.randn(2, D // HEADS, dtype=torch.float64)

    def score(i: int, j: int) -> Tensor:
        rows = torch.zeros(1, L, 1, D // HEADS, dtype=torch.float64)
        rows[0, i, 0], other = q, torch.zeros_like(rows)
        other[0, j, 0] = k
        return layer._rotate(rows)[0, i, 0] @ layer._rotate(other)[0, j, 0]

    assert torch.allclose(score(5, 3), score(2, 0))
    assert not torch.allclose(score(5, 3), score(5, 2))


def test_time_zero_is_all_cosines() -> None:
    layer = TimeEmbedding(8)
    seen: list[Tensor] = []
    layer.inner.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    layer(torch.tensor([0.0]))
    assert seen[0].tolist() == [[1.0] * 4 + [0.0] * 4]


@pytest.mark.parametrize("rate", [0.1, 0.3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_has_its_rate_and_keeps_the_mean(rate: float, dtype: torch.dtype) -> None:
    torch.manual_seed(3)
    out = Dropout(rate).train()(torch.ones(300, 1001, dtype=dtype))
    assert out.dtype == dtype
    dropped = (out == 0).float().mean().item()
    assert abs(dropped - rate) < 5 * math.sqrt(rate * (1 - rate) / out.numel())
    assert (out[out != 0].float() - 1 / (1 - rate)).abs().max() < 0.01


def test_dropout_is_a_function_of_the_global_seed_and_off_in_evaluation() -> None:
    layer, x = Dropout(0.5), torch.ones(50)
    torch.manual_seed(4)
    first = layer(x)
    torch.manual_seed(4)
    assert torch.equal(first, layer(x))
    assert not torch.equal(first, layer(x))
    assert layer.eval()(x) is x


def test_dropout_passes_the_gradient_of_what_it_kept() -> None:
    x = torch.ones(100, requires_grad=True)
    out = Dropout(0.4)(x)
    out.sum().backward()
    assert x.grad is not None and torch.equal(x.grad, out.detach())


def test_drop_path_drops_whole_samples_and_keeps_the_mean() -> None:
    torch.manual_seed(5)
    out = DropPath(0.2).train()(torch.ones(4000, 2, 3))
    per_sample = out.flatten(1)
    assert (per_sample == per_sample[:, :1]).all()
    assert abs(per_sample[:, 0].mean() - 1) < 0.05
    assert abs((per_sample[:, 0] == 0).float().mean() - 0.2) < 0.04
