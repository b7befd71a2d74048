"""Whatever lies in a run's folder, its reader gives what was recorded or one sentence."""

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import make_ranks, make_run
from hostile import TOKEN, answers, hostile, many, spoilt_bytes
from hypothesis import given
from hypothesis import strategies as st

from fave_bench.errors import BenchError
from fave_bench.records import Record, Store, measurements, run_file, siblings


class Harm:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> Any:
        return os.system, ("touch ran",)


@pytest.fixture
def run(tmp_path: Path) -> tuple[Path, Record]:
    """A recorded run with lists and weights: its folder and its record."""
    store = Store(tmp_path / "results")
    record, ranks = make_run()
    weights = {"item.weight": torch.arange(12.0).reshape(3, 4), "steps": torch.tensor(7)}
    record = store.write(record, ranks, lists=np.ones((5, 20), np.int32), weights=weights)
    return store.folder(record), record


@many
@given(data=st.data())
def test_a_spoilt_run_json_gives_a_record_or_one_sentence(run: tuple[Path, Record], data: Any) -> None:
    folder, record = run
    (folder / run_file.RECORD).write_bytes(data.draw(hostile(run_file.dumps(record).encode())))
    answers(lambda: run_file.read(folder))


@many
@given(data=st.data())
def test_a_record_is_refused_or_means_what_its_folder_says(run: tuple[Path, Record], data: Any) -> None:
    """One value anywhere exchanged: what is still believed has the key and the ranks that it was stored under."""
    folder, record = run
    content = json.loads(run_file.dumps(record))
    at: Any = content
    while isinstance(at, dict | list) and at:
        place = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        above, at = at, at[place]
    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
        max_leaves=4,
    )
    above[place] = data.draw(values)
    (folder / run_file.RECORD).write_text(json.dumps(content))
    if answers(lambda: run_file.read(folder)):
        found = run_file.read(folder)
        assert (found.key, found.expected_key(), found.files[siblings.RANKS]) == (
            record.key, record.key, record.files[siblings.RANKS],
        )  # fmt: skip


READERS: dict[str, Callable[[Path], object]] = {
    siblings.RANKS: siblings.load_ranks,
    siblings.LISTS: siblings.load_lists,
    siblings.WEIGHTS: siblings.load_weights,
}


@pytest.mark.parametrize("name", READERS)
@many
@given(data=st.data())
def test_a_spoilt_binary_file_gives_arrays_or_one_sentence(
    run: tuple[Path, Record], tmp_path: Path, name: str, data: Any
) -> None:
    (tmp_path / name).write_bytes(data.draw(hostile((run[0] / name).read_bytes(), text=False)))
    answers(lambda: READERS[name](tmp_path))


@many
@given(data=st.data())
def test_a_spoilt_array_in_a_whole_archive_gives_ranks_or_one_sentence(
    run: tuple[Path, Record], tmp_path: Path, data: Any
) -> None:
    """Checksums of the container are right here, so that the array's own header is what has to be read."""
    path = tmp_path / siblings.RANKS
    with zipfile.ZipFile(run[0] / siblings.RANKS) as archive:
        arrays = {name: archive.read(name) for name in archive.namelist()}
    name = data.draw(st.sampled_from(sorted(arrays)))
    arrays[name] = data.draw(spoilt_bytes(arrays[name]))
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in arrays.items():
            archive.writestr(member, content)
    answers(lambda: siblings.load_ranks(tmp_path))


@many
@given(data=st.data())
def test_arrays_of_any_shape_and_type_are_ranks_of_all_users_or_one_sentence(tmp_path: Path, data: Any) -> None:
    siblings.save_ranks(tmp_path, {"test": make_ranks([0, 3, 7])})
    with np.load(tmp_path / siblings.RANKS) as archive:
        arrays = dict(archive)
    name = data.draw(st.sampled_from(sorted(arrays)))
    taken = arrays.pop(name)
    other = data.draw(st.sampled_from(["test.users", "test.x.higher", "valid.x.equal", "test", "", name, ".", "a.b"]))
    shape = data.draw(st.sampled_from([(3,), (), (0,), (1,), (4,), (3, 1), (1, 3)]))
    arrays[other] = np.resize(taken, shape).astype(data.draw(st.sampled_from("bHqQfc?UMm")))
    np.savez(tmp_path / siblings.RANKS, **arrays)  # type: ignore[arg-type]  # stubs take any array for the flag
    if answers(lambda: siblings.load_ranks(tmp_path)):
        for phase in siblings.load_ranks(tmp_path).values():
            counts = [*phase.higher.values(), *phase.equal.values()]
            assert all(values.shape == phase.users.shape and values.dtype == np.int32 for values in counts)


def test_an_array_of_objects_is_refused_and_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez(tmp_path / siblings.RANKS, allow_pickle=True, **{"test.users": np.array([Harm()], object)})
    with np.load(tmp_path / siblings.RANKS, allow_pickle=True) as archive:
        assert archive["test.users"].shape == (1,)
    assert Path("ran").exists(), "the attack works where pickles are allowed"
    Path("ran").unlink()
    assert not answers(lambda: siblings.load_ranks(tmp_path))
    assert not Path("ran").exists()


def test_arrays_that_unpack_to_more_than_the_limit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / siblings.LISTS, items=np.zeros((5_000, 20), np.int32))
    monkeypatch.setattr(siblings, "LARGEST", 1 << 18)
    assert (tmp_path / siblings.LISTS).stat().st_size < 2000
    with pytest.raises(BenchError, match=r"top20\.npz holds no lists \(unpacked it is more than 0 MiB\)"):
        siblings.load_lists(tmp_path)


def test_an_array_that_claims_a_terabyte_is_refused(tmp_path: Path) -> None:
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(content, {"descr": "|i1", "fortran_order": False, "shape": (1 << 40,)})
    with zipfile.ZipFile(tmp_path / siblings.RANKS, "w") as archive:
        archive.writestr("test.users.npy", content.getvalue() + b"\1")
    assert not answers(lambda: siblings.load_ranks(tmp_path))


@many
@given(data=st.data())
def test_a_spoilt_measurement_is_read_or_left_out(tmp_path: Path, data: Any) -> None:
    row = {"model": "sasrec", "title": "SASRec", "dataset": "toy", "setting": "released", "part": "encode"}
    row |= {"users": 1, "items": 2, "seconds": 0.5, "peak_gib": 0.1}
    content = {"schema": 1, "what": "scale", "measured_at": "now", "environment": {"gpu": None}, "rows": [row]}
    valid = json.dumps(content).encode()
    assert TOKEN.findall(valid)
    path = tmp_path / measurements.FOLDER / "scale" / "x.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.draw(hostile(valid)))
    answers(lambda: list(measurements.measurements(tmp_path, "scale")))
