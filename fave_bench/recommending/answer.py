"""One request to a trained model: a history in, its best new items out, and how long that takes."""

from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor

from fave_bench.data.windows import windows
from fave_bench.efficiency.timing import once
from fave_bench.evaluation.candidates import seen_cells
from fave_bench.evaluation.lists import best_items
from fave_bench.models.contract import Recommender
from fave_bench.randomness import UserDraw
from fave_bench.recommending.question import Question

CALLS = 5
"""Timed calls; the one before them gives the answer and is the warm-up."""
NO_TARGET = -1
"""Stands where a phase has its target. No column has this number, so all of the history is left out."""
TIMED = "from the history on the device to its best items, eager, items of the history left out"


@dataclass(frozen=True)
class Answer:
    """Items by falling score."""

    items: tuple[int, ...]
    """At most k, as the catalogue allows."""
    scores: tuple[float, ...]
    milliseconds: float
    """Median of CALLS, of what TIMED says."""


def recommend(model: Recommender, asked: Question, k: int, *, seed: int, device: torch.device) -> Answer:
    """The k best candidates of protocol `filtered` after a history.

    `seed` and the user's number key the noise of a generative model, as in evaluation: with the seed of a run's test
    phase, a test user gets the list that was recorded. A target that its own history holds is a candidate there, and
    so it is here.
    """
    items = torch.tensor([*asked.history, NO_TARGET if asked.target is None else asked.target], device=device)
    users = torch.tensor([asked.number], device=device)

    def call(items: Tensor) -> tuple[Tensor, Tensor]:
        with torch.inference_mode():
            return _best(model, items, users, seed, k)

    best, scores = call(items)
    times = [once(call, items, device)[0] for _ in range(CALLS)]
    found = int((best[0] > 0).sum())
    return Answer(tuple(best[0, :found].tolist()), tuple(scores[0, :found].tolist()), median(times))


def _best(model: Recommender, items: Tensor, users: Tensor, seed: int, k: int) -> tuple[Tensor, Tensor]:
    """Items (1, k) and their scores (1, k), in windows as evaluation cuts them."""
    start, stop = items.new_zeros(1), items.new_tensor([len(items) - 1])
    length = min(len(items) - 1, model.config.window) if model.padding_free else model.config.window
    scores = model.scores(windows(items, start, stop, length), draw=UserDraw(seed, users)).float()
    rows, columns, _ = seen_cells(items, start, stop, scores.shape[1], count=len(items) - 1)
    best = best_items(scores, rows, columns, k)
    return best, scores.gather(1, best.long())
