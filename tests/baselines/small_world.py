"""Twenty users to learn by heart, and fixed weights, for the laws of several baselines."""

import numpy as np
import torch
from torch import Tensor

from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import Phase, Split, leave_one_out
from fave_bench.evaluation.phase_ranks import PhaseRanks
from fave_bench.evaluation.ranks import rank_phase
from fave_bench.models.contract import Recommender
from fave_bench.randomness import StepDraw


def from_rows(rows: list[list[int]]) -> Sequences:
    """Sequences of the given lists, whatever ids they use."""
    return Sequences("toy", np.cumsum([0, *map(len, rows)]), np.concatenate(rows).astype(np.int32))


def twenty_users() -> tuple[Sequences, Split]:
    """Six to ten of 40 items each, in an order of the user's own."""
    random = np.random.default_rng(5)
    sequences = from_rows([(random.permutation(40)[: random.integers(6, 11)] + 1).tolist() for _ in range(20)])
    return sequences, leave_one_out(sequences)


def last_training_item(model: Recommender, sequences: Sequences) -> PhaseRanks:
    """Ranks of every user's last training item, asked for after the training items before it."""
    split = leave_one_out(sequences)
    asked = Phase(np.arange(sequences.num_users), split.train_start, split.train_stop - 1)
    items = torch.as_tensor(sequences.items, dtype=torch.int64)
    return rank_phase(model, items, asked, window=model.config.window, seed=0)


def hits_of(model: Recommender, sequences: Sequences) -> float:
    """H@1 on what the model was fitted to."""
    return float((last_training_item(model, sequences).ranks("filtered") == 1).mean())


def with_fixed_weights(model: Recommender) -> Recommender:
    """Weights that are a function of their place, so that outputs can be compared across versions of the code."""
    with torch.no_grad():
        for number, weight in enumerate(model.parameters()):
            place = torch.arange(weight.numel(), dtype=torch.float64)
            weight.copy_((torch.sin(1.7 * place + number) * 0.5).view(weight.shape))
    return model.eval()


def fingerprint(model: Recommender, history: Tensor) -> list[float]:
    """A few scores of the first user, and one sum over all of them."""
    with torch.no_grad():
        scores = with_fixed_weights(model).scores(history, draw=StepDraw(0)).double()
    return [*scores[0, :3].tolist(), float((scores * torch.cos(torch.arange(scores.numel()).view_as(scores))).sum())]
