"""The optimiser and its schedule, both as the configuration says."""

import torch
from torch import nn
from torch.optim import Optimizer

from fave_bench.training.config import Stage, Training


def make_optimizer(model: nn.Module, training: Training, stage: Stage) -> Optimizer:
    """Adam (weight decay as L2 in the gradient) or AdamW, fused, over the parameters the stage leaves trainable."""
    kind = torch.optim.Adam if training.optimizer == "adam" else torch.optim.AdamW
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return kind(trainable, lr=stage.learning_rate, betas=training.betas, weight_decay=stage.weight_decay, fused=True)


def set_learning_rate(optimizer: Optimizer, stage: Stage, epoch: int, step: int) -> None:
    """The schedule as a pure function of epoch and step (both from 0): warm-up, then a step decay per `decay_every`."""
    decay = stage.decay_factor ** (epoch // stage.decay_every) if stage.decay_every else 1.0
    warmup = min(1.0, (step + 1) / stage.warmup_steps) if stage.warmup_steps else 1.0
    for group in optimizer.param_groups:
        group["lr"] = stage.learning_rate * decay * warmup
