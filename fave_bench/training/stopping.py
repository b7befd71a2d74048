"""Early stopping: which look at validation is the best so far, and when to give up."""

from dataclasses import dataclass, field

from fave_bench.training.config import Stage

Metrics = dict[str, dict[str, float]]
"""Protocol -> metric -> fraction."""


@dataclass
class EarlyStopping:
    """The state of model selection in one stage; plain values, so that a checkpoint can hold it."""

    stage: Stage
    best: dict[str, float] = field(default_factory=dict)
    best_epoch: int = 0
    looks_since_best: int = 0

    def look(self, metrics: Metrics, epoch: int) -> bool:
        """Take in validation metrics; True when these weights are the ones to keep."""
        watched = self._watched(metrics)
        improved = {name: value for name, value in watched.items() if value > self.best.get(name, -1.0)}
        self.best |= improved
        if improved:
            self.best_epoch, self.looks_since_best = epoch, 0
        else:
            self.looks_since_best += 1
        return bool(improved)

    @property
    def exhausted(self) -> bool:
        return self.looks_since_best >= self.stage.patience

    def _watched(self, metrics: Metrics) -> dict[str, float]:
        if self.stage.selection == "N@20":
            return {"N@20": metrics["filtered"]["N@20"]}
        return {name: metrics["released"][name] for name in self.stage.selection_metrics}

    def state(self) -> dict[str, object]:
        return {"best": self.best, "best_epoch": self.best_epoch, "looks_since_best": self.looks_since_best}
