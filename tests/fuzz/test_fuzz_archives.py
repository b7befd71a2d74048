"""Whatever an archive is or claims to be: it is read, bounded in memory and time, or refused in one sentence."""

import gzip
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from data_helpers import EVENTS, write_movielens_zip, write_u_data
from hostile import answers, hostile, many
from hypothesis import given
from hypothesis import strategies as st

from fave_bench.data import locate, source
from fave_bench.data.readers import detect
from fave_bench.data.source import Source
from fave_bench.errors import BenchError

MIB = 1 << 20


def read(path: Path) -> object:
    found = locate.given(path, ("u.data",))
    return detect(found).read()(found)


@pytest.mark.parametrize("name", ["ml-100k.zip", "u.data.gz"])
@many
@given(data=st.data())
def test_a_spoilt_archive_is_read_or_one_sentence(tmp_path: Path, name: str, data: Any) -> None:
    valid = {
        "ml-100k.zip": lambda: write_movielens_zip(tmp_path / "valid.zip", EVENTS).read_bytes(),
        "u.data.gz": lambda: gzip.compress(write_u_data(tmp_path / "valid", EVENTS).read_bytes(), mtime=0),
    }[name]()
    (tmp_path / name).write_bytes(data.draw(hostile(valid, text=False)))
    answers(lambda: read(tmp_path / name))


PARTS = st.sampled_from(["..", ".", "", "a", "u.data", "C:", "\\\\", "..\\\\u.data", "\n", "~"])


@pytest.mark.filterwarnings("ignore:Duplicate name")  # zipfile says so while the test writes one
@many
@given(names=st.lists(st.lists(PARTS, min_size=1, max_size=4).map("/".join).filter(bool), min_size=1, max_size=4))
def test_no_member_is_read_from_an_archive_with_a_name_that_climbs_or_comes_twice(
    tmp_path: Path, names: list[str]
) -> None:
    path = tmp_path / "names.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "1\t1\t1\t1\n")
        stored = [info.filename for info in archive.infolist() if not info.is_dir()]
    unsafe = any(name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/") for name in stored)
    if answers(lambda: read(path)):
        assert not unsafe and len(set(stored)) == len(stored)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name], "nothing was extracted"


def test_a_member_without_a_name_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "nameless.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("u.data", "1\t1\t1\t1\n")
    content = path.read_bytes()
    begin, directory = content.index(b"PK\1\2"), content.index(b"PK\5\6")
    entry = bytearray(content[begin:directory].replace(b"u.data", b""))
    entry[28:30] = b"\0\0"  # the name's length
    end = bytearray(content[directory:])
    end[12:16] = len(entry).to_bytes(4, "little")  # the directory's
    path.write_bytes(content[:begin] + entry + end)
    assert not answers(lambda: read(path))


BOMBS = {"honest lines": b"1\t2\t3\t4\n", "empty lines": b"\n", "no lines": b"\0"}


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS)
@pytest.mark.parametrize("packed", ["gzip", "zip"])
def test_a_bomb_ends_in_a_sentence_long_before_it_has_been_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, packed: str
) -> None:
    monkeypatch.setattr(source, "STRETCH", 2 * MIB)
    monkeypatch.setattr(source, "EXPANSION", 8)
    path, begin, block = tmp_path / "u.data", b"1\t2\t3\t4\n", content * (MIB // len(content))
    if packed == "gzip":
        path.write_bytes(gzip.compress(begin) + gzip.compress(block, 6) * 64)  # members in a row are one file
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("u.data", begin + block * 64)
    with (
        watched_blocks(monkeypatch) as blocks,
        pytest.raises(BenchError, match="2 MiB in a row unpack from less than a 8th"),
    ):
        read(path)
    assert 0 < sum(blocks) <= 4 * MIB


@contextmanager
def watched_blocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Sizes of the blocks that are unpacked meanwhile."""
    sizes: list[int] = []
    opened = Source.open

    @contextmanager
    def noting(self: Source) -> Iterator[Any]:
        with opened(self) as file:
            yield Noting(file, sizes)

    monkeypatch.setattr(Source, "open", noting)
    yield sizes


class Noting:
    """A file that notes how much it gave."""

    def __init__(self, file: Any, sizes: list[int]) -> None:
        self.file, self.sizes = file, sizes

    def read(self, size: int) -> bytes:
        content: bytes = self.file.read(size)
        self.sizes.append(len(content))
        return content
