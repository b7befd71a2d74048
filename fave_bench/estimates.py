"""How long a run will take, from what was recorded and measured on the same device."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import torch

from fave_bench.efficiency.environment import device_name
from fave_bench.models.contract import GenerativeRecommender
from fave_bench.records import Record, Store
from fave_bench.records.measurements import TrainingRow, measurements

if TYPE_CHECKING:
    from fave_bench.runner import Run

Row = tuple[str, str, str, str]
"""Dataset, model, setting, variant."""


@dataclass(frozen=True)
class Estimate:
    """Seconds a run will take."""

    seconds: float
    at_most: bool = False
    """Whether the limit of epochs was reckoned with, for want of a run of this row that ended by itself."""


class Estimates:
    """What is known of a store's runs and of measured training steps, asked run by run."""

    def __init__(self, store: Store) -> None:
        self.whole: dict[Row, list[Record]] = defaultdict(list)
        self.cut: dict[Row, list[Record]] = defaultdict(list)
        for record in store.records():
            row = (record.dataset.name, record.model, record.setting, record.variant)
            (self.cut if record.truncated else self.whole)[row].append(record)
        self.steps: dict[tuple[object, ...], TrainingRow] = {
            (taken.environment.get("device"), *_row(row), row.stage, row.precision, row.compiled): row
            for taken in measurements(store.root, "training")
            for row in taken.rows
            if isinstance(row, TrainingRow)
        }

    def of(self, run: "Run") -> Estimate | None:
        """A budget; else what the row's own run took here; else the epochs that such a run needed elsewhere, or the
        limit, by measured steps or at a cut run's speed. None where nothing is known."""
        rows = [(run.spec.dataset, run.spec.model, run.plan.setting, v) for v in (run.variant, run.plan.variant)]
        whole, cut = _first(self.whole, rows), _first(self.cut, rows)
        here = next((record for record in whole if _like(record, run)), None)
        ended = here or next(iter(whole), None)
        short = next((record for record in cut if _same_device(record, run) and record.training.epochs), None)
        training = _in_training(run, here) or self._by_steps(run, ended) or _by_a_cut_run(run, ended, short)
        if training is None:
            return None
        return Estimate(training.seconds + _ranking(run, here or short, _looks(run, ended)), training.at_most)

    def otherwise(self, run: "Run") -> Record | None:
        """A run of the same row and seed that went to its end under another configuration, as in another precision."""
        row = (run.spec.dataset, run.spec.model, run.plan.setting, run.variant)
        alike = (record for record in self.whole.get(row, ()) if record.seed == run.spec.seed and not record.external)
        return next((record for record in alike if record.config != run.config), None)

    def _by_steps(self, run: "Run", ended: Record | None) -> Estimate | None:
        """Every stage's epochs at its measured speed, as the run executes it; None where a stage was not measured."""
        plan, place = run.plan, device_name(run.device)
        row = (run.spec.dataset, run.spec.model, plan.setting, plan.variant)
        seconds = 0.0
        for name, count in _epochs(run, ended).items():
            kinds = [True, False] if run.spec.compiled else [False]  # a stage that cannot be compiled runs as it is
            found = [self.steps.get((place, *row, name, plan.training.precision, compiled)) for compiled in kinds]
            step = next(filter(None, found), None)
            if step is None:
                return None
            seconds += count * step.epoch_seconds
        return Estimate(seconds, at_most=ended is None)


def in_words(seconds: float) -> str:
    """``47 s``, ``12 min``, ``3.4 h``."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _in_training(run: "Run", here: Record | None) -> Estimate | None:
    if run.kind.samples == "none":
        return Estimate(0.0)
    if run.plan.training.time_budget is not None:
        return Estimate(run.plan.training.time_budget)
    return Estimate(_seconds(here, _limits(run))) if here else None


def _seconds(record: Record, limits: Mapping[str, int]) -> float:
    """On training steps, had the record's stages been given no more passes than `limits`."""
    spent = began = 0.0
    for stage, found in groupby(record.training.curve, key=lambda look: look.stage):  # looks are in order
        looks = list(found)
        within = [look.seconds for look in looks if look.epoch <= limits.get(stage, look.epoch)]
        spent += max(within, default=began) - began
        began = looks[-1].seconds
    return spent + record.training.seconds - began


