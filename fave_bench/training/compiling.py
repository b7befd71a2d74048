"""A compiled training step: the method in which it spends its time, fused by torch.compile."""

from types import TracebackType

import torch

from fave_bench.models.contract import Recommender

GRAPHS = 256
"""How often a process may compile one method: for either stage, with tangents and without gradients, for one row or
slot or more, for few rows or many, and for other configurations. The compiler's own limit is 8, and what comes after it
runs uncompiled."""


class CompiledStep:
    """Inside its context, `model.training_method` runs compiled: for any shapes, and gradients with it.

    Validation stays outside, so that its shapes are not compiled for as well. The mathematics are the same; dropout
    draws the same distribution in another order than uncompiled code does, since the compiler orders operations anew.
    """

    def __init__(self, model: Recommender, *, wanted: bool) -> None:
        self.model, self.name = model, model.training_method if wanted else ""
        self.function, self.fresh = None, bool(self.name)
        if self.name:
            torch._dynamo.config.specialize_float = True  # a configuration's numbers stay: compiled once and not twice
            torch._dynamo.config.recompile_limit = GRAPHS
            self.function = torch.compile(getattr(model, self.name), dynamic=True)

    def compiled_just_now(self) -> bool:
        """Whether the step before was the first, which waited for the compiler."""
        fresh, self.fresh = self.fresh, False
        return fresh

    def __enter__(self) -> None:
        if self.function:
            setattr(self.model, self.name, self.function)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.function:
            delattr(self.model, self.name)
