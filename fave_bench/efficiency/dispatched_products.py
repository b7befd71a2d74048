"""The second opinion: floating-point operations as torch's dispatcher sees them, with formulas for what torch lacks.

FlopCounterMode watches the kernels that really run, after torch has taken composite operations apart; nothing that runs
is pruned, and nothing is read from a graph. It counts a multiplication and an addition as two.
"""

from collections.abc import Callable
from math import prod
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

aten = torch.ops.aten
Shape = torch.Size


def dispatched_products(run: Callable[[], object]) -> float:
    """Multiply-accumulates of everything that happens while `run` runs."""
    with FlopCounterMode(display=False, custom_mapping=FORMULAS) as counter:
        run()
    return counter.get_total_flops() / 2


def _mv(matrix: Shape, *_: Any, **__: Any) -> int:
    return 2 * prod(matrix)


def _addmv(_bias: Shape, matrix: Shape, *_: Any, **__: Any) -> int:
    return 2 * prod(matrix)


def _addbmm(_bias: Shape, a: Shape, b: Shape, **_: Any) -> int:
    return 2 * prod(a) * b[-1]


def _attention(query: Shape, key: Shape, value: Shape, *_: Any, **__: Any) -> int:
    return 2 * prod(query[:-1]) * key[-2] * (query[-1] + value[-1])


def _fused_attention(*weights: int) -> Callable[..., int]:
    def formula(*inputs: Any, **_: Any) -> int:
        batch, length, width = inputs[0]
        return 2 * batch * length * (sum(prod(inputs[weight]) for weight in weights) + 2 * length * width)

    return formula


def _distance(a: Shape, _b: Shape, *_: Any, out_shape: Shape, **__: Any) -> int:
    return 2 * prod(out_shape) * a[-1]


def _embedding_bag(*inputs: Any, **named: Any) -> int:
    weighted = inputs[6] if len(inputs) > 6 else named.get("per_sample_weights")
    return 2 * prod(weighted) * inputs[0][-1] if weighted is not None else 0


def _mkldnn_recurrent(rows: Shape, *inputs: Any, **_: Any) -> int:
    """One layer and direction: the input, then two weight matrices and more."""
    return 2 * prod(rows[:-1]) * (prod(inputs[0]) + prod(inputs[1]))


FORMULAS: dict[Any, Callable[..., int]] = {
    aten.mv: _mv,
    aten.dot: _mv,
    aten.vdot: _mv,
    aten.addmv: _addmv,
    aten.addbmm: _addbmm,
    aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    aten._native_multi_head_attention: _fused_attention(5, 7),
    aten._transformer_encoder_layer_fwd: _fused_attention(3, 5, 14, 16),
    aten._cdist_forward: _distance,
    aten._euclidean_dist: _distance,
    aten._embedding_bag: _embedding_bag,
    aten._embedding_bag_forward_only: _embedding_bag,
    aten.mkldnn_rnn_layer: _mkldnn_recurrent,
}
"""Kernel -> floating-point operations, from its arguments' shapes."""
