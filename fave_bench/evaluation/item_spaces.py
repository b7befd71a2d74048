"""Where the distance of two items is measured: the model's own vectors, and spaces that all models share.

A space is (N + 1, d) item vectors whose cosines count; a zero row is an item of which it knows nothing.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import svds

from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import Split
from fave_bench.evaluation.ranks import evaluating
from fave_bench.models.contract import Recommender

FloatArray = NDArray[np.float64]
Spaces = dict[str, FloatArray | None]
"""Name -> the space; None where a dataset or model has none."""
RANK = 64
SEED = 0
"""Of the iteration's first vector. Where singular values are distinct, the space does not depend on it."""
NEGLIGIBLE = 1e-6
"""A vector shorter than this (1 would be all of an item's column) is rounding error and has no direction to compare."""


def own_space(model: Recommender) -> FloatArray | None:
    """The vectors that the model scores items by; None for one that scores in another way."""
    try:
        with evaluating(model), torch.inference_mode():
            return np.asarray(model.item_vectors().double().cpu().numpy())
    except NotImplementedError:
        return None


def shared_spaces(sequences: Sequences, split: Split, genres: FloatArray | None) -> Spaces:
    """What the data alone say of their items: the publisher's `genres` (`data.items.genre_matrix`), `co_occurrence`."""
    return {"genres": genres, "co_occurrence": co_occurrence(sequences, split)}


def co_occurrence(sequences: Sequences, split: Split) -> FloatArray:
    """(N + 1, r) item vectors whose products are the best approximation of rank r <= 64 to the items' co-occurrence.

    Two items co-occur as often as users have both in training, over the geometric mean of how many users have each
    (the cosine of their columns in the user-item matrix X). So V Σ of X = U Σ Vᵀ, columns of X at length 1, holds the
    vectors (Eckart & Young 1936). An item with itself counts 1 for every item, which moves no singular vector. Zero are
    row 0, items without training interactions, and items that share no user with what the rank leaves room for.
    """
    columns = _columns(sequences, split)
    if min(columns.shape) <= RANK:
        _, strength, right = np.linalg.svd(columns.toarray(), full_matrices=False)
    else:
        first = np.random.default_rng(SEED).standard_normal(min(columns.shape))
        _, strength, right = svds(columns, RANK, v0=first, return_singular_vectors="vh")
    vectors = np.asarray(right.T * strength)
    vectors[np.linalg.norm(vectors, axis=1) < NEGLIGIBLE] = 0
    return vectors


def _columns(sequences: Sequences, split: Split) -> sparse.csc_array:
    """X: (U, N + 1), each training item of a user once, and then each item's column at length 1."""
    training = split.trained(sequences)
    where = (sequences.owner[training], sequences.items[training])
    held = sparse.csc_array((np.ones(training.sum()), where), (sequences.num_users, sequences.num_items + 1))
    held.data[:] = 1
    held.data /= np.sqrt(np.repeat(np.diff(held.indptr), np.diff(held.indptr)))
    return held
