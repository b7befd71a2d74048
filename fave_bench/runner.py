"""One run, from its specification to its record: data, training, exact ranks, files."""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from fave_bench import data, presets
from fave_bench.cli import say_once
from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import SPLITS, Split
from fave_bench.efficiency.environment import describe, require_compiler
from fave_bench.errors import BenchError, unknown
from fave_bench.evaluation.diversity import diversity_of
from fave_bench.evaluation.item_spaces import Spaces, own_space, shared_spaces
from fave_bench.evaluation.metrics import ByProtocol, errors_of, metrics_of
from fave_bench.evaluation.phase_ranks import PhaseRanks
from fave_bench.evaluation.protocols import PROTOCOLS, versions
from fave_bench.evaluation.ranks import rank_phase
from fave_bench.evaluation.subgroups import training_counts
from fave_bench.files import write_text
from fave_bench.locking import Busy, alone
from fave_bench.models import registry
from fave_bench.models.contract import GenerativeRecommender, Recommender, parameter_count
from fave_bench.randomness import seed_of
from fave_bench.records import Record, Store, key_of
from fave_bench.records.run_file import RECORD, read
from fave_bench.training.ends import StageEnds, end_keys
from fave_bench.training.loop import Outcome, Stopped, Trainer
from fave_bench.training.samples import Samples
from fave_bench.trees import shorter

LIST_LENGTH = 20
"""Items kept per user for diversity and for showing recommendations."""
FAILED = "failed.json"
WORK = ".work"
"""Folder below the results for what is no result yet."""
QUICK_NOTE = (
    "tuned for a short budget (the preset's [quick] table), not with the published batch size and learning rate"
)


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


