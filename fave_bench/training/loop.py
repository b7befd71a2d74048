"""The training loop, the same for every model.

Order, noise and dropout are functions of (seed, stage, epoch, step), so a run resumed from any checkpoint takes the
same steps as one that was never interrupted.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from fave_bench.errors import BenchError
from fave_bench.models.contract import Batch, Recommender
from fave_bench.randomness import seed_of
from fave_bench.training import checkpoint
from fave_bench.training.config import Stage, Training
from fave_bench.training.optimizer import make_optimizer, set_learning_rate
from fave_bench.training.progress import Progress
from fave_bench.training.samples import Samples
from fave_bench.training.stopping import EarlyStopping, Metrics

CHECKPOINT_EVERY = 60.0
"""Seconds between checkpoints; a shorter epoch is cheaper to repeat than to save."""
REPORT_EVERY = 50
"""Steps between reading the loss back from the device, where a non-finite loss is noticed too."""

Validate = Callable[[Recommender], Metrics]
State = dict[str, Tensor]


@dataclass
class Outcome:
    """What training did, as a record tells it."""

    epochs: float = 0.0
    """Passes over the samples, all stages together; a fraction when a budget ended one."""
    best_epoch: int = 0
    """Epoch of the weights kept, within the last stage; 0 where none was kept."""
    stopped_because: str = "converged"
    """`converged` (patience), `epochs` (the stage's limit) or `budget` (the clock)."""
    seconds: float = 0.0
    samples: int = 0
    curve: list[dict[str, Any]] = field(default_factory=list)
    """Per look: stage, epoch, seconds, mean loss terms, validation metrics."""

    @property
    def samples_per_second(self) -> float:
        return self.samples / self.seconds if self.seconds else 0.0


class Trainer:
    """Trains one model through its stages; `run` returns with the best weights loaded."""

    def __init__(
        self, model: Recommender, samples: Samples, training: Training, validate: Validate, *, seed: int,
        checkpoint_path: Path | None = None,
    ) -> None:  # fmt: skip
        self.model, self.samples, self.training, self.validate, self.seed = model, samples, training, validate, seed
        self.path = checkpoint_path
        self.outcome = Outcome()
        self.last_saved = time.monotonic()

    def run(self) -> Outcome:
        resumed = (checkpoint.load(self.path) if self.path else None) or {}
        names = list(self.training.stages)
        if resumed:
            self.outcome = Outcome(**resumed["outcome"])
        begun = names.index(resumed["stage"]) if resumed else 0
        shares = [stage.budget_share for stage in self.training.stages.values()]
        for index, name in enumerate(names):
            self.model.enter_stage(name)
            if index < begun:
                continue
            budget = self.training.time_budget
            limit = budget * sum(shares[: index + 1]) / sum(shares) if budget else None
            self._stage(name, limit, resumed if index == begun else {})
        return self.outcome

    def _stage(self, name: str, limit: float | None, resumed: dict[str, Any]) -> None:
        stage = self.training.stages[name]
        optimizer = make_optimizer(self.model, self.training, stage)
        stopping, epoch, best = EarlyStopping(stage), 0, self._weights()
        if resumed:
            epoch, best = resumed["epoch"], resumed["best"]
            stopping = EarlyStopping(stage, **resumed["stopping"])
            self.model.load_state_dict(resumed["model"])
            optimizer.load_state_dict(resumed["optimizer"])
        started = time.monotonic() - self.outcome.seconds
        deadline = started + limit if limit else None
        out_of_time = limit is not None and self.outcome.seconds >= limit
        with Progress(f"{self.model.title} {name}", stage.epochs * len(self.samples), epoch * len(self.samples), deadline) as progress:
            while epoch < stage.epochs and not stopping.exhausted and not out_of_time:
                losses, share = self._epoch(name, stage, optimizer, epoch, deadline, progress)
                epoch, out_of_time = epoch + 1, share < 1 or (deadline is not None and time.monotonic() >= deadline)
                self.outcome.epochs += share
                self.outcome.seconds = time.monotonic() - started
                if epoch % stage.evaluate_every == 0 or epoch == stage.epochs or out_of_time:
                    metrics = self.validate(self.model)
                    progress.validated(metrics["filtered"]["N@20"])
                    self.outcome.seconds = time.monotonic() - started
                    self.outcome.curve.append(self._look(name, epoch, losses, metrics))
                    if stopping.look(metrics, epoch):
                        best = self._weights()
                finished = epoch == stage.epochs or stopping.exhausted or out_of_time
                self._save(name, epoch, optimizer, stopping, best, due=finished)
        self.model.load_state_dict(best)
        self.outcome.best_epoch = stopping.best_epoch
        self._conclude(stopping, out_of_time)

    def _epoch(
        self, name: str, stage: Stage, optimizer: Optimizer, epoch: int, deadline: float | None, progress: Progress
    ) -> tuple[dict[str, float], float]:
        """One pass, or the part of it before the deadline: mean loss terms, and the share of samples seen."""
        self.model.train()
        totals: dict[str, Tensor] = {}
        chunks = self.samples.order(self.seed, name, epoch).split(self.training.batch_size)
        seen = 0
        for step, rows in enumerate(chunks):
            set_learning_rate(optimizer, stage, epoch, epoch * len(chunks) + step)
            terms = self._step(self.samples.batch(rows, seed_of(self.seed, name, epoch, step)), stage, optimizer)
            for term, value in terms.items():
                totals[term] = totals[term] + value if term in totals else value
            seen += len(rows)
            progress.advance(len(rows))
            if step % REPORT_EVERY == 0 or step == len(chunks) - 1:
                progress.report(self._read(totals, step + 1, epoch))
            if deadline is not None and time.monotonic() >= deadline:
                break
        self.outcome.samples += seen
        return self._read(totals, step + 1, epoch), seen / len(self.samples)

    def _step(self, batch: Batch, stage: Stage, optimizer: Optimizer) -> dict[str, Tensor]:
        """One optimiser step; returns the detached loss terms. Nothing here waits for the device."""
        torch.manual_seed(batch.draw.seed)  # dropout has no generator argument: it draws from the global one
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(batch.history.device.type, torch.bfloat16, enabled=self.training.precision == "bf16"):
            terms = self.model.losses(batch)
        torch.stack(list(terms.values())).sum().backward()
        if stage.clip_norm:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), stage.clip_norm)
        optimizer.step()
        return {term: value.detach() for term, value in terms.items()}

    def _read(self, totals: dict[str, Tensor], steps: int, epoch: int) -> dict[str, float]:
        values = dict(zip(totals, torch.stack(list(totals.values())).tolist(), strict=True))
        broken = [term for term, value in values.items() if not abs(value) < float("inf")]
        if broken:
            finite = {term: round(value / steps, 6) for term, value in values.items() if term not in broken}
            raise BenchError(
                f"{self.model.title}: the loss became non-finite in epoch {epoch + 1}: {', '.join(broken)} "
                f"(finite so far: {finite or 'none'}); lower the learning rate or clip the gradient"
            )
        return {term: value / steps for term, value in values.items()}

    def _look(self, name: str, epoch: int, losses: dict[str, float], metrics: Metrics) -> dict[str, Any]:
        seconds = round(self.outcome.seconds, 3)
        return {"stage": name, "epoch": epoch, "seconds": seconds, "losses": losses, "validation": metrics}

    def _conclude(self, stopping: EarlyStopping, out_of_time: bool) -> None:
        because = "budget" if out_of_time else "converged" if stopping.exhausted else "epochs"
        if self.outcome.stopped_because != "budget":  # one stage cut short is enough for the run not to have converged
            self.outcome.stopped_because = because

    def _weights(self) -> State:
        return {name: tensor.detach().to("cpu", copy=True) for name, tensor in self.model.state_dict().items()}

    def _save(
        self, name: str, epoch: int, optimizer: Optimizer, stopping: EarlyStopping, best: State, *, due: bool
    ) -> None:
        if self.path is None or not (due or time.monotonic() - self.last_saved >= CHECKPOINT_EVERY):
            return
        state = {
            "stage": name, "epoch": epoch, "model": self.model.state_dict(), "optimizer": optimizer.state_dict(),
            "best": best, "stopping": stopping.state(), "outcome": vars(self.outcome),
        }  # fmt: skip
        checkpoint.save(self.path, state)
        self.last_saved = time.monotonic()
