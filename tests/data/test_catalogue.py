"""What the catalogue says, against the papers' printed statistics; titles and genres; the pickle's structure."""

import csv
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from data_helpers import EVENTS, unpacked, write_movielens_zip, write_u_data

from fave_bench import data
from fave_bench.data import catalogue
from fave_bench.errors import BenchError, UsageError

PRINTED = Path(__file__).parents[2] / "paper_tables" / "reference" / "dataset_statistics.csv"
ITEM = (
    "30|Star Wars (1977)|01-Jan-1977||http://x|0|1|1|0|0|0|0|0|0|0|0|0|0|0|1|1|0|1|0\n10|Café (1996)||||"
    + "|".join("0" * 18)
    + "|1\n"
)


def test_counts_are_those_that_the_papers_print() -> None:
    with PRINTED.open(newline="") as file:
        printed = {
            row["dataset"]: [int(row[key]) for key in ("users", "items", "actions")] for row in csv.DictReader(file)
        }
    assert set(printed) == {"ml-100k", "beauty", "steam", "yelp"}
    for name, counts in printed.items():
        entry = catalogue.get(name)
        assert [entry.users, entry.items, entry.actions] == counts
        assert entry.publisher.startswith("https://") and not entry.synthetic


def test_other_readings_of_a_rule_fit_and_other_data_do_not() -> None:
    beauty = catalogue.get("beauty")
    assert beauty.fits(22_363, 12_101, 198_502) and beauty.fits(16_000, 9_000, 290_000)
    assert not beauty.fits(14_000, 12_101, 198_502) and not beauty.fits(22_363, 12_101, 300_000)
    assert catalogue.get("demo").fits(1, 1, 1)  # of which no paper prints anything


def test_every_download_is_verified_and_every_set_is_real_or_generated() -> None:
    for name in catalogue.names():
        entry = catalogue.get(name)
        assert entry.synthetic == (not entry.publisher)
        for download in entry.downloads:
            assert download.file in entry.files
            assert download.git_blob or download.sha256 in dict(entry.checksums)
        if entry.synthetic:
            assert data.available(name)


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'ml-100k'"):
        catalogue.get("ml100k")


@pytest.mark.parametrize("place", ["beside", "source", "prepared"])
def test_titles_and_genres_are_found_beside_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.delenv("FAVE_BENCH_DATA", raising=False)
    assert data.titles("ml-100k") == {}
    folder = tmp_path / "ml-100k"
    folder.mkdir()
    (folder / "u.item").write_bytes(ITEM.encode("latin-1"))
    given = write_u_data(folder / "u.data", EVENTS) if place == "source" else None
    if place == "beside":
        monkeypatch.setenv("FAVE_BENCH_DATA", str(tmp_path))
    if place == "prepared":
        from fave_bench.prepare import main

        main(["--dataset", "ml-100k", "--from", str(write_u_data(folder / "u.data", EVENTS))])
    assert data.titles("ml-100k", given) == {"30": "Star Wars (1977)", "10": "Café (1996)"}
    assert data.genres("ml-100k", given) == {
        "30": ("Action", "Adventure", "Romance", "Sci-Fi", "War"),
        "10": ("Western",),
    }
    assert data.titles("beauty") == {}


def test_titles_are_found_in_the_publishers_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import zipfile

    monkeypatch.delenv("FAVE_BENCH_DATA", raising=False)
    path = write_movielens_zip(tmp_path / "ml-100k.zip", EVENTS)
    assert data.titles("ml-100k", path) == {}
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("ml-100k/u.item", ITEM.encode("latin-1"))
    assert data.titles("ml-100k", path)["10"] == "Café (1996)"


def test_real_titles(real_data: Callable[[str], Path]) -> None:
    folder = real_data("ml-100k")
    labels = set(data.load("ml-100k", folder).item_labels)
    assert set(data.titles("ml-100k", folder)) == set(data.genres("ml-100k", folder)) == labels
    assert data.titles("ml-100k", folder)["1"] == "Toy Story (1995)"


GOOD: dict[str, Any] = {"train": {0: [1, 2]}, "val": {0: [3]}, "test": {0: [4]}, "smap": {}}


def test_a_pickle_without_maps_keeps_its_own_ids(tmp_path: Path) -> None:
    path = tmp_path / "dataset.pkl"
    path.write_bytes(pickle.dumps(GOOD))
    assert unpacked(data.load("mine", path)) == {"0": ["1", "2", "3", "4"]}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ([1, 2], "expected a dictionary with train, val and test"),
        ({"train": {}, "val": {}}, "expected a dictionary with train, val and test"),
        (GOOD | {"val": {}}, "must list the same users"),
        (GOOD | {"test": {0: 4}}, "'test' of user 0 is not a list of integers from 1"),
        (GOOD | {"test": {0: [0]}}, "is not a list of integers from 1"),
        (GOOD | {"test": {0: [True]}}, "is not a list of integers from 1"),
        (GOOD | {"test": {0: [1 << 70]}}, "is not a list of integers from 1"),
        (GOOD | {"train": {-1: [1]}}, "neither a non-negative integer nor a string"),
        (GOOD | {"train": {(1, 2): [1]}}, "neither a non-negative integer nor a string"),
        (GOOD | {"smap": {1: 2, 3: 2}}, "'smap' is not a one-to-one map"),
        (GOOD | {"smap": [1]}, "'smap' is not a one-to-one map"),
        (GOOD | {"train": {0: [1, Path("x")]}}, "refused"),
    ],
)
def test_a_pickle_of_another_structure_is_one_sentence(tmp_path: Path, content: object, sentence: str) -> None:
    path = tmp_path / "dataset.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(BenchError, match=sentence):
        data.load("mine", path)
