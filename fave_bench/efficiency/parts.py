"""Where the time of a request goes: each part of the contract timed alone."""

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from fave_bench.efficiency.serving import BEST, Serving
from fave_bench.efficiency.timing import once
from fave_bench.models.contract import GenerativeRecommender, Recommender
from fave_bench.randomness import UserDraw

PART_CALLS = 10
"""Timed calls behind a median, after one that does not count."""
Part = tuple[str, Callable[[Any], Any]]


@torch.inference_mode()
def parts(serving: Serving, batch: Callable[[int], tuple[Tensor, Tensor]], device: torch.device) -> dict[str, float]:
    """Median milliseconds of `encode`, `sampler`, `score` and `top-k`; a model is without those it does not have.

    ``batch(i)`` gives the histories and users of call i.
    """
    found = defaultdict(list)
    for i in range(PART_CALLS + 1):
        value: Any = batch(i)
        for name, part in _chain(serving):
            elapsed, value = once(part, value, device)
            found[name].append(elapsed)
    return {name: statistics.median(elapsed[1:]) for name, elapsed in found.items()}


def _chain(serving: Serving) -> Iterator[Part]:
    """The parts, each a function of what the one before returned, from (histories, users) to the best items."""
    model = serving.model
    if isinstance(model, GenerativeRecommender):
        yield "encode", lambda asked: _begun(model, serving, *asked)
        yield "sampler", lambda states: _last(states)
        yield "score", model.catalogue_scores
    elif type(model).user_vectors is not Recommender.user_vectors:
        yield "encode", lambda asked: model.user_vectors(asked[0], draw=UserDraw(serving.seed, asked[1]))
        yield "score", model.catalogue_scores
    else:
        yield "score", lambda asked: model.scores(asked[0], draw=UserDraw(serving.seed, asked[1]))
    yield "top-k", lambda scores: scores.topk(min(BEST, scores.shape[1]))


def _begun(model: GenerativeRecommender, serving: Serving, history: Tensor, users: Tensor) -> Iterator[Tensor]:
    """The sampler's states, of which the first, the prior, has been made."""
    states = model.states(history, steps=serving.steps, draw=UserDraw(serving.seed, users))
    next(states)
    return states


def _last(states: Iterator[Tensor]) -> Tensor:
    for state in states:
        last = state
    return last
