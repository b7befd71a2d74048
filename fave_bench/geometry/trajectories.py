"""The way from the prior to the prediction (FAVE, Figure 3), taken from recorded runs' weights."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from fave_bench.data.sequences import Sequences
from fave_bench.geometry.planes import Laid, lay
from fave_bench.geometry.questions import BATCH, SEED, Questions, asked_of
from fave_bench.geometry.walks import distance, quartiles, straightness
from fave_bench.kept import kept_runs, labels
from fave_bench.measure import Request
from fave_bench.models.contract import GenerativeRecommender
from fave_bench.records import Record
from fave_bench.records.geometry_rows import Path, TrajectoriesRow

TARGETS, FOLLOWED = 5, 4
"""Target items whose users are drawn, and users of each."""
SHOWN = 31
"""States shown of a way at most, evenly spaced over its steps."""
ITEMS = 200
"""Catalogue items drawn around them."""


def rows(request: Request) -> Iterator[TrajectoriesRow]:
    """A row per run of a generative model whose weights are here. Raises BenchError where there is none."""
    for record, sequences, model in kept_runs(request):
        yield row(model, record, sequences)


@torch.inference_mode()
def row(model: GenerativeRecommender, record: Record, sequences: Sequences) -> TrajectoriesRow:
    questions = asked_of(model, record, sequences)
    sample = questions.sample()
    shown = shown_states(model.sampler_steps())
    ratio, to_target, to_other = walked(model, sample, shown)
    low, median, high = quartiles(ratio)
    return TrajectoriesRow(
        **labels(record),
        steps=model.sampler_steps(),
        users=len(sample),
        straightness=median,
        straightness_quartiles=[low, median, high],
        shown=shown,
        to_target=[quartiles(state) for state in to_target],
        to_other=[quartiles(state) for state in to_other],
        **_drawn(model, followed(questions), shown),
    )


def shown_states(steps: int) -> list[int]:
    """Numbers of the states that are kept of steps + 1, the prior and the prediction among them."""
    return np.linspace(0, steps, min(SHOWN, steps + 1)).round().astype(int).tolist()


def walked(model: GenerativeRecommender, questions: Questions, shown: list[int]) -> tuple[Tensor, Tensor, Tensor]:
    """Straightness (B,), and the distances of the states shown to the target and to another item (S, B) each."""
    vectors, others, found = model.item_vectors(), questions.others(model.num_items), []
    for batch, other in zip(questions.batches(), others.split(BATCH), strict=True):
        states = model.trajectory(batch.history, draw=batch.draw())
        to_target, to_other = (distance(states[shown], vectors[ids]) for ids in (batch.target, other))
        found.append((straightness(states), to_target, to_other))
    ratio, to_target, to_other = (torch.cat(part, -1) for part in zip(*found, strict=True))
    return ratio, to_target, to_other


def followed(questions: Questions) -> Questions:
    """The first FOLLOWED users of each of the TARGETS most frequent targets; of equally frequent ones, lower ids."""
    targets = questions.target.cpu().numpy()
    ids, counts = np.unique(targets, return_counts=True)
    chosen = ids[np.lexsort((ids, -counts))[:TARGETS]]
    return questions.rows(np.concatenate([np.flatnonzero(targets == item)[:FOLLOWED] for item in chosen]))


def _drawn(model: GenerativeRecommender, users: Questions, shown: list[int]) -> dict[str, object]:
    """The fields of a row that a picture is drawn from."""
    states = model.trajectory(users.history, draw=users.draw())[shown].transpose(0, 1)  # (B, shown, d)
    targets = list(dict.fromkeys(users.target.tolist()))
    others = np.setdiff1d(np.arange(1, model.num_items + 1), targets)
    items = np.random.default_rng(SEED).permutation(others)[:ITEMS]
    catalogue = model.item_vectors()[[*targets, *items.tolist()]]
    laid = lay(torch.cat([catalogue, states.flatten(0, 1)]).double().cpu().numpy(), seed=SEED)
    return {
        "layout": laid.layout,
        "targets": {item: laid.at(slice(i, i + 1)) for i, item in enumerate(targets)},
        "items": laid.at(slice(len(targets), len(catalogue))),
        "paths": _paths(laid, users, len(catalogue), len(shown)),
    }


def _paths(laid: Laid, users: Questions, first: int, states: int) -> list[Path]:
    pairs = zip(users.users.tolist(), users.target.tolist(), strict=True)
    return [
        Path(user=user, target=target, at=laid.at(slice(first + i * states, first + (i + 1) * states)))
        for i, (user, target) in enumerate(pairs)
    ]
