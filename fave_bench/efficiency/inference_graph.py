"""Counting the products of inference: one graph a model, counted twice.

`InferenceGraph` is all that happens between a history and the catalogue's scores, sampler included, as one module,
since a tracer sees what `forward` runs and nothing else. It is counted by fvcore from its trace and by torch's
dispatcher while it runs; where the two differ by more than 2 %, neither is believed.
"""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from fave_bench.efficiency.dispatched_products import dispatched_products
from fave_bench.efficiency.traced_products import HANDLES, unpriced
from fave_bench.errors import BenchError
from fave_bench.models.contract import GenerativeRecommender, Recommender

if TYPE_CHECKING:
    from fvcore.nn import FlopCountAnalysis

TOLERANCE = 0.02
"""Largest difference between the two counts, relative to the larger."""
LAYERS = (nn.Linear, nn.modules.conv._ConvNd, nn.RNNBase)
"""Modules that the papers' tool counts."""


class Still:
    """A draw that is the same for everybody and at every call: what is drawn costs no products."""

    seed = 0

    def normal(self, *shape: int) -> Tensor:
        return torch.zeros(shape)

    def uniform(self, *shape: int) -> Tensor:
        return torch.full(shape, 0.5)


class InferenceGraph(nn.Module):
    """History (1, L) in, scores (1, V) out; with `steps`, the sampler alone with so many steps, (1, d) out."""

    def __init__(self, model: Recommender, steps: int | None = None) -> None:
        super().__init__()
        self.model, self.steps = model, steps

    def forward(self, history: Tensor) -> Tensor:
        if self.steps is None:
            return self.model.scores(history, draw=Still())
        assert isinstance(self.model, GenerativeRecommender)
        return self.model.trajectory(history, steps=self.steps, draw=Still())[-1]


@dataclass(frozen=True)
class Products:
    """Multiply-accumulates of one user."""

    total: int
    """Of every product."""
    layers: int
    """Of linear, convolutional and recurrent modules alone."""


def count(model: Recommender, name: str, steps: int | None = None) -> Products:
    """Both counts of `model` (on the CPU, in evaluation mode), which must agree; `name` is for the complaint.

    Raises BenchError for an operation whose cost is not known, and where the counts differ by more than 2 %.
    """
    graph = InferenceGraph(model, steps)
    history = (torch.arange(model.config.window) % model.num_items + 1)[None]
    with torch.no_grad():
        graph(history)  # what is computed once and kept is no user's cost
        traced = _traced(graph, history, name)
        seen = dispatched_products(lambda: graph(history))
    total = int(traced.total())
    if abs(total - seen) > TOLERANCE * max(total, seen):
        raise BenchError(
            f"the multiply-accumulates of {name} are not certain: fvcore counts {total:,}, torch's FlopCounterMode"
            f" {seen:,.0f}, {dict(traced.by_operator())}; a product is pruned from the graph or lacks a formula"
        )
    layers = {path for path, module in graph.named_modules() if isinstance(module, LAYERS)}
    return Products(total, int(sum(cost for path, cost in traced.by_module().items() if path in layers)))


def _traced(graph: InferenceGraph, history: Tensor, name: str) -> "FlopCountAnalysis":
    with warnings.catch_warnings():
        # fvcore is written for TorchScript, which torch calls deprecated, when imported and when tracing
        warnings.filterwarnings("ignore", message=".*torch.jit", category=DeprecationWarning)
        from fvcore.nn import FlopCountAnalysis

        analysis = FlopCountAnalysis(graph, (history,)).clear_op_handles()
        analysis.set_op_handle(**{f"aten::{operation}": handle for operation, handle in HANDLES.items()})
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        try:
            analysis.total()  # traces, and keeps what it finds
        except (BenchError, RuntimeError) as error:  # the second is the tracer's
            reason = str(error).partition("\n")[0]
            raise BenchError(f"the multiply-accumulates of {name} cannot be counted: {reason}") from error
    unknown = sorted(operation for operation in analysis.unsupported_ops() if unpriced(operation))
    if unknown:
        raise BenchError(
            f"the cost of {' and '.join(unknown)} in {name} is not known: give it a price in traced_products.py or list"
            " it in free_operations.py, both in fave_bench/efficiency"
        )
    return analysis
