"""Titles and genres of a dataset's items by canonical id, where its publisher's list lies beside the data."""

from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fave_bench.data.item_texts import GENRES, read_genres, read_titles
from fave_bench.data.sequences import Sequences

T = TypeVar("T")


def titles(sequences: Sequences, source: Path | None = None) -> dict[int, str]:
    """Item id in 1..N -> title; empty where there is no list. `source` is where the sequences were read from."""
    return _by_id(sequences, read_titles(sequences.name, source))


def genre_matrix(sequences: Sequences, source: Path | None = None) -> NDArray[np.float64] | None:
    """(N + 1, genres) of 0 and 1, row 0 being padding; None unless every item's genres are known.

    Raises BenchError for a list that cannot be read.
    """
    found = _by_id(sequences, read_genres(sequences.name, source))
    if len(found) < sequences.num_items:
        return None
    matrix = np.zeros((sequences.num_items + 1, len(GENRES)))
    for item, names in found.items():
        matrix[item, [GENRES.index(name) for name in names]] = 1
    return matrix


def _by_id(sequences: Sequences, by_label: dict[str, T]) -> dict[int, T]:
    if _renumbered(sequences.item_labels):
        return {}
    return {item: by_label[label] for item, label in enumerate(sequences.item_labels, 1) if label in by_label}


def _renumbered(labels: tuple[str, ...]) -> bool:
    """Whether items were counted anew by first appearance, so that a label is no longer the publisher's id."""
    return all(label == str(item) for item, label in enumerate(labels, 1))
