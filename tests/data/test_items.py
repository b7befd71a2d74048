"""Titles and genres follow the canonical ids of whatever file the sequences came from."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from data_helpers import EVENTS, write_u_data

from fave_bench import data
from fave_bench.data.item_texts import GENRES
from fave_bench.data.items import genre_matrix, titles

FLAGS = {10: (18,), 20: (1, 8), 30: (5,), 40: ()}


def line(item: int, flags: tuple[int, ...]) -> str:
    return f"{item}|Film {item}||||" + "|".join("1" if g in flags else "0" for g in range(len(GENRES))) + "\n"


@pytest.fixture
def u_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """u.data with a u.item beside it."""
    monkeypatch.delenv("FAVE_BENCH_DATA", raising=False)
    (tmp_path / "u.item").write_text("".join(line(item, flags) for item, flags in FLAGS.items()))
    return write_u_data(tmp_path / "u.data", EVENTS)


def test_ids_are_the_canonical_ones(u_data: Path) -> None:
    sequences = data.load("ml-100k", u_data)
    assert titles(sequences, u_data) == {i: f"Film {label}" for i, label in enumerate(sequences.item_labels, 1)}
    matrix = genre_matrix(sequences, u_data)
    assert matrix is not None and matrix.shape == (5, len(GENRES)) and not matrix[0].any()
    for item, label in enumerate(sequences.item_labels, 1):
        assert tuple(np.flatnonzero(matrix[item])) == FLAGS[int(label)]


def test_one_item_without_genres_leaves_no_space_that_all_items_share(u_data: Path) -> None:
    sequences = data.load("ml-100k", u_data)
    list_of_items = u_data.with_name("u.item")
    list_of_items.write_text("".join(line(item, flags) for item, flags in FLAGS.items() if item != 20))
    assert genre_matrix(sequences, u_data) is None
    assert len(titles(sequences, u_data)) == 3


def test_items_that_somebody_counted_anew_are_nobodys_films(u_data: Path) -> None:
    sequences = data.load("ml-100k", u_data)
    counted = replace(sequences, item_labels=("1", "2", "3", "4"))
    u_data.with_name("u.item").write_text("".join(line(item, (1,)) for item in range(1, 5)))
    assert titles(counted, u_data) == {} and genre_matrix(counted, u_data) is None


def test_datasets_without_a_list_have_neither() -> None:
    demo = data.load("demo")
    assert titles(demo) == {} and genre_matrix(demo) is None


def test_every_film_of_movielens_has_a_genre_whichever_file_is_read(real_data: Callable[[str], Path]) -> None:
    folder = real_data("ml-100k")
    found = [data.load("ml-100k", folder / name) for name in ("u.data", "dataset.pkl")]
    tables = [genre_matrix(sequences, folder) for sequences in found]
    assert tables[0] is not None and tables[1] is not None
    assert tables[0].any(1).sum() == 1682 and np.array_equal(*tables)
    assert titles(found[0], folder)[1] == "Monty Python and the Holy Grail (1974)"
