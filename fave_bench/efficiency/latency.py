"""Latency: from histories on the device to the 20 best items of each, in three executions.

released    each step eager, with the habits of the public code that cost time and change no result: noise drawn on the
            host and copied, a training-only decoder run and its output discarded. Only for models that declare such
            habits (`Recommender.as_released`)
eager       this package's code as it is
optimised   the same results as fast as possible, see `optimised`

Seen items are not filtered out: twenty of the whole catalogue are asked for. Every call asks for other users of the
test set, with their own noise. Generative models are measured with their own number of steps, with one, and with those
asked for that their samplers can take.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fave_bench.cli import say
from fave_bench.data.splits import leave_one_out
from fave_bench.data.windows import windows
from fave_bench.efficiency.optimised import Optimised
from fave_bench.efficiency.parts import parts
from fave_bench.efficiency.serving import Serving
from fave_bench.efficiency.subjects import Subject, subjects
from fave_bench.efficiency.timing import milliseconds, once
from fave_bench.errors import BenchError, UsageError
from fave_bench.evaluation.ranks import TILE_ROWS, rank_phase
from fave_bench.measure import Request
from fave_bench.models import registry
from fave_bench.models.contract import GenerativeRecommender, Recommender
from fave_bench.records.measurements import Execution, LatencyRow

SEED = 0
"""Of the noise; weights are untrained, so nothing depends on it."""


RAW_VALUES = 2_000
"""Timed calls that a row keeps at most; where there were more, evenly spaced ones."""


def rows(request: Request) -> Iterator[LatencyRow]:
    """A row for every model, execution, number of steps and batch size asked for.

    Raises BenchError where a batch does not fit the memory.
    """
    for subject in subjects(request):
        for execution, serving in _executions(subject, request):
            for batch_size in request.batch_sizes:
                try:
                    yield _row(subject, execution, serving, batch_size, request)
                except UsageError as error:
                    say(f"{subject.plan.model} on {subject.sequences.name}: {error}")
                except (torch.OutOfMemoryError, RuntimeError) as error:
                    if not _out_of_memory(error):
                        raise
                    raise BenchError(
                        f"{subject.plan.model} on {subject.sequences.name}: a batch of {batch_size} users does not fit "
                        f"the memory of {request.device}; give smaller --batch-sizes"
                    ) from None


def _executions(subject: Subject, request: Request) -> Iterator[tuple[Execution, Serving]]:
    device, switches = request.device, registry.load(subject.plan.model).as_released
    models: list[tuple[Execution, type[Serving], Recommender]] = []
    if switches:
        models.append(("released", Serving, subject.build(device, switches)))
    model = subject.build(device)
    models += [("eager", Serving, model), ("optimised", Optimised, model)]
    for execution, kind, model in models:
        if execution not in request.executions:
            continue
        for steps in _steps(model, request.steps):
            yield execution, kind(model, steps=steps, seed=SEED)


def _steps(model: Recommender, more: tuple[int, ...]) -> list[int | None]:
    """The numbers of steps to measure: the model's own, one, and those of `more` that its sampler can take."""
    if not isinstance(model, GenerativeRecommender):
        return [None]
    own = model.sampler_steps()
    return [own, *(steps for steps in dict.fromkeys((1, *more)) if steps != own)]


def _out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _row(subject: Subject, execution: Execution, serving: Serving, batch_size: int, request: Request) -> LatencyRow:
    asked, model = _Questions.of(subject, batch_size, request.device), serving.model
    serving.prepare(*asked.batch(0))
    raw = milliseconds(lambda batch: serving.best(*batch), asked.batch, request.device, request.seconds)
    p50, p95, p99 = np.percentile(raw, (50, 95, 99)).tolist()
    return LatencyRow(
        **subject.labels,
        execution=execution,
        batch_size=batch_size,
        steps=serving.steps,
        own_steps=not isinstance(model, GenerativeRecommender) or serving.steps == model.sampler_steps(),
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        calls=len(raw),
        parts_ms={} if execution == "optimised" else parts(serving, asked.batch, request.device),
        test_seconds=_test_seconds(subject, serving, request) if _asks_all(execution, batch_size, request) else None,
        raw_ms=[round(ms, 4) for ms in raw[:: -(-len(raw) // RAW_VALUES)]],
    )


def _asks_all(execution: Execution, batch_size: int, request: Request) -> bool:
    """Whether the whole test set is timed; on a GPU not as optimised, since ranks ask for scores and what is captured
    there is the way to the best items."""
    captured = execution == "optimised" and request.device.type == "cuda"
    return request.test_set and batch_size == TILE_ROWS and not captured


@dataclass(frozen=True)
class _Questions:
    """The test set's windows, in batches that go round and round."""

    history: Tensor
    """(E, L) on the device."""
    users: Tensor
    """(E,)"""
    order: Tensor
    """(M, B) rows of the batches."""

    @classmethod
    def of(cls, subject: Subject, batch_size: int, device: torch.device) -> "_Questions":
        phase = leave_one_out(subject.sequences).test
        users, start, stop = (torch.as_tensor(a, device=device) for a in (phase.users, phase.start, phase.stop))
        history = windows(
            torch.as_tensor(subject.sequences.items, device=device), start, stop, subject.plan.model_config.window
        )
        batches = -(-len(users) // batch_size)
        order = torch.arange(batches * batch_size, device=device) % len(users)
        return cls(history, users, order.view(batches, batch_size))

    def batch(self, i: int) -> tuple[Tensor, Tensor]:
        """Histories (B, L) and users (B,) of call i."""
        rows = self.order[i % len(self.order)]
        return self.history[rows], self.users[rows]


def _test_seconds(subject: Subject, serving: Serving, request: Request) -> float:
    """Seconds for exact ranks of all test users under both protocols, `TILE_ROWS` users at a time."""
    items = torch.as_tensor(subject.sequences.items, device=request.device)
    phase, window = leave_one_out(subject.sequences).test, subject.plan.model_config.window
    elapsed, _ = once(
        lambda asked: rank_phase(serving, items, asked, window=window, seed=SEED, tile=TILE_ROWS), phase, request.device
    )
    return elapsed / 1000
