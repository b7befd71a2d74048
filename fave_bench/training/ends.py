"""The ends of training stages that several runs have in common, so that each stage is trained once.

Order, noise and dropout are functions of (seed, stage, epoch, step), so runs that agree in all that a stage depends on
leave it with the same weights, and may go on from one copy. A budget's clock goes on from where the copy's stood.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict
from torch import Tensor

from fave_bench.locking import alone
from fave_bench.models.contract import Recommender
from fave_bench.training import checkpoint
from fave_bench.training.config import Training


class End(BaseModel):
    """A stage that is over."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    run: str
    """Key of the run that trained it."""
    weights: dict[str, Tensor]
    """The best ones, on the CPU."""
    outcome: dict[str, Any]
    """training.loop.Outcome up to here, as plain values."""


class StageEnds:
    """The shared ends below one folder, as one run sees them."""

    def __init__(self, folder: Path, keys: Mapping[str, str], run: str) -> None:
        """`keys`: stage -> `end_keys`; a stage without one is nobody else's. `run`: the key of the run that asks."""
        self.folder, self.keys, self.run = folder, keys, run

    def alone(self, stage: str, give_up: Callable[[], bool]) -> AbstractContextManager[None]:
        """Be the only process at `stage`, so that it is trained once; see `locking.alone`."""
        if stage not in self.keys:
            return nullcontext()
        return alone(self.path(stage).with_suffix(".lock"), give_up)

    def load(self, stage: str) -> End | None:
        """The end of `stage`, where some run has been there. Raises BenchError for a damaged file."""
        saved = checkpoint.load(self.path(stage)) if stage in self.keys else None
        if saved is None:
            return None
        with self.applying(stage):
            return End.model_validate(saved)

    def applying(self, stage: str) -> AbstractContextManager[None]:
        """Raise BenchError where what `load` gave does not fit the run."""
        return checkpoint.applying(self.path(stage))

    def save(self, stage: str, weights: dict[str, Tensor], outcome: dict[str, Any]) -> None:
        """Leave the end of `stage` to others, unless a run has done so already."""
        if stage in self.keys and not self.path(stage).exists():
            checkpoint.save(self.path(stage), {"run": self.run, "weights": weights, "outcome": outcome})

    def path(self, stage: str) -> Path:
        """The file of a stage that has a key."""
        return self.folder / f"{self.keys[stage]}.pt"


def end_keys(model: Recommender, training: Training, given: Mapping[str, Any]) -> dict[str, str]:
    """Stage -> hash of exactly what its end depends on, for every stage that has a later one.

    That is `given` (data, seed, model and its version), the training up to there, and of the model's configuration
    what no later stage claims for itself (`Recommender.stage_fields`).
    """
    names, keys = list(training.stages), {}
    for number, name in enumerate(names[:-1], 1):
        later = {field for other in names[number:] for field in model.stage_fields.get(other, ())}
        inputs = {
            "given": given,
            "model": model.config.model_dump(mode="json", exclude=later),
            "padding_free": model.padding_free,  # decides how a batch is laid out, and may depend on any field
            "training": training.model_dump(mode="json", exclude={"stages", "time_budget"}),
            "stages": [
                (n, training.stages[n].model_dump(mode="json", exclude={"budget_share"})) for n in names[:number]
            ],
            "limits": [str(training.limit(n)) for n in names[:number]],
        }
        keys[name] = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:12]
    return keys
