"""How long a run will take, from what was recorded and measured on the same device."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING

from fave_bench.efficiency.environment import device_name
from fave_bench.models import registry
from fave_bench.models.contract import GenerativeRecommender, ModelConfig
from fave_bench.records import Record, Store
from fave_bench.records.measurements import TrainingRow, measurements

if TYPE_CHECKING:
    from fave_bench.runner import Run
    from fave_bench.training.ends import StageEnds

Row = tuple[str, str, str, str]
"""Dataset, model, setting, variant."""
Stages = dict[str, float]
"""Stage -> seconds."""


@dataclass(frozen=True)
class Estimate:
    """Seconds a run will take."""

    seconds: float
    at_most: bool = False
    """Whether the limit of epochs was reckoned with, for want of a run of this row that ended by itself."""


class Estimates:
    """What is known of a store's runs and of measured training steps, asked run by run."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.ends: dict[str, StageEnds] = {}
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

    def of(self, run: "Run", trained: Collection[str] = ()) -> Estimate | None:
        """A budget; else what the row's own run took here; else the epochs that such a run needed elsewhere, or the
        limit, by measured steps or at a cut run's speed. None where nothing is known.

        Shared stages that some run has left, or that are among those `trained` until then, take nothing.
        """
        rows = [(run.spec.dataset, run.spec.model, run.plan.setting, v) for v in (run.variant, run.plan.variant)]
        whole, cut = _first(self.whole, rows), _first(self.cut, rows)
        here = next((record for record in whole if _like(record, run)), None)
        ended = here or next(iter(whole), None)
        short = next((record for record in cut if _same_device(record, run) and record.training.epochs), None)
        known = _in_training(run, here)
        stages = known if known is not None else self._by_steps(run, ended) or _by_a_cut_run(run, ended, short)
        if stages is None:
            return None
        at_looks, at_end = _ranking(run, here or short, _looks(run, ended))
        shared = self.shared(run)
        over = {name for name, key in shared.keys.items() if key in trained or shared.path(name).exists()}
        seconds = sum(stages[name] + at_looks.get(name, 0.0) for name in stages if name not in over)
        return Estimate(seconds + at_end, at_most=known is None and ended is None)

    def shared(self, run: "Run") -> "StageEnds":
        """The ends of the stages that other runs may have in common with the run."""
        if run.key not in self.ends:
            self.ends[run.key] = run.ends(self.store, run.device)
        return self.ends[run.key]

    def otherwise(self, run: "Run") -> Record | None:
        """A run of the same row and seed that went to its end under another configuration, as in another precision."""
        row = (run.spec.dataset, run.spec.model, run.plan.setting, run.variant)
        alike = (record for record in self.whole.get(row, ()) if record.seed == run.spec.seed and not record.external)
        return next((record for record in alike if record.config != run.config), None)

    def _by_steps(self, run: "Run", ended: Record | None) -> Stages | None:
        """Every stage's epochs at its measured speed, as the run executes it; None where a stage was not measured."""
        plan, place = run.plan, device_name(run.device)
        row = (run.spec.dataset, run.spec.model, plan.setting, plan.variant)
        seconds = Stages()
        for name, count in _epochs(run, ended).items():
            kinds = [True, False] if run.spec.compiled else [False]  # a stage that cannot be compiled runs as it is
            found = [self.steps.get((place, *row, name, plan.training.precision, compiled)) for compiled in kinds]
            step = next(filter(None, found), None)
            if step is None:
                return None
            seconds[name] = count * step.epoch_seconds
        return seconds


def in_words(seconds: float) -> str:
    """``47 s``, ``12 min``, ``3.4 h``."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _in_training(run: "Run", here: Record | None) -> Stages | None:
    training = run.plan.training
    if run.kind.samples == "none":
        return {}
    if training.time_budget is not None:
        over = [training.limit(name) for name in training.stages]
        return {name: end - began for name, end, began in zip(training.stages, over, [0.0, *over], strict=False)}
    return _seconds(here, _limits(run)) if here else None


def _seconds(record: Record, limits: Mapping[str, int]) -> Stages:
    """On training steps, had the record's stages been given no more passes than `limits`."""
    spent, began, stage = Stages(), 0.0, ""
    for stage, found in groupby(record.training.curve, key=lambda look: look.stage):  # looks are in order
        looks = list(found)
        within = [look.seconds for look in looks if look.epoch <= limits.get(stage, look.epoch)]
        spent[stage] = max(within, default=began) - began
        began = looks[-1].seconds
    spent[stage] = spent.get(stage, 0.0) + record.training.seconds - began
    return spent


def _by_a_cut_run(run: "Run", ended: Record | None, cut: Record | None) -> Stages | None:
    if cut is None:
        return None
    return {name: n * cut.training.seconds / cut.training.epochs for name, n in _epochs(run, ended).items()}


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


def _ranking(run: "Run", record: Record | None, looks: Mapping[str, int]) -> tuple[Stages, float]:
    """At looks and at the end, as the record's run ranked at its end, as if a sampler's steps took all of that time."""
    if record is None or record.inference is None:
        return {}, 0.0
    found, stages = record.inference, run.plan.training.stages
    told = tuple(name for name, stage in stages.items() if stage.epochs)
    own = _sampler_steps(run.spec.model, run.plan.model_config, run.sequences.num_items, told)

    def share(steps: int | None) -> float:
        return steps / found.steps if steps and found.steps else 1.0

    a_look = found.validation_seconds or 0.0
    at_looks = {
        name: count * share(run.plan.training.look_steps or own.get(name)) * a_look for name, count in looks.items()
    }
    return at_looks, share(own[told[-1]] if told else None) * (found.test_seconds or 0.0)


@cache
def _sampler_steps(name: str, config: ModelConfig, num_items: int, stages: tuple[str, ...]) -> dict[str, int | None]:
    """Stage -> the steps in which the model ranks in it by itself; None without a sampler. A stage may have its own."""
    kind = registry.load(name)
    if not issubclass(kind, GenerativeRecommender):
        return dict.fromkeys(stages)
    model, found = kind(config, num_items), dict[str, int | None]()
    for stage in stages:
        model.enter_stage(stage)
        found[stage] = model.sampler_steps()
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
