"""The training loop, the same for every model.

Order, noise and dropout are functions of (seed, stage, epoch, step), so a run resumed from any checkpoint takes the
same steps as one that was never interrupted.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar

import torch
from pydantic import ConfigDict, Field, FiniteFloat, NonNegativeInt, TypeAdapter
from torch import Tensor
from torch.optim import Optimizer

from fave_bench.distributed import ALONE, World
from fave_bench.errors import BenchError
from fave_bench.locking import Busy
from fave_bench.models.contract import Recommender
from fave_bench.randomness import seed_of
from fave_bench.records.schema import Look, StoppedBecause
from fave_bench.shares import Share
from fave_bench.training import checkpoint
from fave_bench.training.compiling import CompiledStep
from fave_bench.training.config import Stage, Training
from fave_bench.training.ends import StageEnds
from fave_bench.training.gradients import GradientSum
from fave_bench.training.optimizer import make_optimizer, set_learning_rate
from fave_bench.training.progress import Progress
from fave_bench.training.recorded import Step, make_step
from fave_bench.training.samples import Samples
from fave_bench.training.saved import Saved, require_like, require_state_of
from fave_bench.training.stopping import EarlyStopping, Metrics
from fave_bench.working_time import working_time

CHECKPOINT_EVERY = 60.0
"""Seconds between checkpoints; less is cheaper to repeat than to save."""
REPORT_EVERY = 50
"""Steps between reading the loss back from the device, where a non-finite loss is noticed too."""

Validate = Callable[[Recommender], Metrics]
State = dict[str, Tensor]
Amount = Annotated[FiniteFloat, Field(ge=0)]


@dataclass
class Outcome:
    """What training did, as a record tells it."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    epochs: Amount = 0.0
    """Passes over the samples, all stages together; a fraction when a budget ended one."""
    best_epoch: NonNegativeInt = 0
    """Epoch of the weights kept, within the last stage; 0 where none was kept."""
    stopped_because: StoppedBecause = "converged"
    """`converged` (patience), `epochs` (the stage's limit) or `budget` (the clock)."""
    seconds: Amount = 0.0
    """Spent on steps; looks at validation, checkpoints and compiling are not counted."""
    samples: NonNegativeInt = 0
    ended_on_best: bool = False
    """Whether the weights kept are those of the last look at validation."""
    curve: list[dict[str, Any]] = field(default_factory=list)
    """One entry per look at validation, in the shape of records.schema.Look."""
    shared: dict[str, str] = field(default_factory=dict)
    """Stage -> key of the run that trained it, where it was not this one."""

    @classmethod
    def of(cls, saved: dict[str, Any]) -> "Outcome":
        """The inverse of `vars`; ValueError for what a record could not tell."""
        outcome: Outcome = TypeAdapter(cls).validate_python(saved)
        TypeAdapter(list[Look]).validate_python(outcome.curve)
        return outcome

    @property
    def samples_per_second(self) -> float:
        return self.samples / self.seconds if self.seconds else 0.0


class Stopped(Exception):
    """Training was asked to stop; what was done so far is in the checkpoint."""


@dataclass
class _Progressing:
    """Where a stage is. `epoch` passes are complete, `step` optimiser steps of the next one are taken."""

    name: str
    stage: Stage
    optimizer: Optimizer
    take: Step
    execution: CompiledStep
    stopping: EarlyStopping
    best: State
    epoch: int = 0
    step: int = 0
    totals: dict[str, Tensor] = field(default_factory=dict)
    """Sums of the loss terms over the steps of the unfinished pass."""


