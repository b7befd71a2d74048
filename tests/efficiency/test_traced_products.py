"""One test per operation that fvcore misses or misreads: what it says alone, and what both of our counts say.

Should a release of torch or fvcore change how an operation is lowered or priced, the line that knew better turns red.
"""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils.flop_counter import FlopCounterMode

from fave_bench.efficiency.dispatched_products import dispatched_products
from fave_bench.efficiency.traced_products import HANDLES, unpriced
from fave_bench.errors import BenchError

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # fvcore is written for TorchScript
    from fvcore.nn import FlopCountAnalysis

X = torch.ones(2, 5, 8)
"""(B, L, d) of every case."""
B, L, D = X.shape


class Step(nn.Module):
    """One operation on X and on parts of it."""

    def __init__(self, operation: Callable[..., Tensor], *parts: nn.Module | Tensor) -> None:
        super().__init__()
        self.operation, self.names = operation, [f"part{i}" for i in range(len(parts))]
        for name, part in zip(self.names, parts, strict=True):
            self.register_module(name, part) if isinstance(part, nn.Module) else self.register_buffer(name, part)

    def forward(self, x: Tensor) -> Tensor:
        return self.operation(x, *(getattr(self, name) for name in self.names))


def traced(step: nn.Module, *, plain: bool, x: Tensor = X) -> Any:
    analysis = FlopCountAnalysis(step, (x,))
    if not plain:
        analysis.clear_op_handles().set_op_handle(**{f"aten::{name}": handle for name, handle in HANDLES.items()})
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore", DeprecationWarning)
        analysis.total()
    return analysis


def packed(x: Tensor, gru: nn.Module) -> Tensor:
    return gru(pack_padded_sequence(x, torch.tensor([5, 2]), batch_first=True))[1]


def bag(x: Tensor, weights: Tensor | None) -> Tensor:
    return F.embedding_bag(torch.tensor([1, 2, 3]), x[0], torch.tensor([0, 1]), mode="sum", per_sample_weights=weights)


