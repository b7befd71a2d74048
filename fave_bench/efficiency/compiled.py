"""Compiling a function of tensors for fixed shapes, with a model's weights as constants."""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

from fave_bench.models.blocks import Mask

torch.export.register_dataclass(Mask)

Function = Callable[..., Any]


class Compiled:
    """`function`, a method of a model or a function over it, compiled once for each set of shapes it is called with.

    Tensors reached through `model` are taken as constants: what depends on them alone, such as time embeddings, is
    computed while compiling, and weights are laid out for the kernels that read them.
    """

    def __init__(self, model: nn.Module, function: Function) -> None:
        self.module = _Function(model, function)
        self.by_shapes: dict[Any, Function] = {}

    def __call__(self, *given: Any) -> Any:
        leaves, structure = pytree.tree_flatten(given)
        # compiled code takes strides for granted; an argument that is None is a leaf too
        leaves = [leaf.contiguous() if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves]
        given = pytree.tree_unflatten(leaves, structure)
        shapes = (*(getattr(leaf, "shape", leaf) for leaf in leaves), structure)
        if shapes not in self.by_shapes:
            self.by_shapes[shapes] = _compile(self.module, given)
        with torch.no_grad():
            return self.by_shapes[shapes](*given)


class _Function(nn.Module):
    """A function as the module that export wants, holding the model so that its tensors are found."""

    def __init__(self, model: nn.Module, function: Function) -> None:
        super().__init__()
        self.model, self.function = model, function
        self.eval()

    def forward(self, *given: Any) -> Any:
        return self.function(*given)


def _compile(module: nn.Module, given: tuple[Any, ...]) -> Function:
    """Exported, so that no guard is left to check at every call, and compiled with frozen weights."""
    with torch.inference_mode(False), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what torch thinks of its own internals
        given = pytree.tree_map_only(torch.Tensor, torch.clone, given)  # no inference tensors
        graph = torch.export.export(module, given, strict=False).module()
        with torch._inductor.config.patch(freezing=True):
            return torch._inductor.compile(graph, list(given))
