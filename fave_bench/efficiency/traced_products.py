"""What the operations of a traced graph cost: handlers for fvcore, which misses some and misreads others.

Unit: multiply-accumulates of products that sum, that is matrix products, convolutions, recurrent cells, attention and
distances. Element-wise arithmetic, normalisations, softmax, lookups and reductions count nothing, here and in the
papers. An operation that is neither priced here nor known to be free is an error of the caller (`unpriced`).

fvcore alone returns 0 for scaled_dot_product_attention, gru, cdist, baddbmm, mv and the fused multi-head attention,
adds 5 a number for a layer norm, fails on a matrix times a vector and forgets batch dimensions that broadcast.
"""

from collections.abc import Callable, Iterable
from math import isqrt, prod
from typing import Any

import torch

from fave_bench.efficiency.free_operations import FREE
from fave_bench.errors import BenchError

Value = Any
"""torch._C.Value: an edge of the graph, with the shape it had in the traced run."""
Handle = Callable[[list[Value], list[Value]], int]


def sizes(value: Value) -> list[int]:
    """The shape of a tensor in the graph; empty for a scalar, and for what is no tensor."""
    if value.isCompleteTensor():
        return list(value.type().sizes())
    if value.type().kind() == "TensorType":
        raise BenchError("the graph does not tell the size of a tensor (a sparse one? write it as an embedding_bag)")
    return []


def sums_over(operand: int) -> Handle:
    """Every number of the output is a sum over the last dimension of that operand."""
    return lambda inputs, outputs: prod(sizes(outputs[0])) * sizes(inputs[operand])[-1]


def added_batches(inputs: list[Value], _: list[Value]) -> int:
    """addbmm(input, (B, n, m), (B, m, p))"""
    return prod(sizes(inputs[1])) * sizes(inputs[2])[-1]


def einsum(inputs: list[Value], outputs: list[Value]) -> int:
    """Of two operands; without a sum it is an element-wise product, and free. The order of more is not known here."""
    operands = [sizes(value) for value in inputs[1].node().inputs()]
    terms, _, result = inputs[0].toIValue().replace(" ", "").partition("->")
    if len(operands) > 2:
        raise BenchError(f"einsum '{terms}': only products of two tensors can be counted; write it as several")
    letters = [letter for letter in terms if letter.isalpha()]
    kept = set(result) if result else {letter for letter in letters if letters.count(letter) == 1}
    summed = {letter: size for term, shape in zip(terms.split(","), operands, strict=True)
              for letter, size in _sizes_of_letters(term, shape) if letter not in kept}  # fmt: skip
    return prod(sizes(outputs[0])) * prod(summed.values()) if summed and len(operands) == 2 else 0


def _sizes_of_letters(term: str, shape: list[int]) -> Iterable[tuple[str, int]]:
    """Letters before an ellipsis count from the left, letters after it from the right."""
    before, _, after = term.partition("...")
    yield from zip(before, shape, strict=False)
    yield from zip(reversed(after), reversed(shape), strict=False)


def contraction(inputs: list[Value], outputs: list[Value]) -> int:
    """tensordot: with K numbers in each sum, outputs = numbers of a · numbers of b / K²."""
    return isqrt(prod(sizes(inputs[0])) * prod(sizes(inputs[1])) * prod(sizes(outputs[0])))


def convolution(inputs: list[Value], outputs: list[Value]) -> int:
    """The kernel once for every position of the output, or of the input if transposed."""
    return _kernel_at(inputs[0] if inputs[6].toIValue() else outputs[0], inputs[1])


def padded_convolution(inputs: list[Value], outputs: list[Value]) -> int:
    """With padding="same" or "valid", never transposed."""
    return _kernel_at(outputs[0], inputs[1])


def _kernel_at(positions: Value, kernel: Value) -> int:
    batch, _, *extent = sizes(positions)
    return batch * prod(extent) * prod(sizes(kernel))


def attention(inputs: list[Value], _: list[Value]) -> int:
    """Queries (..., L, d), keys (..., S, d), values (..., S, d'): both products; a mask saves nothing."""
    query, key, value = (sizes(operand) for operand in inputs[:3])
    return prod(query[:-1]) * key[-2] * (query[-1] + value[-1])


def fused_attention(*weights: int) -> Handle:
    """Self-attention of (B, L, d) with its layers: the 2-D inputs numbered `weights` meet every slot."""

    def handle(inputs: list[Value], _: list[Value]) -> int:
        batch, length, width = sizes(inputs[0])
        layers = sum(prod(sizes(inputs[weight])) for weight in weights)
        return batch * length * (layers + 2 * length * width)

    return handle


def recurrent(inputs: list[Value], _: list[Value]) -> int:
    """Every weight matrix of every layer and direction meets every row of the input, packed or not."""
    lists = [value.node().inputs() for value in inputs if value.node().kind() == "prim::ListConstruct"]
    weights = [shape for values in lists for shape in map(sizes, values) if len(shape) == 2]
    return prod(sizes(inputs[0])[:-1]) * sum(map(prod, weights))


def embedding_bag(inputs: list[Value], _: list[Value]) -> int:
    """Rows that are summed as they are cost additions; rows with a weight each are a sparse matrix product."""
    weighted = sizes(inputs[6])
    return prod(weighted) * sizes(inputs[0])[-1] if weighted else 0


HANDLES: dict[str, Handle] = {
    **dict.fromkeys(("linear", "matmul", "mm", "bmm", "mv", "dot", "vdot", "inner", "cdist"), sums_over(0)),
    **dict.fromkeys(("addmm", "addmv", "baddbmm"), sums_over(1)),
    "addbmm": added_batches,
    "einsum": einsum,
    "tensordot": contraction,
    **dict.fromkeys(("_convolution", "convolution"), convolution),
    "_convolution_mode": padded_convolution,
    "scaled_dot_product_attention": attention,
    "_native_multi_head_attention": fused_attention(5, 7),
    "_transformer_encoder_layer_fwd": fused_attention(3, 5, 14, 16),
    **dict.fromkeys(("gru", "lstm", "rnn_tanh", "rnn_relu"), recurrent),
    "embedding_bag": embedding_bag,
}
"""Operation of the namespace aten -> its multiply-accumulates."""


def unpriced(operation: str) -> bool:
    """Whether an operation of a graph ("aten::bmm", "prim::PythonOp.Name") is neither priced nor free."""
    namespace, _, name = operation.partition("::")
    return namespace != "aten" or not (name in HANDLES or name in FREE or _pointwise(name))


def _pointwise(name: str) -> bool:
    packet = getattr(torch.ops.aten, name, None)
    overloads = packet.overloads() if packet is not None else []
    return any(torch.Tag.pointwise in getattr(packet, overload).tags for overload in overloads)