class Trainer:
    """Trains one model through its stages; `run` returns with the best weights loaded.

    `interrupted` is asked after every step: once it says yes, the state is saved to `checkpoint_path` and `Stopped`
    is raised, as it is when `validate` raises it; the same call then goes on from there, to the same end. `ends` are
    stages that other runs have in common with this one: what is there is taken over, what is not is left there. Where
    there are more processes in `world`, they share every batch and come to the same weights; `interrupted` says yes to
    all if it does to one, the main process's clock is everybody's, and it alone writes checkpoints, which do not depend
    on how many there are.
    """

    def __init__(
        self, model: Recommender, samples: Samples, training: Training, validate: Validate, *, seed: int,
        checkpoint_path: Path | None = None, interrupted: Callable[[], bool] = lambda: False, compiled: bool = False,
        ends: StageEnds | None = None, world: World = ALONE,
    ) -> None:  # fmt: skip
        self.model, self.samples, self.training, self.validate, self.seed = model, samples, training, validate, seed
        self.path, self.interrupted, self.compiled, self.ends = checkpoint_path, interrupted, compiled, ends
        self.world = world
        self.outcome = Outcome(stopped_because="epochs")
        self.clock_zero, self.last_saved = working_time(), time.monotonic()

    def run(self) -> Outcome:
        """Train; raises BenchError naming the terms when a loss is not finite, Stopped when interrupted."""
        saved = self._saved()
        begun = saved.stage if saved else None
        for name in (name for name, stage in self.training.stages.items() if stage.epochs):
            self.model.enter_stage(name)
            if begun in (None, name):
                with self._alone(name):
                    self._through(name, saved)
                begun, saved = None, None
        return self.outcome

    def _saved(self) -> Saved | None:
        """Where an earlier attempt was; its outcome up to there is taken up."""
        content = self.world.from_main(lambda: checkpoint.load(self.path) if self.path else None)
        if content is None or self.path is None:
            return None
        with checkpoint.applying(self.path):
            saved = Saved.model_validate(content)
            self._go_on_from(saved.outcome, saved.stage)
        return saved

    def _through(self, name: str, saved: Saved | None) -> None:
        """One stage: from the checkpoint, or from its end where another run has been there, or from its beginning."""
        if not saved and self._taken_over(name):
            return
        self._stage(self._enter(name, saved), self.training.limit(name))
        if self.ends:
            self.ends.save(name, self._weights(), vars(self.outcome))
            self._taken_over(name)  # another run may have been faster, and all go on from one copy

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        """Wait while another process is at the same stage, at no cost to the budget; Stopped when interrupted then."""
        if self.ends is None:
            yield
            return
        began = working_time()
        try:
            with self.ends.alone(name, give_up=self.interrupted):
                self.clock_zero += working_time() - began
                yield
        except Busy:
            raise Stopped from None

    def _taken_over(self, name: str) -> bool:
        end = self.ends.load(name) if self.ends else None
        if end is None or self.ends is None:
            return False
        with self.ends.applying(name):
            self._go_on_from(end.outcome, name)
            require_like(end.weights, self.model.state_dict())
            self.model.load_state_dict(end.weights)
        if end.run != self.ends.run:
            self.outcome.shared[name] = end.run
        return True

    def _go_on_from(self, outcome: dict[str, Any], stage: str) -> None:
        if stage not in self.training.stages or not self.training.stages[stage].epochs:
            raise ValueError(f"no stage {stage}")
        self.outcome = Outcome.of(outcome)
        self.clock_zero = working_time() - self.outcome.seconds

    def _enter(self, name: str, saved: Saved | None) -> _Progressing:
        stage = self.training.stages[name]
        self.model.zero_grad()  # what this stage freezes keeps the last one's gradients, and clipping would count them
        optimizer = make_optimizer(self.model, self.training, stage)
        execution = CompiledStep(self.model, wanted=self.compiled)
        take = make_step(
            self.model, stage, optimizer, execution, size=self.training.batch_size, precision=self.training.precision,
            add_up=GradientSum(self.world, self.model), alone=self.world.size == 1,
        )  # fmt: skip
        how = (optimizer, take, execution)
        if not saved or not self.path:
            return _Progressing(name, stage, *how, EarlyStopping(stage), self._weights())
        with checkpoint.applying(self.path):
            saved.require_within(stage.epochs, -(-len(self.samples) // self.training.batch_size))
            for weights in (saved.best, saved.model):
                require_like(weights, self.model.state_dict())
            require_state_of(optimizer, saved.optimizer)
            self.model.load_state_dict(saved.model)
            optimizer.load_state_dict(saved.optimizer)
        totals = {term: value.to(self.samples.device) for term, value in saved.totals.items()}
        stopping = EarlyStopping(stage, **saved.stopping.model_dump())
        return _Progressing(name, stage, *how, stopping, saved.best, saved.epoch, saved.step, totals)

    def _stage(self, at: _Progressing, limit: float) -> None:
        size = len(self.samples)
        done = at.epoch * size + min(size, at.step * self.training.batch_size)
        out_of_time = not at.step and self.outcome.seconds >= limit  # a pass that has begun wants its look
        with Progress(f"{self.model.title} {at.name}", at.stage.epochs * size, done) as progress:
            while at.epoch < at.stage.epochs and not at.stopping.exhausted and not out_of_time:
                losses, share = self._epoch(at, limit, progress)
                out_of_time = self.outcome.seconds >= limit
                passes = at.epoch + 1
                if at.stage.looks_after(passes) or out_of_time:
                    self._look(at, losses, progress)
                self.outcome.epochs += share
                at.epoch, at.step, at.totals = passes, 0, {}
                self._save(at, due=at.epoch == at.stage.epochs or at.stopping.exhausted or out_of_time)
        self.model.load_state_dict(at.best)
        self.outcome.best_epoch = at.stopping.best_epoch
        self.outcome.ended_on_best = at.stopping.best_epoch > 0 and at.stopping.looks_since_best == 0
        if self.outcome.stopped_because != "budget":  # one stage cut short is enough for a run not to have converged
            self.outcome.stopped_because = (
                "budget" if out_of_time else "converged" if at.stopping.exhausted else "epochs"
            )

    def _epoch(self, at: _Progressing, limit: float, progress: Progress) -> tuple[dict[str, float], float]:
        """One pass, or the part of it before `limit`: mean loss terms, and the share of samples seen."""
        self.model.train()
        chunks = self.samples.order(self.seed, at.name, at.epoch).split(self.training.batch_size)
        begun = at.step
        while at.step < len(chunks) and (not at.step or self.outcome.seconds < limit):
            rows = chunks[at.step]
            set_learning_rate(at.optimizer, at.stage, at.epoch, at.epoch * len(chunks) + at.step)
            share = Share.of(self.world.rank, self.world.size, len(rows))
            batch = self.samples.batch(rows, seed_of(self.seed, at.name, at.epoch, at.step), share)
            began = working_time()
            try:
                terms = at.take(batch)
            except torch.OutOfMemoryError:
                raise BenchError(self._too_large(at.name)) from None
            for term, value in terms.items():
                at.totals[term] = at.totals[term] + value if term in at.totals else value
            if at.execution.compiled_just_now():
                self.clock_zero += working_time() - began  # nor does it buy a compiler's minutes
            at.step += 1
            self.outcome.samples += len(rows)
            progress.advance(len(rows))
            if (at.step - begun) % REPORT_EVERY == 1:
                progress.report(self._read(at), limit - self.outcome.seconds)
            spent = working_time() - self.clock_zero if self.world.main else 0.0
            self.outcome.seconds, stop = self.world.meet(spent, self.interrupted())
            if stop:
                self._save(at, due=True)
                raise Stopped
            self._save(at, due=False)
        return self._read(at), min(1.0, at.step * self.training.batch_size / len(self.samples))

    def _too_large(self, stage: str) -> str:
        """A batch is never made smaller on the quiet: another batch size is another training."""
        device, size = self.samples.device, self.training.batch_size
        peak = torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else None
        return (
            f"{self.model.title}: a step of stage {stage} with {size} samples does not fit the memory "
            f"of {device}{f' (peak {peak:.1f} GiB)' if peak else ''}; give a smaller training.batch_size, or "
            "training.precision=bf16"
        )

    def _look(self, at: _Progressing, losses: dict[str, float], progress: Progress) -> None:
        """At the end of a pass that is counted only afterwards, so that one interrupted here is looked at again."""
        began = working_time()
        try:
            metrics = self.validate(self.model)
        except Stopped:
            self._save(at, due=True)
            raise
        progress.validated(metrics["filtered"]["N@20"])
        look = {"stage": at.name, "epoch": at.epoch + 1, "seconds": round(self.outcome.seconds, 3)}
        self.outcome.curve.append({**look, "losses": losses, "validation": metrics})
        if at.stopping.look(metrics, at.epoch + 1):
            at.best = self._weights()
        self.clock_zero += working_time() - began  # a budget buys training, however long a look takes

    def _read(self, at: _Progressing) -> dict[str, float]:
        """Mean loss terms of the pass so far; the one place where the host waits for the device."""
        values = dict(zip(at.totals, torch.stack(list(at.totals.values())).tolist(), strict=True))
        broken = [term for term, value in values.items() if not abs(value) < float("inf")]
        if broken:
            finite = ", ".join(f"{term} {value / at.step:.4g}" for term, value in values.items() if term not in broken)
            raise BenchError(
                f"{self.model.title}: the loss became non-finite in stage {at.name}, epoch {at.epoch + 1}: "
                f"{', '.join(broken)} (finite: {finite or 'none'}); lower the learning rate or clip the gradient"
            )
        return {term: value / at.step for term, value in values.items()}

    def _weights(self) -> State:
        return {name: tensor.detach().to("cpu", copy=True) for name, tensor in self.model.state_dict().items()}

    def _save(self, at: _Progressing, *, due: bool) -> None:
        if self.path is None or not self.world.main:
            return
        if not due and time.monotonic() - self.last_saved < CHECKPOINT_EVERY:
            return
        state = {
            "stage": at.name, "epoch": at.epoch, "step": at.step, "totals": at.totals, "best": at.best,
            "model": self.model.state_dict(), "optimizer": at.optimizer.state_dict(),
            "stopping": at.stopping.state(), "outcome": vars(self.outcome),
        }  # fmt: skip
        began = working_time()
        checkpoint.save(self.path, state)
        self.clock_zero += working_time() - began
        self.last_saved = time.monotonic()
