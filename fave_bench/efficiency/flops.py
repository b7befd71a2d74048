"""Multiply-accumulates of scoring one user, in two conventions.

`complete` is what this harness executes: every product between a history and the scores of the catalogue, attention and
scoring included, counted twice over (see `inference_graph`). The training-only decoder is not run and not counted.

`paper` is what the papers print as FLOPs: multiply-accumulates of linear, convolutional and recurrent layers alone, as
a tool sees them that looks at modules. It counts the authors' code and not ours, which does less for the same scores
(the last block at one slot, constants multiplied once, no decoder). So a model may say which of its weights meets how
many vectors there, `Recommender.published_layers`. The sum is then Σ numbers in the weight · vectors, which is exact
for such layers; the weights are the model's own, so that sizes and steps follow its configuration and no total is
written down anywhere. A model that says nothing is counted as it runs.
"""

from collections.abc import Iterator

import torch

from fave_bench.efficiency.inference_graph import count
from fave_bench.efficiency.subjects import Subject, subjects
from fave_bench.measure import Request
from fave_bench.models.contract import GenerativeRecommender, Recommender, parameter_count
from fave_bench.records.measurements import FlopsRow

GIGA = 1e9


def rows(request: Request) -> Iterator[FlopsRow]:
    """One row per preset row. Counted on the CPU whatever the device: kernels differ, the mathematics does not."""
    for subject in subjects(request):
        yield _row(subject)


def _row(subject: Subject) -> FlopsRow:
    model, labels = subject.build(torch.device("cpu")), subject.labels
    name = " ".join(filter(None, (labels["model"], labels["setting"], labels["variant"])))
    products = count(model, name)
    paper, needed = published(model, otherwise=products.layers)
    step = step_cost(model, name)
    return FlopsRow(
        **labels,
        items=model.num_items,
        steps=model.sampler_steps() if isinstance(model, GenerativeRecommender) else None,
        parameters=parameter_count(model),
        paper_gmacs=paper / GIGA,
        complete_gmacs=products.total / GIGA,
        step_gmacs=None if step is None else step / GIGA,
        paper_without_decoder_gmacs=needed / GIGA,
    )


def published(model: Recommender, *, otherwise: int = 0) -> tuple[int, int]:
    """Layers of the published computation: all of them, and those that the scores need."""
    uses = model.published_layers()
    if uses is None:
        return otherwise, otherwise
    costs = [(use.weight.numel() * use.vectors, use.needed) for use in uses]
    return sum(cost for cost, _ in costs), sum(cost for cost, needed in costs if needed)


def step_cost(model: Recommender, name: str) -> int | None:
    """What one more step of the sampler costs: two steps less one, every step being like any other."""
    if not isinstance(model, GenerativeRecommender):
        return None
    return count(model, name, steps=2).total - count(model, name, steps=1).total
