"""Where a model may start, and how near that is to where it should end (FAVE, Figure 4)."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from fave_bench.data.sequences import Sequences
from fave_bench.geometry.planes import lay
from fave_bench.geometry.questions import SEED, Questions, asked_of
from fave_bench.geometry.walks import distance, quartiles
from fave_bench.kept import kept_runs, labels
from fave_bench.measure import Request
from fave_bench.models.contract import GenerativeRecommender
from fave_bench.records import Record
from fave_bench.records.geometry_rows import PriorDistance, PriorsRow

NOISE, TARGET = "Gaussian noise", "target"
DRAWN = 150
"""Users whose states are drawn."""


def rows(request: Request) -> Iterator[PriorsRow]:
    """A row per run, with its weights here, of a model that names priors. Raises BenchError where there is none."""
    runs = kept_runs(request, "a model with a prior of its own", lambda kind: bool(kind.priors))
    for record, sequences, model in runs:
        yield row(model, record, sequences)


@torch.inference_mode()
def row(model: GenerativeRecommender, record: Record, sequences: Sequences) -> PriorsRow:
    sample = asked_of(model, record, sequences).sample()
    vectors = model.item_vectors()
    target, other = vectors[sample.target], vectors[sample.others(model.num_items)]
    starts = {NOISE: sample.draw().normal(*target.shape)} | {
        name: start(model, sample, switches) for name, switches in model.priors.items()
    }
    some = sample.sample(DRAWN).users
    drawn = torch.isin(sample.users, some)
    clouds = {name: cloud[drawn] for name, cloud in (starts | {TARGET: target}).items()}
    laid = lay(torch.cat(list(clouds.values())).double().cpu().numpy(), seed=SEED)
    return PriorsRow(
        **labels(record),
        users=len(sample),
        own=next((name for name, switches in model.priors.items() if _has(model, switches)), ""),
        distances={name: between(distance(x0, target), distance(x0, other)) for name, x0 in starts.items()},
        layout=laid.layout,
        clouds={name: laid.at(slice(i * len(some), (i + 1) * len(some))) for i, name in enumerate(clouds)},
    )


def between(to_target: Tensor, to_other: Tensor) -> PriorDistance:
    """What there is to say of two distances (B,) each; a draw counts as half."""
    nearer = (to_target < to_other).double() + 0.5 * (to_target == to_other)
    return PriorDistance(
        to_target=quartiles(to_target), to_other=quartiles(to_other), nearer=round(float(nearer.mean()), 6)
    )


def start(model: GenerativeRecommender, questions: Questions, switches: Mapping[str, Any]) -> Tensor:
    """(B, d) the model's first states, its configuration changed by `switches`; the model itself is not changed."""
    other = copy.copy(model)
    other.config = model.config.model_copy(update=dict(switches))
    return next(iter(other.states(questions.history, draw=questions.draw())))


def _has(model: GenerativeRecommender, switches: Mapping[str, Any]) -> bool:
    return all(getattr(model.config, field) == value for field, value in switches.items())