ones, attention = torch.ones, nn.MultiheadAttention(D, 2, batch_first=True)
MISREAD = {
    "scaled_dot_product_attention": (
        Step(lambda x: F.scaled_dot_product_attention(x[:, None], x[:, None], x[:, None])), 0, 2 * B * L * L * D,
    ),
    "gru": (Step(lambda x, gru: gru(x)[0], nn.GRU(D, 4, batch_first=True)), 0, B * L * 3 * 4 * (D + 4)),
    "gru of two layers and directions": (
        Step(lambda x, gru: gru(x)[0], nn.GRU(D, 4, 2, bidirectional=True, batch_first=True)),
        0,
        B * L * 2 * 3 * 4 * ((D + 4) + (2 * 4 + 4)),
    ),
    "gru of packed rows": (Step(packed, nn.GRU(D, 4, batch_first=True)), 0, (5 + 2) * 3 * 4 * (D + 4)),
    "lstm": (Step(lambda x, lstm: lstm(x)[0], nn.LSTM(D, 4, batch_first=True)), 0, B * L * 4 * 4 * (D + 4)),
    "rnn": (Step(lambda x, rnn: rnn(x)[0], nn.RNN(D, 4, batch_first=True)), 0, B * L * 4 * (D + 4)),
    "fused multi-head attention": (
        Step(lambda x, attention: attention(x, x, x)[0], attention), 0, B * (4 * D * D * L + 2 * L * L * D),
    ),
    "cdist": (Step(lambda x, w: torch.cdist(x, w), ones(30, D)), 0, B * L * 30 * D),
    "cdist of few": (Step(lambda x, w: torch.cdist(x, w), ones(3, D)), 0, B * L * 3 * D),
    "cdist by city blocks": (Step(lambda x, w: torch.cdist(x, w, p=1.0), ones(3, D)), 0, B * L * 3 * D),
    "baddbmm": (Step(lambda x, w: torch.baddbmm(ones(1), x, w), ones(B, D, 4)), 0, B * L * D * 4),
    "addbmm": (Step(lambda x, w: torch.addbmm(ones(1), x, w), ones(B, D, 4)), 0, B * L * D * 4),
    "mv": (Step(lambda x, w: torch.mv(x[0], w), ones(D)), 0, L * D),
    "addmv": (Step(lambda x, w: torch.addmv(ones(1), x[0], w), ones(D)), 0, L * D),
    "dot": (Step(lambda x: torch.dot(x[0, 0], x[0, 1])), 0, D),
    "inner": (Step(lambda x: torch.inner(x[0], x[1])), 0, L * L * D),
    "tensordot": (Step(lambda x, w: torch.tensordot(x, w, 1), ones(D, 3)), 0, B * L * D * 3),
    "convolution padded by name": (
        Step(lambda x, conv: conv(x.mT), nn.Conv1d(D, 6, 3, padding="same")), 0, B * L * D * 6 * 3,
    ),
    "a batch that broadcasts": (Step(lambda x, w: x[0] @ w, ones(3, D, 4)), L * D * 4, 3 * L * D * 4),
    "rows summed with weights": (Step(bag, ones(3)), 0, 3 * D),
    "einsum without a sum": (Step(lambda x, w: torch.einsum("bld,d->bld", x, w), ones(D)), B * L * D // 2, 0),
    "layer norm": (nn.LayerNorm(D), 5 * B * L * D, 0),
}  # fmt: skip
"""Name -> (module, what fvcore says alone, multiply-accumulates)."""
READ = {
    "linear": (nn.Linear(D, 3), B * L * D * 3),
    "a vector times a matrix": (Step(lambda x, w: w @ x[0], ones(L)), L * D),
    "einsum": (Step(lambda x, w: torch.einsum("... l d, k d -> ... l k", x, w), ones(3, D)), B * L * D * 3),
    "einsum, implicit output": (Step(lambda x, w: torch.einsum("bld,dk", x, w), ones(D, 3)), B * L * D * 3),
    "grouped convolution": (Step(lambda x, conv: conv(x.mT), nn.Conv1d(D, 6, 3, groups=2)), B * 3 * 4 * 6 * 3),
    "transposed convolution": (
        Step(lambda x, conv: conv(x.mT), nn.ConvTranspose1d(D, 6, 3, stride=2)), B * L * D * 6 * 3,
    ),
    "rows summed": (Step(bag, None), 0),
    "softmax, activations and sums": (Step(lambda x: F.gelu(x).softmax(-1).sum()), 0),
}  # fmt: skip
"""Name -> (module, multiply-accumulates): right in fvcore too, and to stay so."""


@pytest.mark.parametrize("name", MISREAD)
def test_fvcore_alone_misreads_it_and_both_of_our_counts_do_not(name):
    step, alone, products = MISREAD[name]
    assert traced(step.eval(), plain=True).total() == alone != products
    assert traced(step, plain=False).total() == products
    assert seen(step) == products


@pytest.mark.parametrize("name", READ)
def test_what_fvcore_reads_right_stays_right(name):
    step, products = READ[name]
    ours = traced(step.eval(), plain=False)
    assert ours.total() == traced(step, plain=True).total() == seen(step) == products
    assert not any(map(unpriced, ours.unsupported_ops()))


def test_fvcore_alone_fails_on_a_matrix_times_a_vector():
    step = Step(lambda x, w: x @ w, ones(D))
    with pytest.raises(IndexError):
        traced(step, plain=True)
    assert traced(step, plain=False).total() == seen(step) == B * L * D


def test_a_transformer_layer_costs_the_same_fused_or_not():
    layer = nn.TransformerEncoderLayer(D, 2, 16, batch_first=True).eval()
    products = B * (L * (4 * D * D + 2 * D * 16) + 2 * L * L * D)
    assert traced(layer, plain=True).total() < products
    assert traced(layer, plain=False).total() == seen(layer) == products


@pytest.mark.parametrize(
    "name",
    [
        "scaled_dot_product_attention", "fused multi-head attention", "lstm", "mv", "addmv", "addbmm", "dot", "cdist",
        "cdist of few", "rows summed with weights",
    ],
)  # fmt: skip
def test_torch_s_counter_alone_misses_it(name):
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        MISREAD[name][0].eval()(X)
    assert counter.get_total_flops() == 0


@pytest.mark.parametrize(
    ("step", "operation"),
    [
        (Step(lambda x, m: m(x, x), nn.Bilinear(D, D, 3)), "aten::bilinear"),
        (Step(lambda x: torch.linalg.solve(x[:, :, :L], x[:, :, :L])), "aten::linalg_solve"),
        (Step(lambda x: torch.fft.rfft(x).real), "aten::fft_rfft"),
        (Step(lambda x, w: torch.sparse.mm(w, x[0]), torch.eye(L).to_sparse()), "aten::_sparse_mm"),
    ],
)
def test_an_operation_nobody_has_priced_is_not_free(step, operation):
    analysis = traced(step, plain=False, x=X + torch.eye(L, D))  # so that there is a solution
    assert [name for name in analysis.unsupported_ops() if unpriced(name)] == [operation]


@pytest.mark.parametrize("operation", ["prim::PythonOp.Function", "torchvision::nms", "aten::no_such_operation"])
def test_what_torch_does_not_know_is_not_free(operation):
    assert unpriced(operation)


@pytest.mark.parametrize("operation", ["aten::mul", "aten::add_", "aten::addcmul", "aten::softmax", "aten::bmm"])
def test_pointwise_operations_are_free_and_products_have_a_price(operation):
    assert not unpriced(operation)


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (Step(lambda x, w: w @ x[0], torch.eye(L).to_sparse()), "embedding_bag"),
        (Step(lambda x: torch.einsum("bld,bmd,bnd->blmn", x, x, x)), "two tensors"),
    ],
)
def test_what_a_graph_cannot_tell_is_refused(step, reason):
    with pytest.raises(BenchError, match=reason):
        traced(step, plain=False)


def seen(step: nn.Module) -> float:
    with torch.no_grad():
        return dispatched_products(lambda: step(X))