class Run:
    """A specification with its data and configuration resolved: it has a key, and can be executed."""

    def __init__(self, spec: Spec, device: torch.device, plan: presets.Plan | None = None) -> None:
        """`plan` is used in the place of what the presets make of `spec`."""
        if spec.split not in SPLITS:
            raise unknown("split", spec.split, SPLITS)
        if spec.compiled:
            require_compiler(device)
        self.spec, self.device = spec, device
        self.plan = plan or presets.plan(
            spec.dataset, spec.model, spec.setting, spec.variant, spec.overrides, quick=spec.quick
        ).limited(epochs=spec.epochs, time_budget=spec.time_budget)
        self.kind = registry.load(spec.model)
        self.sequences: Sequences = data.load(spec.dataset, spec.source)
        self.split: Split = SPLITS[spec.split](self.sequences)
        self.config = self.plan.tree | ({"training": {}} if self.kind.samples == "none" else {})
        self._last_look: tuple[PhaseRanks, float] | None = None
        changed = (f"{shorter(key)}={value}" for key, value in self.plan.changes.items())
        self.variant = ",".join(filter(None, [self.plan.variant, *changed]))
        self.key = key_of(
            config=self.config,
            fingerprint=self.sequences.fingerprint,
            protocol_versions=versions(),
            seed=spec.seed,
            model=spec.model,
            setting=self.plan.setting,
            variant=self.variant,
            model_version=self.kind.version,
            split=spec.split,
        )

    def __str__(self) -> str:
        row = "/".join(filter(None, [self.plan.setting, self.variant]))
        return f"{self.spec.dataset} {self.spec.model} {row} seed {self.spec.seed}"

    def folder(self, store: Store) -> Path:
        return store.root / self.spec.dataset / self.spec.model / self.key

    def recorded(self, store: Store) -> Record | None:
        """The valid record of exactly this run; None where there is none, or a damaged one, which is then repeated."""
        folder = self.folder(store)
        if not (folder / RECORD).exists():
            return None
        try:
            return read(folder)
        except BenchError as error:
            say_once(f"{self} will be repeated: {error}", str(error))
            return None

    def work(self, store: Store) -> Path:
        """The folder of what the run needs on its way: its lock and its checkpoint."""
        return store.root / WORK / self.key

    def finished(self, store: Store) -> Record | None:
        """As `recorded`, where nothing is left to tidy either, as there is when a process dies between the two."""
        return None if self.work(store).exists() else self.recorded(store)

    def failed(self, store: Store) -> bool:
        """Whether the last attempt failed."""
        return (self.folder(store) / FAILED).exists()

    def execute(
        self, store: Store, *, interrupted: Callable[[], bool] = lambda: False, share_stages: bool = False
    ) -> Record:
        """Train, rank and write the record, or find that it is there; raises Stopped when interrupted (a checkpoint
        then holds the work), and Busy where another process is at the same run.

        `share_stages`: go on from stages that another run has trained, where they are what this one would train, and
        leave to others what this one trains.
        """
        try:
            with alone(self.work(store) / "lock", give_up=lambda: True):
                written = self.recorded(store) or self._made(store, interrupted, share_stages)
                (self.folder(store) / FAILED).unlink(missing_ok=True)
                shutil.rmtree(self.work(store), ignore_errors=True)
        except Busy:
            raise Busy(f"{self}: another process is at this run; its record will be the one") from None
        return written

    def _made(self, store: Store, interrupted: Callable[[], bool], share_stages: bool) -> Record:
        spaces = shared_spaces(self.sequences, self.split, self.spec.source)  # before training, as it reads a file
        checkpoint, model = self.work(store) / "checkpoint.pt", self._model()
        ends = StageEnds(store.root / WORK / "stages", self._end_keys(model), self.key) if share_stages else None
        outcome = self._train(model, checkpoint, interrupted, ends)
        validation = self._last_look or self._rank(model, "validation", interrupted)
        timed = {"validation": validation, "test": self._rank(model, "test", interrupted)}
        ranks = {phase: phase_ranks for phase, (phase_ranks, _) in timed.items()}
        seconds = {f"{phase}_seconds": s for phase, (_, s) in timed.items()}
        record = self._record(model, outcome, ranks, seconds, self._diversity(model, ranks["test"], spaces))
        weights = {name: tensor.cpu().contiguous() for name, tensor in model.state_dict().items()}
        return store.write(record, ranks, lists=ranks["test"].lists, weights=weights)

    def _model(self) -> Recommender:
        torch.manual_seed(seed_of(self.spec.seed, "initial weights"))
        model = self.kind(self.plan.model_config, self.sequences.num_items).to(self.device)
        model.fit(self.sequences, self.split)
        return model

    def _end_keys(self, model: Recommender) -> dict[str, str]:
        """Stage -> what its end depends on; the kind of device and execution too, as arithmetic differs."""
        given = {
            "model": self.spec.model,
            "version": self.kind.version,
            "seed": self.spec.seed,
            "fingerprint": self.sequences.fingerprint,
            "split": self.spec.split,
            "protocols": versions(),
            "device": self.device.type,
            "compiled": self.spec.compiled,
        }
        return end_keys(model, self.plan.training, given)

    def _look(self, model: Recommender, interrupted: Callable[[], bool]) -> ByProtocol:
        """Validation metrics; the ranks behind them are kept, as they are final if these weights turn out to be."""
        self._last_look = self._rank(model, "validation", interrupted)
        return metrics_of(self._last_look[0])

    def _train(
        self, model: Recommender, checkpoint: Path, interrupted: Callable[[], bool], ends: StageEnds | None
    ) -> Outcome:
        if model.samples == "none":
            return Outcome(stopped_because="closed-form")
        window = self.plan.model_config.window
        samples = Samples(self.sequences, self.split, model.samples, window, self.device, sort=model.padding_free)
        trainer = Trainer(
            model,
            samples,
            self.plan.training,
            lambda model: self._look(model, interrupted),
            seed=self.spec.seed,
            checkpoint_path=checkpoint,
            interrupted=interrupted,
            compiled=self.spec.compiled,
            ends=ends,
        )
        outcome = trainer.run()
        if not outcome.ended_on_best:
            self._last_look = None
        return outcome

    def _rank(self, model: Recommender, phase: str, interrupted: Callable[[], bool]) -> tuple[PhaseRanks, float]:
        """Ranks of one phase, and the wall-clock seconds that encoding, sampling, scoring and ranking took.

        Raises Stopped when interrupted: what was trained is in the checkpoint.
        """

        def pause() -> None:
            if interrupted():
                raise Stopped

        items = torch.as_tensor(self.sequences.items, dtype=torch.int64, device=self.device)
        questions = self.split.validation if phase == "validation" else self.split.test
        began = time.perf_counter()
        seed = seed_of(self.spec.seed, "draw", phase)
        lists = LIST_LENGTH if phase == "test" else 0
        window = self.plan.model_config.window
        ranks = rank_phase(model, items, questions, window=window, seed=seed, lists=lists, pause=pause)
        return ranks, time.perf_counter() - began

    def _diversity(self, model: Recommender, test: PhaseRanks, spaces: Spaces) -> dict[str, Any]:
        assert test.lists is not None
        popularity = training_counts(self.sequences, self.split)[1:]
        return diversity_of(test.lists, {"own": own_space(model)} | spaces, popularity)

    def _record(
        self,
        model: Recommender,
        outcome: Outcome,
        ranks: dict[str, PhaseRanks],
        seconds: dict[str, float],
        diversity: dict[str, Any],
    ) -> Record:
        s = self.sequences
        steps = model.sampler_steps() if isinstance(model, GenerativeRecommender) else None
        return Record.model_validate(
            {
                "key": self.key,
                "dataset": {
                    "name": self.spec.dataset,
                    "source": s.source,
                    "fingerprint": s.fingerprint,
                    "users": s.num_users,
                    "items": s.num_items,
                    "actions": s.num_actions,
                    "synthetic": s.synthetic,
                    "oracle": s.oracle,
                    "split": self.spec.split,
                },
                "model": self.spec.model,
                "title": model.title or self.spec.model,
                "setting": self.plan.setting,
                "variant": self.variant,
                "changes": self.plan.changes,
                "config": self.config,
                "model_version": model.version,
                "protocols": versions(),
                "seed": self.spec.seed,
                "metrics": _by_protocol(ranks, metrics_of),
                "standard_errors": _by_protocol(ranks, errors_of),
                "parameters": parameter_count(model),
                "training": {
                    "epochs": outcome.epochs,
                    "best_epoch": outcome.best_epoch,
                    "stopped_because": outcome.stopped_because,
                    "seconds": outcome.seconds,
                    "samples_per_second": outcome.samples_per_second,
                    "curve": outcome.curve,
                },
                "inference": {"steps": steps, "draw_seed": self.spec.seed, **seconds},
                "environment": describe(self.device) | {"compiled_step": self.spec.compiled},
                "diversity": diversity,
                "notes": [QUICK_NOTE] * (self.spec.quick and model.samples != "none") + _sharing(outcome),
            }
        )


