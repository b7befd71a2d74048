"""A fault anywhere in a writer: readers find the old content or the new, whole, and no temporary file stays."""

import errno
import fcntl
import io
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import add_run, make_ranks, make_run

from fave_bench.data import cache
from fave_bench.data.sequences import Sequences
from fave_bench.errors import BenchError
from fave_bench.files import TEMPORARY, replacing, write_text
from fave_bench.locking import alone
from fave_bench.records import Record, Store, measurements, siblings
from fave_bench.training import checkpoint


def saved_sequences(folder: Path, version: int) -> None:
    sequences = Sequences("mine", np.array([0, 3 + version]), np.arange(1, 4 + version, dtype=np.int32))
    cache.write("mine", cache.Prepared(sequences, "key", "0" * 64))


def measured(folder: Path, version: int) -> None:
    """A measurement never replaces another, so here the old is that there is only the first."""
    when = f"2026-01-0{version}T00:00:00Z"
    content = {"what": "scale", "measured_at": when, "environment": {}, "rows": []}
    measurements.write(folder, measurements.Measurement.model_validate(content))


WRITERS: dict[str, Callable[[Path, int], object]] = {
    "text": lambda folder, version: write_text(folder / "a.txt", "line\n" * version),
    "ranks": lambda folder, version: siblings.save_ranks(folder, {"test": make_ranks([version])}),
    "lists": lambda folder, version: siblings.save_lists(folder, np.full((2, 20), version, np.int32)),
    "weights": lambda folder, version: siblings.save_weights(folder, {"w": torch.full((9,), float(version))}),
    "checkpoint": lambda folder, version: checkpoint.save(folder / "c.pt", {"step": version, "w": torch.ones(9)}),
    "measurement": measured,
    "cache": saved_sequences,
    "latest": lambda folder, version: cache.remember("mine", f"key {version}", None),
}


class FullDisk(io.FileIO):
    """A file on a disk with room for nine more bytes."""

    fits = 9

    def write(self, content: Any) -> int:
        if self.tell() + len(content) > self.fits:
            super().write(bytes(content)[: self.fits])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(content)


def stops(owner: Any, name: str, when: str, error: BaseException, *, after: int = 0) -> Callable[[Any], None]:
    """`owner.name` raises before or after doing its work, from call number `after` on."""
    usual, calls = getattr(owner, name), iter(range(10**6))

    def failing(*arguments: Any, **options: Any) -> Any:
        spoiled = next(calls) >= after
        if spoiled and when == "before":
            raise error
        result = usual(*arguments, **options)
        if spoiled:
            raise error
        return result

    return lambda patch: patch.setattr(owner, name, failing)


NO_SPACE = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
CTRL_C = KeyboardInterrupt()
FAULTS: dict[str, Callable[[Any], None]] = {
    "no temporary file": stops(tempfile, "mkstemp", "before", NO_SPACE),
    "full while writing": lambda patch: patch.setattr(
        os, "fdopen", lambda descriptor, mode: io.BufferedWriter(FullDisk(descriptor, "wb"))
    ),
    "full at fsync": stops(os, "fsync", "before", NO_SPACE),
    "stopped after fsync": stops(os, "fsync", "after", CTRL_C),
    "stopped before renaming": stops(Path, "replace", "before", CTRL_C),
    "renaming fails": stops(Path, "replace", "before", OSError(errno.EIO, os.strerror(errno.EIO))),
    "stopped after renaming": stops(Path, "replace", "after", CTRL_C),
    "stopped at the folder's fsync": lambda patch: stops(os, "fsync", "before", CTRL_C, after=1)(patch),
}
RENAMED = ("stopped after renaming", "stopped at the folder's fsync")


@contextmanager
def fault(name: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        FAULTS[name](patch)
        yield


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("writer", WRITERS)
def test_the_old_or_the_new_and_nothing_else(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch, writer: str, name: str
) -> None:
    write, versions = WRITERS[writer], []
    for folder in (tmp_path / "wanted", tmp_path / "tried"):
        monkeypatch.setenv("FAVE_BENCH_CACHE", str(folder))
        write(folder, 1)
        versions.append(contents(folder))
        if folder.name == "wanted":
            write(folder, 2)
            versions.append(contents(folder))
    old, new, _ = versions
    assert old != new
    with fault(name), pytest.raises((OSError, KeyboardInterrupt, BenchError)):
        write(tmp_path / "tried", 2)
    assert contents(tmp_path / "tried") == (new if name in RENAMED else old)
    write(tmp_path / "tried", 2)
    assert contents(tmp_path / "tried") == new, "the next try finds nothing in its way"


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("files", range(4))
def test_a_run_is_recorded_with_all_its_files_or_not_at_all(tmp_path: Path, files: int, when: str) -> None:
    store = Store(tmp_path)
    earlier = add_run(store, seed=1)
    before = contents(tmp_path)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stops(Path, "replace", when, CTRL_C, after=files)(patch)
        write_all(store)
    assert contents(tmp_path) == before
    assert list(store.records()) == [earlier]
    record = write_all(store)
    assert set(record.files) == {"ranks.npz", "top20.npz", "weights.safetensors"}
    assert {found.key for found in store.records()} == {earlier.key, record.key}


def write_all(store: Store) -> Record:
    return store.write(*make_run(), lists=np.ones((5, 20), np.int32), weights={"w": torch.ones(9)})


def test_what_a_killed_writer_left_is_swept_and_what_is_being_written_is_not(tmp_path: Path) -> None:
    left, other = tmp_path / f".run.json.abc{TEMPORARY}", tmp_path / ".run.json.abc.tmp"
    left.touch()
    other.touch()
    with replacing(tmp_path / "slow") as file:
        file.write(b"slow")
        write_text(tmp_path / "quick", "quick")
        assert not left.exists() and other.exists(), "another program's file is none of ours"
    assert contents(tmp_path) == {"slow": b"slow", "quick": b"quick", other.name: b""}


def test_one_that_is_swept_before_it_is_locked_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual, made = tempfile.mkstemp, []

    def mkstemp(**options: Any) -> tuple[int, str]:
        descriptor, name = usual(**options)
        made.append(name)
        if len(made) == 1:
            Path(name).unlink()
        return descriptor, name

    monkeypatch.setattr(tempfile, "mkstemp", mkstemp)
    write_text(tmp_path / "a", "text")
    assert len(made) == 2 and contents(tmp_path) == {"a": b"text"}


def test_the_file_and_then_its_folder_are_synced_and_a_folder_that_cannot_be_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, synced = os.fsync, []

    def fsync(descriptor: int) -> None:
        synced.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), contents(tmp_path)))
        if synced[-1][0]:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        usual(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    write_text(tmp_path / "a", "text")
    assert [is_folder for is_folder, _ in synced] == [False, True]
    assert "a" not in synced[0][1] and synced[1][1] == contents(tmp_path) == {"a": b"text"}


def test_without_locks_writing_works_and_nothing_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without(*_: Any) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", without)
    left = tmp_path / f".other.abc{TEMPORARY}"
    left.touch()
    write_text(tmp_path / "a", "text")
    assert contents(tmp_path) == {"a": b"text", left.name: b""}
    with pytest.raises(BenchError, match="this file system has no locks"), alone(tmp_path / "lock", lambda: True):
        pass