def _by_a_cut_run(run: "Run", ended: Record | None, cut: Record | None) -> Estimate | None:
    if cut is None:
        return None
    epochs = sum(_epochs(run, ended).values())
    return Estimate(epochs * cut.training.seconds / cut.training.epochs, at_most=ended is None)


def _like(record: Record, run: "Run") -> bool:
    """Whether the record says how fast this run would be: the same device, the same execution."""
    training = record.config.get("training")
    precision = training.get("precision") if isinstance(training, dict) else None
    return (
        _same_device(record, run)
        and bool(record.environment.get("compiled_step")) == run.spec.compiled
        and precision in (None, run.plan.training.precision)
    )


def _same_device(record: Record, run: "Run") -> bool:
    return record.environment.get("device") == device_name(run.device)


def _epochs(run: "Run", ended: Record | None) -> dict[str, int]:
    """Stage -> the passes it took a run of this row to end by itself, else those it may take; never more than those."""
    limits = _limits(run)
    if ended is None:
        return limits
    took = {look.stage: look.epoch for look in ended.training.curve}  # looks are in order
    return {name: min(passes, limits.get(name, passes)) for name, passes in took.items()}


def _limits(run: "Run") -> dict[str, int]:
    return {name: stage.epochs for name, stage in run.plan.training.stages.items()}


def _ranking(run: "Run", record: Record | None, looks: Mapping[str, int]) -> float:
    """At looks and at the end, as the record's run ranked at its end, as if a sampler's steps took all of that time."""
    if record is None or record.inference is None:
        return 0.0
    found, steps = record.inference, _sampler_steps(run)
    at_looks = {name: run.plan.training.look_steps or steps[name] for name in looks}
    share = {name: count / found.steps if count and found.steps else 1.0 for name, count in at_looks.items()}
    own = next(reversed(steps.values()), None)
    at_end = own / found.steps if own and found.steps else 1.0
    weighed = sum(count * share[name] for name, count in looks.items())
    return weighed * (found.validation_seconds or 0.0) + at_end * (found.test_seconds or 0.0)


def _sampler_steps(run: "Run") -> dict[str, int | None]:
    """Stage -> the steps in which the model ranks in it by itself; None without a sampler. A stage may have its own."""
    if not issubclass(run.kind, GenerativeRecommender):
        return dict.fromkeys(run.plan.training.stages)
    with torch.device("meta"):  # nothing is computed, and nothing takes memory
        model = run.kind(run.plan.model_config, run.sequences.num_items)
    found: dict[str, int | None] = {}
    for name, stage in run.plan.training.stages.items():
        if stage.epochs:  # the model is told of no other
            model.enter_stage(name)
        found[name] = model.sampler_steps()
    return found


def _looks(run: "Run", ended: Record | None) -> dict[str, int]:
    """Stage -> looks at validation: one under a budget, else as many as the row took, else all up to the limit."""
    training = run.plan.training
    if run.kind.samples == "none" or training.time_budget is not None:
        return dict.fromkeys(training.stages, 1)
    if ended is None:
        return {
            name: sum(stage.looks_after(passes) for passes in range(1, stage.epochs + 1))
            for name, stage in training.stages.items()
        }
    limits, curve = _limits(run), ended.training.curve
    taken = [look.stage for look in curve if look.stage in limits and look.epoch <= limits[look.stage]]
    return {name: taken.count(name) for name in training.stages}


def _row(row: TrainingRow) -> Row:
    return row.dataset, row.model, row.setting, row.variant


def _first(found: Mapping[Row, list[Record]], rows: Iterable[Row]) -> list[Record]:
    return next((found[row] for row in rows if row in found), [])