def write_failure(run: Run, store: Store, error: Exception) -> None:
    """Leave failed.json where the record would be, so that a campaign can go on and say what failed."""
    content = {"run": str(run), "error": f"{type(error).__name__}: {error}"}
    write_text(run.folder(store) / FAILED, json.dumps(content, indent=1, sort_keys=True) + "\n")


def summary(record: Record) -> str:
    """Two lines a person wants after a run: how it went, and the test metrics under both protocols."""
    training, test = record.training, {name: phases["test"] for name, phases in record.metrics.items()}
    numbers = "; ".join(
        f"{name}: H@20 {100 * metrics['H@20']:.2f} %, N@20 {100 * metrics['N@20']:.2f} %"
        for name, metrics in sorted(test.items())
    )
    return (
        f"{record.dataset.name} {record.title}: {training.epochs:.4g} epochs in {training.seconds:.0f} s, "
        f"stopped because: {training.stopped_because}; key {record.key}\n  test, {numbers}"
    )


def _sharing(outcome: Outcome) -> list[str]:
    return [
        f"stage {stage} was trained once, by run {run}, and is shared: its seconds count here and were spent there"
        for stage, run in outcome.shared.items()
    ]


def _by_protocol(
    ranks: dict[str, PhaseRanks], of: Callable[[PhaseRanks], ByProtocol]
) -> dict[str, dict[str, dict[str, float]]]:
    per_phase = {phase: of(phase_ranks) for phase, phase_ranks in ranks.items()}
    return {protocol: {phase: per_phase[phase][protocol] for phase in ranks} for protocol in PROTOCOLS}
