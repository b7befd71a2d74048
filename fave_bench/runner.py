"""One run, from its specification to its record: data, training, exact ranks, files."""

import json
import shutil
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fave_bench import data, presets
from fave_bench.cli import say_once
from fave_bench.data.items import genre_matrix
from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import SPLITS, Split
from fave_bench.distributed import ALONE, World
from fave_bench.efficiency.environment import code, describe, device_name, has_bf16, require_compiler, require_tf32
from fave_bench.efficiency.serving import Serving
from fave_bench.errors import BenchError, UsageError, unknown
from fave_bench.evaluation.diversity import diversity_of
from fave_bench.evaluation.item_spaces import Spaces, own_space, shared_spaces
from fave_bench.evaluation.metrics import ByProtocol, metrics_of
from fave_bench.evaluation.phase_ranks import PhaseRanks
from fave_bench.evaluation.protocols import versions
from fave_bench.evaluation.ranks import rank_phase
from fave_bench.evaluation.subgroups import training_counts
from fave_bench.files import write_text
from fave_bench.locking import Busy, alone
from fave_bench.models import registry
from fave_bench.models.contract import GenerativeRecommender, Recommender, parameter_count
from fave_bench.randomness import seed_of
from fave_bench.records import Record, Store, key_of
from fave_bench.records.facts import accuracy_facts, dataset_facts, list_length, say_where_other
from fave_bench.records.run_file import RECORD, dumps, read
from fave_bench.records.schema import StoppedBecause
from fave_bench.spec import Spec
from fave_bench.training.ends import StageEnds, end_keys
from fave_bench.training.loop import Outcome, Stopped, Trainer
from fave_bench.training.samples import Samples
from fave_bench.trees import shorter
from fave_bench.working_time import working_time

FAILED = "failed.json"
WORK = ".work"
"""Folder below the results for what is no result yet."""
QUICK_NOTE = (
    "tuned for a short budget (the preset's [quick] table), not with the published batch size and learning rate"
)


@dataclass(frozen=True)
class Given:
    """All that a run takes from files, for a machine that has none of them."""

    sequences: Sequences
    genres: NDArray[np.float64] | None


