"""Laws of the pickle reader: plain values come back as they were, and nothing else in a file does anything."""

import copyreg
import os
import pickle
import struct
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fave_bench.data.unpickle import load_plain
from fave_bench.errors import BenchError

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
KEYS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.tuples(st.integers())
PLAIN = st.recursive(
    KEYS,
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner) | st.tuples(inner, inner) | st.tuples(*[inner] * 4),
    max_leaves=20,
)
SETS = st.sets(KEYS) | st.frozensets(KEYS) | st.binary()
SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def loaded(folder: Path, content: bytes) -> object:
    path = folder / "dataset.pkl"
    path.write_bytes(content)
    return load_plain(path)


@SHARED
@given(PLAIN, st.sampled_from(PROTOCOLS))
def test_plain_values_come_back(tmp_path: Path, value: object, protocol: int) -> None:
    assert loaded(tmp_path, pickle.dumps(value, protocol)) == value


@SHARED
@given(SETS, st.sampled_from(PROTOCOLS[4:]))
def test_sets_and_bytes_come_back_from_the_protocols_that_know_them(
    tmp_path: Path, value: object, protocol: int
) -> None:
    assert loaded(tmp_path, pickle.dumps(value, protocol)) == value


class Harm:
    """Runs a command when it is unpickled in the usual way."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.system, (f"touch '{self.mark}'",)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nothing_runs(tmp_path: Path, protocol: int) -> None:
    mark = tmp_path / "ran"
    content = pickle.dumps({"train": Harm(mark)}, protocol)
    pickle.loads(content)
    assert mark.exists(), "the attack works on the usual reader"
    mark.unlink()
    with pytest.raises(BenchError, match=r"dataset\.pkl: refused, because it refers to '(posix|nt)\.system'"):
        loaded(tmp_path, content)
    assert not mark.exists()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("value", [defaultdict(list), OrderedDict(a=1), np.int64(3), np.zeros(2), Path("x"), 1j, str])
def test_objects_and_classes_are_refused_by_name(tmp_path: Path, value: object, protocol: int) -> None:
    with pytest.raises(BenchError, match=r"it refers to '[a-zA-Z_]+\.[\w.]+' and only plain values are accepted"):
        loaded(tmp_path, pickle.dumps(value, protocol))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"Pid\n.", "PERSID"),
        (b"\x80\x02NQ.", "BINPERSID"),
        (b"(S'touch ran'\nios\nsystem\n.", "os.system"),
        (b"(cos\nsystem\nS'touch ran'\no.", "os.system"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x09touch ran\x85R.", "os.system"),
        (b"NN\x81.", "NEWOBJ"),
        (b"NNR.", "REDUCE"),
        (b"}}b.", "BUILD"),
        (b"\x96" + struct.pack("<Q", 1 << 40), "BYTEARRAY8"),
    ],
)
def test_every_other_instruction_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BenchError, match=rf"dataset\.pkl: refused, because .*{reason}"):
        loaded(tmp_path, content)
    assert not Path("ran").exists()


def test_an_extension_is_refused_even_where_python_has_met_it_before(tmp_path: Path) -> None:
    copyreg.add_extension("os", "getcwd", 0xF0)
    try:
        content = b"\x80\x02\x82\xf0)R."
        assert pickle.loads(content) == str(Path.cwd())
        with pytest.raises(BenchError, match="EXT1"):
            loaded(tmp_path, content)
    finally:
        copyreg.remove_extension("os", "getcwd", 0xF0)


@SHARED
@given(PLAIN | SETS, st.sampled_from(PROTOCOLS[4:]), st.data())
def test_a_cut_or_damaged_file_is_one_sentence(tmp_path: Path, value: object, protocol: int, data: Any) -> None:
    content = bytearray(pickle.dumps(value, protocol))
    place = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(BenchError, match=r"dataset\.pkl: [^\n]+$"):
        loaded(tmp_path, content[:place])
    content[place] = data.draw(st.integers(0, 255))
    try:  # a flipped byte may still be a pickle, of another value
        loaded(tmp_path, bytes(content))
    except BenchError as error:
        assert "\n" not in str(error)


@SHARED
@given(st.binary(max_size=40))
def test_garbage_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    try:
        loaded(tmp_path, content)
    except BenchError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    "content",
    [
        b"Nr\xff\xff\xff\x7f0.",  # place 2^31 of the memo: gigabytes in the usual reader
        b"\x80\x04\x95" + b"\xff" * 7 + b"\x7f.",  # a frame of 2^63 bytes
        b"\x8d" + struct.pack("<Q", 1 << 40) + b"x.",  # a string of 2^40 bytes
        b"}(" + b")" + b"\x85" * 1_000_000 + b"Nu.",  # a key a million tuples deep: hashing it ends the process
        b"\x80\x02}()" + b"2\x86" * 60 + b"Nu.",  # a key of 2^60 values in 68 bytes: hashing it never ends
    ],
)
def test_claims_of_size_cost_nothing(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(BenchError):
        loaded(tmp_path, content)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"absent\.pkl: cannot be read"):
        load_plain(tmp_path / "absent.pkl")


@pytest.mark.parametrize(("name", "users", "items"), [("ml-100k", 943, 1682), ("beauty", 22_363, 12_101)])
def test_the_public_files_are_plain(real_data: Callable[[str], Path], name: str, users: int, items: int) -> None:
    tables: Any = load_plain(real_data(name) / "dataset.pkl")
    assert {len(tables[part]) for part in ("train", "val", "test")} == {users}
    assert len(tables["smap"]) == items
