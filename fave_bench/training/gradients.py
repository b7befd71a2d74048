"""Gradients of a batch that processes share: each has those of its own samples, and all need the sum.

Not torch's DistributedDataParallel: it hooks onto one `forward`, and a model here has `losses`, changes at every stage
which of its parameters are trained, owns layers that are never called, and differentiates in forward mode too. One sum
over flat buckets after the backward pass does without knowing any of that.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from fave_bench.distributed import World
from fave_bench.errors import BenchError

BUCKET = 64 << 20
"""Bytes of gradients copied together and summed at once."""


class GradientSum:
    """Adds up the processes' gradients and loss terms in one stage of training."""

    def __init__(self, world: World, model: nn.Module) -> None:
        self.world = world
        self.parameters = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        self.trained: set[str] = set()
        """Names of those that get a gradient in any process, as the first step shows; the others keep having none."""

    def __call__(self, terms: dict[str, Tensor]) -> dict[str, Tensor]:
        """Put every gradient's sum in its place, and return the terms' sums; as given where there is one process."""
        if self.world.size == 1:
            return terms
        total = torch.stack([term.detach().float() for term in terms.values()])
        for bucket in _buckets([*self._gradients(), total]):
            flat = torch.cat([tensor.flatten() for tensor in bucket])
            self.world.add(flat)
            for tensor, found in zip(bucket, flat.split([tensor.numel() for tensor in bucket]), strict=True):
                tensor.copy_(found.view_as(tensor))
        return dict(zip(terms, total.unbind(), strict=True))

    def _gradients(self) -> Iterator[Tensor]:
        """In the same order in every process; zeros where only others have any."""
        here = {name for name, weight in self.parameters.items() if weight.grad is not None}
        if not self.trained:
            flags = torch.tensor([name in here for name in self.parameters], dtype=torch.int32)
            self.world.add(flags)
            self.trained = {name for name, flag in zip(self.parameters, flags.tolist(), strict=True) if flag}
        if late := sorted(here - self.trained):
            raise BenchError(f"{late[0]}: its first gradient came after the first step, so processes cannot share it")
        for name in (name for name in self.parameters if name in self.trained):
            weight = self.parameters[name]
            if weight.grad is None:
                weight.grad = torch.zeros_like(weight)
            yield weight.grad


def _buckets(tensors: list[Tensor]) -> Iterator[list[Tensor]]:
    """Consecutive tensors of at most `BUCKET` bytes together, or one that is larger."""
    bucket: list[Tensor] = []
    for tensor in tensors:
        if bucket and sum(t.nbytes for t in bucket) + tensor.nbytes > BUCKET:
            yield bucket
            bucket = []
        bucket.append(tensor)
    yield bucket
