"""The optimiser and its schedule, both as the configuration says."""

from typing import Any

import torch
from torch.optim import Optimizer

from fave_bench.models.contract import Recommender
from fave_bench.training.config import Stage, Training


def make_optimizer(model: Recommender, training: Training, stage: Stage) -> Optimizer:
    """Adam (weight decay as L2 in the gradient) or AdamW, fused, over the parameters the stage leaves trainable."""
    kind = torch.optim.Adam if training.optimizer == "adam" else torch.optim.AdamW
    groups = parameter_groups(model)
    return kind(groups, lr=stage.learning_rate, betas=training.betas, weight_decay=stage.weight_decay, fused=True)


def parameter_groups(model: Recommender) -> list[dict[str, Any]]:
    """Trainable parameters by their factor on the learning rate (`Recommender.learning_rate_factors`, 1 elsewhere)."""
    factors = model.learning_rate_factors()
    groups: dict[float, list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            factor = next((f for part, f in factors.items() if name.startswith(f"{part}.")), 1.0)
            groups.setdefault(factor, []).append(parameter)
    return [{"params": parameters, "factor": factor} for factor, parameters in groups.items()]


def set_learning_rate(optimizer: Optimizer, stage: Stage, epoch: int, step: int) -> None:
    """The schedule as a pure function of epoch and step (both from 0): warm-up, then a step decay per `decay_every`."""
    decay = stage.decay_factor ** (epoch // stage.decay_every) if stage.decay_every else 1.0
    warmup = min(1.0, (step + 1) / stage.warmup_steps) if stage.warmup_steps else 1.0
    for group in optimizer.param_groups:
        group["lr"] = stage.learning_rate * decay * warmup * group.get("factor", 1.0)
