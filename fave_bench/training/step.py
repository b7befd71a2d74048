"""One optimiser step: losses, gradients, clipping, update."""

import torch
from torch import Tensor
from torch.optim import Optimizer

from fave_bench.models.contract import Batch, Recommender
from fave_bench.training.config import Stage


def train_step(
    model: Recommender, batch: Batch, stage: Stage, optimizer: Optimizer, *, precision: str = "fp32"
) -> dict[str, Tensor]:
    """Take one step and return the detached loss terms. Nothing here waits for the device."""
    torch.manual_seed(batch.draw.seed)  # dropout has no generator argument: it draws from the global one
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast(batch.history.device.type, torch.bfloat16, enabled=precision == "bf16"):
        terms = model.losses(batch)
    torch.stack(list(terms.values())).sum().backward()
    if stage.clip_norm:
        torch.nn.utils.clip_grad_norm_(model.parameters(), stage.clip_norm)
    optimizer.step()
    return {term: value.detach() for term, value in terms.items()}
