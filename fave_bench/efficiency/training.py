"""Speed of training: real batches of the dataset through the trainer's own step, model by model, stage by stage."""

import itertools
import statistics
from collections.abc import Callable, Iterator
from functools import cache
from typing import Literal, get_args

import torch

from fave_bench.cli import say
from fave_bench.data.splits import leave_one_out
from fave_bench.efficiency.dispatched_products import dispatched_products
from fave_bench.efficiency.environment import device_name, has_bf16, require_compiler
from fave_bench.efficiency.subjects import Subject, subjects
from fave_bench.efficiency.timing import once
from fave_bench.measure import Request
from fave_bench.models import registry
from fave_bench.models.contract import Batch
from fave_bench.records.measurements import TrainingRow
from fave_bench.training.compiling import CompiledStep
from fave_bench.training.config import Stage
from fave_bench.training.optimizer import make_optimizer
from fave_bench.training.recorded import WARM_UP, make_step
from fave_bench.training.samples import Samples
from fave_bench.training.step import Terms, train_step

Precision = Literal["fp32", "bf16"]
LEAST = 5
"""Steps that are timed at least."""
SIDE = 2048
"""Of the square matrices whose product stands for the device's peak."""


def rows(request: Request) -> Iterator[TrainingRow]:
    """One row per preset row that is trained, stage and precision. Restores nothing: the models are thrown away.

    Not in bf16 where the device has no instructions for it: one number would take minutes.

    With `request.compiled`, rows of the stages that have something to compile.
    """
    if request.compiled:
        require_compiler(request.device)
    precisions: tuple[Precision, ...] = get_args(Precision)
    if not has_bf16(request.device):
        say(f"fp32 only: {device_name(request.device)} has no instructions for bf16")
        precisions = ("fp32",)
    for subject in subjects(request):
        if registry.load(subject.plan.model).samples == "none":
            continue
        for name, stage in subject.plan.training.stages.items():
            for precision in precisions:
                row = _row(subject, name, stage, precision, request)
                if row:
                    yield row


def _row(subject: Subject, name: str, stage: Stage, precision: Precision, request: Request) -> TrainingRow | None:
    training, sequences = subject.plan.training, subject.sequences
    model = subject.build(request.device)
    model.enter_stage(name)
    if request.compiled and not model.training_method:
        return None
    model.train()
    samples = Samples(
        sequences, leave_one_out(sequences), model.samples, model.config.window, request.device, sort=model.padding_free
    )
    optimizer = make_optimizer(model, training, stage)
    whole = max(1, len(samples) // training.batch_size)
    batches = itertools.cycle(samples.order(0, name, 0).split(training.batch_size)[:whole])
    count = itertools.count()

    execution = CompiledStep(model, wanted=request.compiled)

    def batch() -> Batch:
        return samples.batch(next(batches), next(count))

    def step() -> Terms:
        return train_step(model, batch(), stage, optimizer, precision=precision)

    taken = make_step(model, stage, optimizer, execution, size=training.batch_size, precision=precision)
    seconds = _timed(lambda: taken(batch()), request)
    size, median = min(training.batch_size, len(samples)), statistics.median(seconds)
    return TrainingRow.model_validate(
        subject.labels
        | {
            "stage": name,
            "precision": precision,
            "compiled": bool(execution.name),
            "batch_size": size,
            "samples_per_second": size / median,
            "step_ms": 1000 * median,
            "steps": len(seconds),
            "epoch_seconds": len(samples) * median / size,
            "peak_fraction": dispatched_products(step) / median / peak(request.device, precision),
        }
    )


def _timed(step: Callable[[], object], request: Request) -> list[float]:
    """Seconds of each step: at least `LEAST` of them, and at least the time asked for."""
    for _ in range(WARM_UP + 1):
        step()
    seconds: list[float] = []
    while len(seconds) < LEAST or sum(seconds) < request.seconds:
        seconds.append(once(lambda _: step(), None, request.device)[0] / 1000)
    return seconds


@cache
def peak(device: torch.device, precision: Precision) -> float:
    """Multiply-accumulates a second of a large square matrix product, the best of several."""
    a, b = torch.randn(2, SIDE, SIDE, device=device, dtype=torch.bfloat16 if precision == "bf16" else torch.float32)
    fastest = min(once(lambda _: a @ b, None, device)[0] for _ in range(10))
    return SIDE**3 / (fastest / 1000)
