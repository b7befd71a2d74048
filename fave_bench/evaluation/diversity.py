"""How different the items of a list are from each other (ILD), and the lists of different users (exposure)."""

from typing import Any

import numpy as np
from scipy import sparse

from fave_bench.evaluation.exposure import IntArray, LongArray, coverage, gini, mean_popularity, overlap, times_shown
from fave_bench.evaluation.item_spaces import FloatArray, Spaces

CUTOFFS = (10, 20)
ROWS = 8192
"""Lists summed at once, so that no more than (ROWS, d) numbers are held."""


def diversity_of(lists: IntArray, spaces: Spaces, popularity: LongArray) -> dict[str, Any]:
    """What a record says of (E, 20) `lists` in its key `diversity` (fave_bench/records/schema.py).

    Lists are best first, without duplicates, 0 where candidates ran out; `popularity` (N,) counts each item's training
    interactions.
    """
    shown = times_shown(lists, len(popularity))
    return {
        "lists": len(lists),
        **{f"ild_{name}": list_distances(lists, vectors) for name, vectors in spaces.items()},
        "coverage": coverage(shown),
        "gini": gini(shown),
        "popularity": mean_popularity(shown, popularity),
        "overlap": overlap(shown, *lists.shape),
    }


def list_distances(lists: IntArray, vectors: FloatArray | None) -> dict[str, float] | None:
    """ILD of the first 10 and 20 items, means over the lists, and the standard error of the latter.

    Intra-list distance as in Zhang & Hurley (2008), the distance being 1 - cosine. Lists of fewer than two items take
    no part; None where no other is left, and where there are no vectors.
    """
    if vectors is None:
        return None
    unit = _unit(vectors)
    of = {k: intra_list_distance(lists[:, :k], unit) for k in CUTOFFS}
    own = of[CUTOFFS[-1]]
    if len(own) == 0:
        return None
    error = own.std() / np.sqrt(len(own))
    return {f"at_{k}": float(values.mean()) for k, values in of.items()} | {"standard_error": float(error)}


def intra_list_distance(lists: IntArray, unit: FloatArray) -> FloatArray:
    """Mean of 1 - cosine over the pairs of each list that has any: (E,) or fewer, in [0, 2].

    `unit` (N + 1, d) has rows of length 1, or 0 for an item of which the space knows nothing: it is at distance 1 from
    every other. The products of all pairs are what |Σ v|² holds beyond Σ |v|².
    """
    size = (lists > 0).sum(1)
    known = (unit != 0).any(1)[lists].sum(1)
    pairs = size * (size - 1)
    products = np.concatenate([_square_of_sum(lists[i : i + ROWS], unit) for i in range(0, len(lists), ROWS)]) - known
    return np.clip(1 - products[pairs > 0] / pairs[pairs > 0], 0, 2)  # rounding may leave [0, 2] by a last digit


def _square_of_sum(lists: IntArray, unit: FloatArray) -> FloatArray:
    """(E,) squared length of the sum of each list's vectors; row 0 of `unit` is zero."""
    rows, length = lists.shape
    holds = sparse.csr_array((np.ones(lists.size), lists.ravel(), np.arange(rows + 1) * length), (rows, len(unit)))
    total = holds @ unit
    return np.asarray(np.einsum("ed,ed->e", total, total))


def _unit(vectors: FloatArray) -> FloatArray:
    """Rows at length 1; padding, and rows without a direction, at 0."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    length[0] = 0
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
