"""What a run is asked to be, before data and presets make a run of it."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fave_bench.models import registry
from fave_bench.models.contract import GenerativeRecommender, Recommender


@dataclass(frozen=True)
class Spec:
    """What to run. Together with the data it decides the record's key."""

    dataset: str
    model: str
    setting: str | None = None
    """None is the preset's first row."""
    variant: str | None = None
    seed: int = 0
    overrides: dict[str, Any] = field(default_factory=dict)
    """Dotted keys laid over the preset, e.g. ``{"model.steps": 1}``; what they change names the row's variant."""
    quick: bool = False
    """Use the preset's tuning for short budgets."""
    epochs: int | None = None
    """At most so many epochs in every stage; None is the preset's limit."""
    time_budget: float | None = None
    """Seconds of training; None is no limit."""
    split: str = "leave-one-out"
    source: Path | None = None
    """Where to read the data from, before the usual places."""
    compiled: bool = False
    """Compile the training step: the same mathematics, so no part of the key."""
    precision: str | None = None
    """`fp32`, `tf32` or `bf16` for training; None is the preset's."""
    look_steps: int | None = None
    """Sampler steps at looks at validation; None is the model's own number."""

    def fast(self) -> "Spec":
        """The same with compiled training steps in bf16, where the model has something to compile (see `suited`)."""
        compilable = registry.load(self.model).training_method is not Recommender.training_method
        return replace(self, compiled=True, precision="bf16") if compilable else self

    def looking_in(self, steps: int | None) -> "Spec":
        """The same with so many sampler steps at looks, where the model has a sampler."""
        return replace(self, look_steps=steps) if issubclass(registry.load(self.model), GenerativeRecommender) else self
