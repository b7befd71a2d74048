"""One optimiser step: losses, gradients, clipping, update."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.optim import Optimizer

from fave_bench.errors import BenchError
from fave_bench.models.contract import Batch, Recommender
from fave_bench.shares import working_on
from fave_bench.training.config import Stage

Terms = dict[str, Tensor]


def train_step(
    model: Recommender, batch: Batch, stage: Stage, optimizer: Optimizer, *, precision: str = "fp32",
    add_up: Callable[[Terms], Terms] = lambda terms: terms,
) -> Terms:  # fmt: skip
    """Take one step and return the detached loss terms. Nothing here waits for the device.

    `add_up` is called once the gradients are there: where processes share the batch it makes them the whole batch's,
    and its loss terms too.
    """
    optimizer.zero_grad(set_to_none=True)
    terms = add_up(gradients(model, batch, precision=precision))
    if stage.clip_norm:
        torch.nn.utils.clip_grad_norm_(model.parameters(), stage.clip_norm)
    optimizer.step()
    return terms


def gradients(model: Recommender, batch: Batch, *, precision: str = "fp32") -> Terms:
    """Add the batch's gradients, or what a share of it has in the whole batch's, and return the detached terms."""
    torch.manual_seed(batch.draw.seed)  # dropout has no generator argument: it draws from the global one
    with _products(precision):
        with (
            working_on(batch.share),
            torch.autocast(batch.history.device.type, torch.bfloat16, enabled=precision == "bf16"),
        ):
            terms = model.losses(batch)
        if batch.share:
            terms = {name: _weight(model, batch, name) * term for name, term in terms.items()}
        torch.stack(list(terms.values())).sum().backward()
    return {term: value.detach() for term, value in terms.items()}


@contextmanager
def _products(precision: str) -> Iterator[None]:
    """fp32 products of matrices in tf32 where that is asked for."""
    usual = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if precision == "tf32" else usual)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(usual)


def _weight(model: Recommender, batch: Batch, term: str) -> float:
    """What a share's mean counts in the mean over the whole batch."""
    assert batch.share is not None and batch.lengths is not None
    if term not in model.means:
        raise BenchError(f"{model.title}: it does not say what its loss '{term}' is a mean over; train it alone")
    if batch.share.idle:
        return 0.0
    if model.means[term] == "samples":
        return len(batch.users) / len(batch.lengths)
    if model.means[term] == "slots":
        assert batch.slots is not None
        return len(batch.slots) / int(batch.lengths.sum())
    return 1.0
