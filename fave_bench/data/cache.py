"""Prepared sequences on disk, so that a gigabyte of text is parsed once."""

import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fave_bench.data.sequences import Sequences
from fave_bench.errors import BenchError
from fave_bench.files import replacing, write_text

VERSION = 1
"""Raised when reading, filtering or numbering changes, so that older files are not used."""
LATEST = "prepared.json"


@dataclass(frozen=True)
class Prepared:
    """Sequences and where they came from."""

    sequences: Sequences
    key: str
    """A hash of the source's content and of how it was read."""
    sha256: str
    """Of the source file."""
    other_counts: tuple[tuple[str, int, int, int], ...] = ()
    """(rule, users, items, actions) of other readings of an unpublished rule."""


def folder(name: str) -> Path:
    """This dataset's part of the cache: downloads and prepared sequences."""
    root = os.environ.get("FAVE_BENCH_CACHE")
    return (Path(root) if root else Path.home() / ".cache" / "fave-bench") / name


def read(name: str, key: str) -> Prepared | None:
    """What `write` stored under that key, or None where there is nothing whole of this version."""
    try:
        with (folder(name) / f"{key}.npz").open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return _unpacked({field: stored[field] for field in stored.files})
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None  # absent, of another version or damaged: the source is read again


def write(name: str, prepared: Prepared) -> None:
    """Store atomically. Raises BenchError where the cache cannot be written."""
    try:
        with replacing(folder(name) / f"{prepared.key}.npz") as file:
            np.savez(file, **_packed(prepared))  # type: ignore[arg-type]  # stubs take any array for the flag
    except OSError as error:
        raise _unwritable(error) from error


def remember(name: str, key: str, source: Path | None) -> None:
    """Make these sequences the ones that `name` means from now on where no source is given."""
    place = str(source.resolve()) if source else None
    try:
        write_text(folder(name) / LATEST, json.dumps({"key": key, "source": place}) + "\n")
    except OSError as error:
        raise _unwritable(error) from error


def remembered(name: str) -> Prepared | None:
    """The sequences last prepared under that name."""
    key = _latest(name).get("key")
    return read(name, key) if key else None


def remembered_source(name: str) -> Path | None:
    """Where they were read from, if a source was named then."""
    source = _latest(name).get("source")
    return Path(source) if source else None


def _latest(name: str) -> dict[str, str | None]:
    try:
        stored = json.loads((folder(name) / LATEST).read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    return stored if isinstance(stored, dict) else {}


def _unwritable(error: OSError) -> BenchError:
    return BenchError(
        f"the cache cannot be written ({error.filename}: {error.strerror}); "
        "set FAVE_BENCH_CACHE to a folder that can be"
    )


def _packed(prepared: Prepared) -> dict[str, NDArray[Any]]:
    sequences = prepared.sequences
    words = {field: value for field, value in vars(prepared).items() if field != "sequences"}
    words |= {field: getattr(sequences, field) for field in ("name", "user_labels", "item_labels", "source")}
    arrays: dict[str, NDArray[Any]] = {"offsets": sequences.offsets, "items": sequences.items, "words": _encoded(words)}
    return arrays if sequences.times is None else arrays | {"times": sequences.times}


def _encoded(words: dict[str, Any]) -> NDArray[np.uint8]:
    return np.frombuffer(json.dumps(words | {"version": VERSION}).encode("ascii"), np.uint8)


def _unpacked(arrays: dict[str, NDArray[Any]]) -> Prepared:
    words = json.loads(arrays["words"].tobytes())
    if words.pop("version") != VERSION:
        raise ValueError("another version")
    sequences = Sequences(
        name=words.pop("name"),
        offsets=arrays["offsets"],
        items=arrays["items"],
        times=arrays.get("times"),
        user_labels=tuple(words.pop("user_labels")),
        item_labels=tuple(words.pop("item_labels")),
        source=words.pop("source"),
    )
    return Prepared(sequences, **words | {"other_counts": tuple(map(tuple, words["other_counts"]))})
