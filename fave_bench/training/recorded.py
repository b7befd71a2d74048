"""Steps of training recorded as a CUDA graph: the host asks for a thousand kernels once, and then for all at a time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor
from torch.optim import Optimizer

from fave_bench.models.contract import Batch, Recommender
from fave_bench.randomness import StepDraw
from fave_bench.training.compiling import CompiledStep
from fave_bench.training.config import Stage
from fave_bench.training.step import Terms, train_step

Step = Callable[[Batch], Terms]
WARM_UP = 3
"""Steps taken before one is recorded: libraries choose their kernels in them, and the optimiser makes its state."""


def make_step(
    model: Recommender, stage: Stage, optimizer: Optimizer, execution: CompiledStep, *, size: int,
    precision: str = "fp32", add_up: Callable[[Terms], Terms] = lambda terms: terms, alone: bool = True,
) -> Step:  # fmt: skip
    """`train_step` as a trainer takes it: compiled by `execution`, and recorded where that is possible.

    `size` samples make a whole batch; not `alone`: processes share it.
    """

    def step(batch: Batch) -> Terms:
        with execution:
            return train_step(model, batch, stage, optimizer, precision=precision, add_up=add_up)

    device = next(model.parameters()).device
    recordable = device.type == "cuda" and alone and model.recordable
    return RecordedStep(step, optimizer, size, device) if recordable else step


class RecordedStep:
    """Takes the steps that `step` would, on a CUDA device, for a model that is `recordable`.

    Noise and dropout are drawn from the generators that `step` draws from, seeded anew for every batch, so that the
    numbers are the same whether a step is recorded or not. A batch of another size, as the last of a pass, is taken by
    `step` itself.
    """

    def __init__(self, step: Step, optimizer: Optimizer, size: int, device: torch.device) -> None:
        self.step, self.optimizer, self.size, self.device = step, optimizer, size, device
        self.taken, self.graph, self.aside = 0, torch.cuda.CUDAGraph(), torch.cuda.Stream(device)

    def __call__(self, batch: Batch) -> Terms:
        if len(batch.users) != self.size:
            return self.step(batch)
        self.taken += 1
        with torch.cuda.device(self.device):
            if self.taken <= WARM_UP:
                return self._beside(batch)
            if self.taken == WARM_UP + 1:
                self._record(batch)
            return self._replay(batch)

    def _beside(self, batch: Batch) -> Terms:
        """A step on the stream that is recorded later, as libraries keep what they need by stream."""
        self.aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.aside):
            terms = self.step(batch)
        torch.cuda.current_stream().wait_stream(self.aside)
        return terms

    def _record(self, batch: Batch) -> None:
        """Nothing is computed yet; the tensors made here are where every replay reads and writes."""
        draw = StepDraw(batch.draw.seed, self.device)
        users, history, target = self.inputs = tuple(tensor.clone() for tensor in _inputs(batch))
        recorded = replace(batch, users=users, history=history, target=target, draw=draw, everyone=history)
        self.draw, self.rates = draw, [torch.zeros((), device=self.device) for _ in self.optimizer.param_groups]
        self.graph.register_generator_state(draw.generator)
        torch.manual_seed(draw.seed)  # as `step` does, which under recording may only repeat it
        with self._rates_on_device(), torch.cuda.graph(self.graph, stream=self.aside):
            self.terms = self.step(recorded)

    @contextmanager
    def _rates_on_device(self) -> Iterator[None]:
        """Learning rates as tensors, since a graph would keep a number for ever."""
        groups = self.optimizer.param_groups
        before = [(group["lr"], group["capturable"]) for group in groups]
        for group, rate in zip(groups, self.rates, strict=True):
            group["lr"], group["capturable"] = rate, True
        try:
            yield
        finally:
            for group, (rate, capturable) in zip(groups, before, strict=True):
                group["lr"], group["capturable"] = rate, capturable

    def _replay(self, batch: Batch) -> Terms:
        for recorded, given in zip(self.inputs, _inputs(batch), strict=True):
            recorded.copy_(given)
        for rate, group in zip(self.rates, self.optimizer.param_groups, strict=True):
            rate.fill_(group["lr"])
        torch.manual_seed(batch.draw.seed)
        self.draw.generator.manual_seed(batch.draw.seed)
        self.graph.replay()
        return {name: term.clone() for name, term in self.terms.items()}  # the next replay overwrites them


def _inputs(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    return batch.users, batch.history, batch.target
