"""The co-occurrence space against a dense second computation, and what may and may not move it."""

import numpy as np
import pytest
import torch
from data_helpers import sequences_of

from baselines.popularity import Popularity
from baselines.sasrec import SASRec
from fave_bench import data
from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import leave_one_out
from fave_bench.evaluation import item_spaces
from fave_bench.evaluation.item_spaces import FloatArray, co_occurrence, own_space, shared_spaces


def cosine_matrix(sequences: Sequences, held_out: int = 2) -> FloatArray:
    """(N + 1, N + 1) users with both items over the root of users with each, by sets."""
    bounds = zip(sequences.offsets[:-1], sequences.offsets[1:], strict=True)
    sets = [set(sequences.items[start : stop - held_out].tolist()) for start, stop in bounds]
    has = np.array([[item in one for one in sets] for item in range(sequences.num_items + 1)], float)
    together, alone = has @ has.T, has.sum(1)
    return np.asarray(together / np.sqrt(np.maximum(1, np.outer(alone, alone))))


def test_a_small_space_holds_co_occurrence_exactly() -> None:
    sequences = sequences_of({0: [1, 2, 1, 3, 4], 1: [2, 1, 5, 3], 2: [6, 2, 6, 1, 1], 3: [7, 3, 2]})
    vectors = co_occurrence(sequences, leave_one_out(sequences))
    assert np.allclose(vectors @ vectors.T, cosine_matrix(sequences))
    untrained = [0, 3, 4, 5]  # padding, and what only validation or test hold
    assert not vectors[untrained].any() and vectors[[1, 2, 6, 7]].any(1).all()


@pytest.fixture(scope="module")
def demo() -> Sequences:
    return data.load("demo")


def test_a_large_one_is_the_best_approximation_of_its_rank(demo: Sequences) -> None:
    vectors = co_occurrence(demo, leave_one_out(demo))
    values, directions = np.linalg.eigh(cosine_matrix(demo))
    best = (directions[:, -64:] * values[-64:]) @ directions[:, -64:].T
    assert vectors.shape == (501, 64)
    assert np.allclose(vectors @ vectors.T, best, atol=1e-9)


def test_neither_a_second_run_nor_another_seed_moves_a_cosine(demo: Sequences, monkeypatch: pytest.MonkeyPatch) -> None:
    split = leave_one_out(demo)
    first, again = co_occurrence(demo, split), co_occurrence(demo, split)
    assert np.array_equal(first, again)
    monkeypatch.setattr(item_spaces, "SEED", 1)
    other = co_occurrence(demo, split)
    assert not np.array_equal(first, other)
    assert np.allclose(first @ first.T, other @ other.T, atol=1e-9)


def test_held_out_items_move_nothing(demo: Sequences) -> None:
    split = leave_one_out(demo)
    items = demo.items.copy()
    for phase in (split.validation, split.test):
        items[phase.stop] = np.roll(items[phase.stop], 1)
    moved = Sequences(demo.name, demo.offsets, items, item_labels=demo.item_labels)
    assert np.array_equal(co_occurrence(moved, split), co_occurrence(demo, split))


def test_a_models_own_space_is_what_it_scores_by() -> None:
    model = SASRec(SASRec.Config(d=8, window=5), 7)
    vectors = own_space(model)
    assert vectors is not None and np.array_equal(vectors, model.item_vectors().detach().double().numpy())
    assert own_space(Popularity(Popularity.Config(), 7)) is None
    assert model.training and torch.is_grad_enabled()


def test_what_has_no_genres_shares_co_occurrence_alone(demo: Sequences) -> None:
    spaces = shared_spaces(demo, leave_one_out(demo), None)
    assert spaces["genres"] is None and spaces["co_occurrence"] is not None