class Run:
    """A specification with its data and configuration resolved: it has a key, and can be executed.

    Where there are more processes in `world`, every method is called in all of them, and returns the same; the main
    process alone reads and writes the store.
    """

    def __init__(
        self,
        spec: Spec,
        device: torch.device,
        plan: presets.Plan | None = None,
        given: Given | None = None,
        world: World = ALONE,
        jobs: int = 1,
    ) -> None:
        """`plan` is used in the place of what the presets make of `spec`, and `given` in the place of files; so many
        `jobs` share the device, as the record says, since its seconds are those of all."""
        if spec.split not in SPLITS:
            raise unknown("split", spec.split, SPLITS)
        if spec.compiled:
            require_compiler(device)
        code()  # which it is, while it is what was loaded
        self.spec, self.device, self._given, self.world, self.jobs = spec, device, given, world, jobs
        self.plan = plan or presets.plan(
            spec.dataset, spec.model, spec.setting, spec.variant, spec.overrides, quick=spec.quick
        ).limited(
            epochs=spec.epochs,
            time_budget=spec.time_budget,
            precision=spec.precision,
            look_steps=spec.look_steps,
        )
        if self.plan.training.precision == "tf32":
            require_tf32(device)
        self.kind = registry.load(spec.model)
        if self.plan.training.look_steps and not issubclass(self.kind, GenerativeRecommender):
            raise UsageError(f"look_steps: {spec.model} has no sampler to take steps with; leave it out")
        if world.size > 1:
            self._require_shares()
        self.sequences: Sequences = (
            given.sequences if given else world.main_first(lambda: data.load(spec.dataset, spec.source))
        )
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

    @cached_property
    def dataset(self) -> dict[str, Any]:
        """What the record says of the data."""
        return dataset_facts(self.spec.dataset, self.sequences, self.spec.split)

    @cached_property
    def given(self) -> Given:
        """What this run takes from files; BenchError for a list of genres that cannot be read."""
        return self._given or Given(self.sequences, genre_matrix(self.sequences, self.spec.source))

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

    def checkpoint(self, store: Store) -> Path:
        """Where this run leaves its state when it is interrupted, and goes on from."""
        return self.work(store) / "checkpoint.pt"

    def finished(self, store: Store) -> Record | None:
        """As `recorded`, where nothing is left to tidy either, as there is when a process dies between the two."""
        return self._from_main(lambda: None if self.work(store).exists() else self.recorded(store))

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
        with self.alone(store):
            written = self._from_main(lambda: self.recorded(store)) or self._made(store, interrupted, share_stages)
            if self.world.main:
                self.tidy(store)
        return written

    def _require_shares(self) -> None:
        """Raise an error for what several processes cannot do together."""
        if self.spec.compiled:
            raise UsageError("--compile: compiled code draws dropout in its own order, so processes cannot share it")
        if self.kind.samples != "none" and not self.kind.means:
            raise BenchError(
                f"{self.spec.model}: it does not say what its losses are means over (Recommender.means), so processes "
                "cannot share its batches; train it without torchrun"
            )

    def _from_main(self, find: Callable[[], Record | None]) -> Record | None:
        """What the main process finds, in every process."""
        if self.world.size == 1:
            return find()
        text = self.world.from_main(lambda: dumps(found) if (found := find()) else None)
        return Record.model_validate_json(text) if text else None

    @contextmanager
    def alone(self, store: Store) -> Iterator[None]:
        """Be the only ones at this run, the main process holding the lock for all; Busy where others are."""
        try:
            with alone(self.work(store) / "lock", give_up=lambda: True) if self.world.main else nullcontext():
                yield
        except Busy:
            raise Busy(f"{self}: another process is at this run; its record will be the one") from None

    def tidy(self, store: Store) -> None:
        """Remove what is of no use once there is a record."""
        (self.folder(store) / FAILED).unlink(missing_ok=True)
        shutil.rmtree(self.work(store), ignore_errors=True)

    def ends(self, store: Store, device: torch.device) -> StageEnds:
        """The ends of stages that this run, trained on that kind of device, may share with others."""
        return self._ends(store, self.kind(self.plan.model_config, self.sequences.num_items), device)

    def _caution(self) -> None:
        """Say what a user may not expect of the run."""
        say_where_other(self.dataset)
        if self.kind.samples != "none" and self.plan.training.precision == "bf16" and not has_bf16(self.device):
            say_once(
                f"{self}: {device_name(self.device)} has no instructions for bf16, so this will be slow; "
                "--precision fp32 is another run, and a faster one",
                "bf16",
            )

    def _made(self, store: Store, interrupted: Callable[[], bool], share_stages: bool) -> Record:
        self._caution()
        spaces = shared_spaces(self.sequences, self.split, self.given.genres)  # before training, as it reads a file
        model, steps = self._model(), self.plan.training.look_steps
        if steps and isinstance(model, GenerativeRecommender):
            model.require_steps(steps)  # which the first look would find out after hours
        ends = self._ends(store, model, self.device) if share_stages else None
        outcome = self._train(model, self.checkpoint(store), interrupted, ends)
        validation = self._last_look or self._rank(model, "validation", interrupted)
        timed = {"validation": validation, "test": self._rank(model, "test", interrupted)}
        ranks = {phase: phase_ranks for phase, (phase_ranks, _) in timed.items()}
        seconds = {f"{phase}_seconds": s for phase, (_, s) in timed.items()}

        def write() -> Record:
            record = self._record(model, outcome, ranks, seconds, self._diversity(model, ranks["test"], spaces))
            weights = {name: tensor.cpu().contiguous() for name, tensor in model.state_dict().items()}
            return store.write(record, ranks, lists=ranks["test"].lists, weights=weights)

        written = self._from_main(write)
        assert written is not None
        return written

    def _model(self) -> Recommender:
        torch.manual_seed(seed_of(self.spec.seed, "initial weights"))
        model = self.kind(self.plan.model_config, self.sequences.num_items).to(self.device)
        model.fit(self.sequences, self.split)
        for tensor in model.state_dict().values():
            self.world.copy_main(tensor)  # equal by their seed already, unless the machines differ
        return model

    def _ends(self, store: Store, model: Recommender, device: torch.device) -> StageEnds:
        """What an end depends on; the kind of device and execution too, as arithmetic differs."""
        given = {
            "model": self.spec.model,
            "version": self.kind.version,
            "seed": self.spec.seed,
            "fingerprint": self.sequences.fingerprint,
            "split": self.spec.split,
            "protocols": versions(),
            "device": device.type,
            "compiled": self.spec.compiled,
        }
        return StageEnds(store.root / WORK / "stages", end_keys(model, self.plan.training, given), self.key)

    def _look(self, model: Recommender, interrupted: Callable[[], bool]) -> ByProtocol:
        """Validation metrics; the ranks behind them are kept where they are final if these weights turn out to be."""
        steps = self.plan.training.look_steps
        own = not (steps and isinstance(model, GenerativeRecommender)) or steps == model.sampler_steps()
        found = self._rank(model if own else Serving(model, steps=steps), "validation", interrupted)
        self._last_look = found if own else None
        return metrics_of(found[0])

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
            world=self.world,
        )
        outcome = trainer.run()
        if not outcome.ended_on_best:
            self._last_look = None
        return outcome

    def _rank(self, model: Recommender, phase: str, interrupted: Callable[[], bool]) -> tuple[PhaseRanks, float]:
        """Ranks of one phase, and the wall-clock seconds that encoding, sampling, scoring and ranking took.

        Raises Stopped when interrupted: what was trained is in the checkpoint. Several processes finish first, as they
        rank different users and could not stop at one place.
        """

        def pause() -> None:
            working_time()  # its handler of SIGCONT leaves out what passed since the last reading
            if self.world.size == 1 and interrupted():
                raise Stopped

        items = torch.as_tensor(self.sequences.items, dtype=torch.int64, device=self.device)
        questions = self.split.validation if phase == "validation" else self.split.test
        began = working_time()
        seed = seed_of(self.spec.seed, "draw", phase)
        window = self.plan.model_config.window
        ranks = rank_phase(
            model, items, questions, window=window, seed=seed, lists=list_length(phase), world=self.world, pause=pause
        )
        return ranks, working_time() - began

    def _diversity(self, model: Recommender, test: PhaseRanks, spaces: Spaces) -> dict[str, Any]:
        assert test.lists is not None
        popularity = training_counts(self.sequences, self.split)[1:]
        return diversity_of(test.lists, {"own": own_space(model)} | spaces, popularity)

    def _why_it_ended(self, outcome: Outcome) -> StoppedBecause:
        """As training says, but that no passes, or fewer than usual, are a limit, whatever became of a later stage."""
        given = {name: self.plan.training.stages[name].epochs for name in self.plan.shortened}
        limited = not outcome.epochs or any(look["epoch"] == given.get(look["stage"]) for look in outcome.curve)
        return "limit" if limited and outcome.stopped_because in ("converged", "epochs") else outcome.stopped_because

    def _record(
        self,
        model: Recommender,
        outcome: Outcome,
        ranks: dict[str, PhaseRanks],
        seconds: dict[str, float],
        diversity: dict[str, Any],
    ) -> Record:
        steps = model.sampler_steps() if isinstance(model, GenerativeRecommender) else None
        return Record.model_validate(
            accuracy_facts(ranks)
            | {
                "key": self.key,
                "dataset": self.dataset,
                "model": self.spec.model,
                "title": model.title or self.spec.model,
                "setting": self.plan.setting,
                "variant": self.variant,
                "changes": self.plan.changes,
                "config": self.config,
                "model_version": model.version,
                "protocols": versions(),
                "seed": self.spec.seed,
                "parameters": parameter_count(model),
                "training": {
                    "epochs": outcome.epochs,
                    "best_epoch": outcome.best_epoch,
                    "stopped_because": self._why_it_ended(outcome),
                    "seconds": outcome.seconds,
                    "samples_per_second": outcome.samples_per_second,
                    "curve": outcome.curve,
                },
                "inference": {"steps": steps, "draw_seed": self.spec.seed, **seconds},
                "environment": describe(self.device)
                | {"compiled_step": self.spec.compiled, "processes": self.world.size, "jobs": self.jobs},
                "diversity": diversity,
                "notes": [QUICK_NOTE] * self.plan.tuned + _sharing(outcome),
            }
        )


def suited(specs: Sequence[Spec], device: torch.device, store: Store) -> list[Run]:
    """Runs that are compared with each other, so all in fp32 where one that is to do would be in bf16 and `device` has
    no instructions for it."""
    runs = [Run(spec, device) for spec in specs]
    if has_bf16(device) or not any(r.plan.training.precision == "bf16" and not r.recorded(store) for r in runs):
        return runs
    return [Run(replace(spec, precision="fp32"), device) for spec in specs]


def write_failure(run: Run, store: Store, error: Exception) -> None:
    """Leave failed.json where the record would be, so that a campaign can go on and say what failed; and where in the
    code, if it is no failure that has a sentence of its own."""
    content: dict[str, Any] = {"run": str(run), "error": f"{type(error).__name__}: {error}"}
    if not isinstance(error, BenchError):
        content["traceback"] = "".join(traceback.format_exception(error)).splitlines()
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
