"""Accuracy against sampler steps: recorded runs' weights, ranked again in other numbers of steps.

The protocols, the test users and each user's noise are the run's own, so at its own number of steps the metrics are
the record's to the last digit.
"""

from collections.abc import Iterator
from functools import cache

import torch

from fave_bench import data
from fave_bench.cli import say
from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import SPLITS
from fave_bench.efficiency.serving import Serving
from fave_bench.errors import BenchError, UsageError
from fave_bench.evaluation.metrics import ByProtocol, metrics_of
from fave_bench.evaluation.ranks import rank_phase
from fave_bench.measure import Request
from fave_bench.models import registry
from fave_bench.models.contract import GenerativeRecommender, Recommender
from fave_bench.randomness import seed_of
from fave_bench.records import Record, Store
from fave_bench.records.measurements import StepsRow
from fave_bench.restore import restore

COUNTS = (1, 2, 4, 8, 16)
"""Beside every run's own number."""


def rows(request: Request) -> Iterator[StepsRow]:
    """Run by run, by rising steps. A run that cannot be restored here is named on stderr and left out.

    Raises BenchError where no run is left.
    """
    store, load, measured = Store(request.results), cache(data.load), False
    for record in filter(lambda record: _asked(record, request), store.records()):
        try:
            sequences = load(record.dataset.name)
            model = restore(store, record, sequences, request.device)
        except BenchError as error:
            say(f"skipped {_name(record)}: {error}")
            continue
        assert isinstance(model, GenerativeRecommender)
        for steps, metrics in in_steps(model, record, sequences):
            measured = True
            yield _row(record, steps, metrics)
    if not measured:
        raise BenchError(
            f"no recorded run of a generative model in {request.results} has its weights on this machine; "
            "`python -m fave_bench.run` makes one and keeps them"
        )


def in_steps(model: GenerativeRecommender, record: Record, sequences: Sequences) -> Iterator[tuple[int, ByProtocol]]:
    """(steps, test metrics) for COUNTS and the model's own; counts beyond its sampler's limit are left out."""
    for steps in sorted({*COUNTS, model.sampler_steps()}):
        try:
            yield steps, ranked(Serving(model, steps=steps), record, sequences)
        except UsageError as error:
            say(f"{_name(record)}: {error}")


def ranked(model: Recommender, record: Record, sequences: Sequences) -> ByProtocol:
    """Metrics of the record's test users under both protocols, with the noise of the record's seed."""
    items = torch.as_tensor(sequences.items, dtype=torch.int64, device=next(model.parameters()).device)
    questions = SPLITS[record.dataset.split](sequences).test
    seed = seed_of(record.seed, "draw", "test")
    return metrics_of(rank_phase(model, items, questions, window=model.config.window, seed=seed))


def _asked(record: Record, request: Request) -> bool:
    return (
        record.model in request.models
        and record.dataset.name in request.datasets
        and (not request.settings or record.setting in request.settings)
        and issubclass(registry.load(record.model), GenerativeRecommender)
    )


def _row(record: Record, steps: int, metrics: ByProtocol) -> StepsRow:
    return StepsRow(
        model=record.model,
        title=record.title,
        dataset=record.dataset.name,
        setting=record.setting,
        variant=record.variant,
        run=record.key,
        steps=steps,
        metrics=metrics,
        truncated=record.truncated,
    )


def _name(record: Record) -> str:
    row = "/".join(filter(None, (record.setting, record.variant)))
    return f"{record.dataset.name} {record.model} {row} seed {record.seed} ({record.key})"
