"""Where a dataset is looked for, and what is kept."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from data_helpers import EVENTS, WRITERS, Event, interactions, write_csv, write_pickle, write_u_data

from fave_bench import data
from fave_bench.data import cache, catalogue, loading
from fave_bench.data.filters import Rule
from fave_bench.data.interactions import to_sequences
from fave_bench.data.loading import Options, prepare
from fave_bench.errors import BenchError, UsageError

OTHER: list[Event] = [(1, 1, 1), (1, 2, 2), (1, 3, 3), (1, 4, 4)]


@pytest.fixture
def data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("FAVE_BENCH_DATA", str(folder))
    return folder


def test_a_source_wins_over_the_data_folder_and_that_over_what_was_prepared(data_folder: Path, tmp_path: Path) -> None:
    given = write_u_data(tmp_path / "u.data", EVENTS)
    prepared = prepare("mine", given)
    cache.remember("mine", prepared.key, given)
    assert data.load("mine").num_users == 3
    write_u_data(data_folder / "mine", OTHER)
    assert data.load("mine").num_users == 1, "a file of that name in the data folder"
    assert data.load("mine", given).num_users == 3


def test_a_folder_gives_the_file_that_the_catalogue_names_first(data_folder: Path) -> None:
    for name in ("beauty", "ml-100k"):
        (data_folder / name).mkdir()
        write_u_data(data_folder / name / "u.data", EVENTS)
        write_pickle(data_folder / name / "dataset.pkl", EVENTS)
    assert data.load("ml-100k").source == "u.data (MovieLens u.data)"
    assert data.load("beauty").source == "dataset.pkl (dataset pickle)"
    assert data.available("beauty") and not data.available("steam")


def test_a_folder_with_one_unknown_file_is_enough_and_with_two_is_not(data_folder: Path) -> None:
    (data_folder / "mine").mkdir()
    (data_folder / "mine" / "NOTES").write_text("hello")
    write_csv(data_folder / "mine" / "a.csv", EVENTS)
    assert data.load("mine").num_users == 3
    write_csv(data_folder / "mine" / "b.csv", EVENTS)
    with pytest.raises(BenchError, match=r"expected exactly one data file, found a\.csv, b\.csv"):
        data.load("mine")


@pytest.mark.parametrize("columns", [{}, {"user_column": "user_id"}])
def test_a_source_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: dict[str, str]) -> None:
    path = write_csv(tmp_path / "mine.csv", EVENTS)
    first = data.load("mine", path, **columns)
    monkeypatch.setattr(loading, "to_sequences", None)  # would be called if the file were read again
    second = data.load("mine", path, **columns)
    assert second.fingerprint == first.fingerprint
    assert (second.user_labels, second.item_labels, second.source) == (
        first.user_labels, first.item_labels, first.source,
    )  # fmt: skip
    np.testing.assert_array_equal(second.times, first.times)


def test_changed_content_is_read_again_even_with_the_same_size_and_time(tmp_path: Path) -> None:
    path = write_u_data(tmp_path / "u.data", EVENTS)
    before, state = data.load("mine", path), path.stat()
    path.write_text(path.read_text().replace("7\t30\t", "7\t50\t"))
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert "50" in data.load("mine", path).item_labels and "50" not in before.item_labels


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 not an archive", None])
def test_a_damaged_cache_is_read_again_from_the_source(tmp_path: Path, own_cache: Path, damage: bytes | None) -> None:
    path = write_u_data(tmp_path / "u.data", EVENTS)
    before = data.load("mine", path)
    (stored,) = (own_cache / "mine").glob("*.npz")
    stored.write_bytes(stored.read_bytes()[:-100] if damage is None else damage)
    assert data.load("mine", path).fingerprint == before.fingerprint


def test_a_cache_of_another_version_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = prepare("mine", write_u_data(tmp_path / "u.data", EVENTS))
    cache.remember("mine", stored.key, None)
    monkeypatch.setattr(cache, "VERSION", cache.VERSION + 1)
    assert cache.read("mine", stored.key) is None and not data.available("mine")
    assert prepare("mine", tmp_path / "u.data").sequences.fingerprint == stored.sequences.fingerprint
    assert data.available("mine")


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FAVE_BENCH_CACHE", str(tmp_path / "file"))
    with pytest.raises(BenchError, match="set FAVE_BENCH_CACHE to a folder that can be"):
        data.load("mine", write_u_data(tmp_path / "u.data", EVENTS))


def test_labels_of_any_script_and_half_a_surrogate_survive_the_cache(tmp_path: Path) -> None:
    labels = ["é世界", "line\nbreak", "\ud83d", "\0"]
    actions = interactions(EVENTS[:1])
    sequences = to_sequences(
        type(actions)(np.arange(4, dtype=np.int32), np.zeros(4, np.int32), None, labels, ["i"]), "mine", "hand"
    )
    cache.write("mine", cache.Prepared(sequences, key="k", sha256="", other_counts=(("rule", 1, 2, 3),)))
    stored = cache.read("mine", "k")
    assert stored is not None
    assert stored.sequences.user_labels == tuple(labels)
    assert stored.other_counts == (("rule", 1, 2, 3),)


def test_new_options_apply_to_the_source_that_was_prepared(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "mine.csv", [*EVENTS, *OTHER[:2]])
    prepared = prepare("mine", path)
    cache.remember("mine", prepared.key, path)
    assert data.load("mine").num_users == 4
    assert data.load("mine", min_user=3).num_users == 3


@pytest.mark.parametrize(("name", "hint"), [("beuaty", "did you mean 'beauty'?"), ("mine", "need --from FILE")])
def test_an_unknown_dataset_is_a_usage_error_with_a_hint(monkeypatch: pytest.MonkeyPatch, name: str, hint: str) -> None:
    monkeypatch.delenv("FAVE_BENCH_DATA", raising=False)
    with pytest.raises(UsageError) as caught:
        data.load(name)
    assert hint in str(caught.value)
    assert not data.available(name)


@pytest.mark.parametrize("name", ["", "../etc", "a/b", "Mine", "-x", "x" * 65, "a b"])
def test_a_name_that_is_no_folder_name_is_a_usage_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="dataset name"):
        data.load(name, write_u_data(tmp_path / "u.data", EVENTS))


@pytest.mark.parametrize("options", [{"min_user": 0}, {"min_item": -3}])
def test_impossible_minima_are_a_usage_error(options: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="must be at least 1"):
        Options(**options)  # type: ignore[arg-type]


def test_a_datasets_rule_is_for_raw_files_and_options_override_it(tmp_path: Path) -> None:
    raw, final = (WRITERS[name](tmp_path / name, EVENTS) for name in ("ratings.csv", "text.txt"))
    with pytest.raises(BenchError, match="no interactions are left"):
        data.load("beauty", raw)  # nothing of this survives a 5-core
    assert data.load("beauty", final).num_actions == len(EVENTS)
    assert data.load("beauty", raw, min_user=1, min_item=1).num_actions == len(EVENTS)


def test_a_rule_nobody_published_states_the_counts_of_other_readings(tmp_path: Path) -> None:
    log = [(user, item, 0) for user in range(6) for item in range(5 + (user == 0))] + [(9, 0, 1), (0, 0, 2)]
    found = prepare("steam", write_csv(tmp_path / "steam.csv", log))
    assert found.sequences.num_actions == 30
    counts = {rule: rest for rule, *rest in found.other_counts}
    assert counts[str(Rule(min_user=5, min_item=5))] == [6, 5, 31]
    assert len(counts) == len(catalogue.get("steam").other_rules)


@pytest.mark.parametrize(
    ("path", "sentence"), [("nowhere.csv", "no such file or folder"), ("/dev/null", "not a regular file")]
)
def test_a_source_that_is_no_file_is_one_sentence(tmp_path: Path, path: str, sentence: str) -> None:
    with pytest.raises(BenchError, match=sentence):
        data.load("mine", tmp_path / path)


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        (["../u.data"], "points outside the archive"),
        (["/etc/u.data"], "points outside the archive"),
        (["c:\\u.data"], "points outside the archive"),
        (["a/../../u.data"], "points outside the archive"),
        (["ml-100k/u.data", "ml-100k/u.data"], "occurs twice"),
        (["ml-100k/u.data", "./ml-100k/u.data"], "occurs twice"),
        (["one.csv", "two.csv"], "found 2 files"),
        ([], "found 0 files"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_hostile_or_unclear_archive_is_refused(tmp_path: Path, members: list[str], sentence: str) -> None:
    path = tmp_path / "ml-100k.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for member in members:
            archive.writestr(member, "1\t1\t1\t1\n")
    with pytest.raises(BenchError, match=sentence):
        data.load("ml-100k", path)
    assert not (tmp_path.parent / "u.data").exists()


def test_a_damaged_member_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "ml-100k.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("u.data", "1\t1\t1\t1\n" * 100)
    content = bytearray(path.read_bytes())
    content[60] ^= 1
    path.write_bytes(content)
    with pytest.raises(BenchError, match="the archive cannot be read"):
        data.load("ml-100k", path)
