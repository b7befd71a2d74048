"""Accuracy against sampler steps: recorded runs' weights, ranked again in other numbers of steps.

The protocols, the test users and each user's noise are the run's own, so at its own number of steps the metrics are
the record's to the last digit.
"""

from collections.abc import Iterator

import torch

from fave_bench.cli import say
from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import SPLITS
from fave_bench.efficiency.serving import Serving
from fave_bench.errors import UsageError
from fave_bench.evaluation.metrics import errors_of, metrics_of
from fave_bench.evaluation.phase_ranks import PhaseRanks
from fave_bench.evaluation.ranks import rank_phase
from fave_bench.kept import kept_runs, labels, run_name
from fave_bench.measure import Request
from fave_bench.models.contract import GenerativeRecommender, Recommender
from fave_bench.randomness import seed_of
from fave_bench.records import Record
from fave_bench.records.measurements import StepsRow

COUNTS = (1, 2, 4, 8, 16, 32)
"""Beside every run's own number."""


def rows(request: Request) -> Iterator[StepsRow]:
    """Run by run, by rising steps. A run that cannot be restored here is named on stderr and left out.

    Raises BenchError where no run is left.
    """
    for record, sequences, model in kept_runs(request):
        for steps, ranks in in_steps(model, record, sequences):
            yield StepsRow(**labels(record), steps=steps, metrics=metrics_of(ranks), standard_errors=errors_of(ranks))


def in_steps(model: GenerativeRecommender, record: Record, sequences: Sequences) -> Iterator[tuple[int, PhaseRanks]]:
    """(steps, test ranks) for COUNTS and the model's own; counts beyond its sampler's limit are left out."""
    for steps in sorted({*COUNTS, model.sampler_steps()}):
        try:
            yield steps, ranked(Serving(model, steps=steps), record, sequences)
        except UsageError as error:
            say(f"{run_name(record)}: {error}")


def ranked(model: Recommender, record: Record, sequences: Sequences) -> PhaseRanks:
    """Ranks of the record's test users under both protocols, with the noise of the record's seed."""
    items = torch.as_tensor(sequences.items, dtype=torch.int64, device=next(model.parameters()).device)
    questions = SPLITS[record.dataset.split](sequences).test
    seed = seed_of(record.seed, "draw", "test")
    return rank_phase(model, items, questions, window=model.config.window, seed=seed)
