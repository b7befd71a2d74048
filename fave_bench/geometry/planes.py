"""High-dimensional vectors laid into a plane, twice: by t-SNE, as papers show them, and by PCA, which distorts less."""

from dataclasses import dataclass

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from fave_bench.records.geometry_rows import Layout, Planes

Array = NDArray[np.float64]
PERPLEXITY = 30.0
DIGITS = 4
"""Significant enough for any picture, and a row stays small."""


@dataclass(frozen=True)
class Laid:
    """Coordinates of all the vectors that were laid out together."""

    layout: Layout
    tsne: Array
    """(n, 2)"""
    pca: Array
    """(n, 2)"""

    def at(self, rows: slice) -> Planes:
        """The coordinates of some of the vectors."""
        return Planes(tsne=_points(self.tsne[rows]), pca=_points(self.pca[rows]))


def lay(vectors: Array, *, seed: int) -> Laid:
    """n vectors (n, d), L2-normalised, in both planes. A fifth of few vectors are neighbours, PERPLEXITY of many."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.where(lengths > 0, lengths, 1.0)
    perplexity = min(PERPLEXITY, (len(unit) - 1) / 5)
    pca = PCA(2, svd_solver="full").fit(unit)
    tsne = TSNE(2, perplexity=perplexity, init="pca", random_state=seed, n_jobs=1).fit_transform(unit)
    layout = Layout(
        vectors=len(unit),
        perplexity=perplexity,
        seed=seed,
        scikit_learn=sklearn.__version__,
        explained=float(pca.explained_variance_ratio_.sum()),
    )
    return Laid(layout, np.asarray(tsne, np.float64), pca.transform(unit))


def _points(coordinates: Array) -> list[tuple[float, float]]:
    return [(float(f"{x:.{DIGITS}g}"), float(f"{y:.{DIGITS}g}")) for x, y in coordinates]
