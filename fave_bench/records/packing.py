"""Records on their way between machines: what a campaign's slice made, as one archive, and its way back into a store.

An archive is a zip of files as they lie below a results folder, one made by hand too. What comes out of one is read as
any record is and then written by the store, so that an archive can bring in nothing that a run could not have left.
"""

import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from fave_bench.errors import BenchError
from fave_bench.files import replacing
from fave_bench.records.measurements import FOLDER, ROWS, read, write
from fave_bench.records.run_file import RECORD
from fave_bench.records.run_file import read as read_record
from fave_bench.records.schema import Record
from fave_bench.records.siblings import LISTS, RANKS, WEIGHTS
from fave_bench.records.store import Store

LIMIT = 16 << 20
"""Bytes of an archive, unless told."""
LARGEST = 1 << 32
"""Bytes that an archive may unpack to."""
NAME = r"[\w+ -][\w.+ -]*"
MEMBER = re.compile(
    rf"{NAME}/{NAME}/[0-9a-f]{{12}}/({'|'.join(map(re.escape, (RECORD, RANKS, LISTS, WEIGHTS)))})"
    rf"|{FOLDER}/({'|'.join(ROWS)})/{NAME}\.json"
)


@dataclass(frozen=True)
class Packed:
    """What went into an archive, as paths below the results folder."""

    names: tuple[str, ...]
    left_out: tuple[str, ...]
    """What did not fit."""


def contents(root: Path) -> frozenset[str]:
    """The records and measurements below a results folder, as paths of their JSON files."""
    found = [*root.glob(f"[!.]*/*/*/{RECORD}"), *root.glob(f"{FOLDER}/*/*.json")]
    return frozenset(path.relative_to(root).as_posix() for path in found)


def pack(root: Path, path: Path, *, known: frozenset[str], weights: bool = False, limit: int = LIMIT) -> Packed:
    """Write what is below `root` and not in `known` to the archive `path`; `weights` too, the small ones first, as far
    as they fit into `limit` bytes."""
    new = sorted(contents(root) - known)
    groups = [_with_ranks(root, name) for name in new]
    if weights:
        kept = [root / name.replace(RECORD, WEIGHTS) for name in new if name.endswith(RECORD)]
        groups += [[file] for file in sorted(filter(Path.is_file, kept), key=lambda file: file.stat().st_size)]
    names, left_out, room = list[str](), list[str](), limit
    with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for group in groups:
            room -= sum(one.stat().st_size + 256 for one in group)  # as if nothing could be compressed
            target = names if room >= 0 else left_out
            for one in group:
                target.append(one.relative_to(root).as_posix())
                if room >= 0:
                    archive.write(one, target[-1])
            room += 0 if room >= 0 else sum(one.stat().st_size + 256 for one in group)
    return Packed(tuple(names), tuple(left_out))


def merge(source: Path, store: Store, say: Callable[[str], None] = lambda sentence: None) -> list[str]:
    """Bring what an archive, or another results folder, holds into `store`; returns the names of what is new there.

    What is damaged is left out with a sentence to `say`. Raises BenchError for a file that is no such archive, in
    which case nothing is brought in.
    """
    if source.is_dir():
        return list(_merged(source, store, say))
    with TemporaryDirectory() as folder:
        _unpack(source, Path(folder))
        return list(_merged(Path(folder), store, say))


def _with_ranks(root: Path, name: str) -> list[Path]:
    """The files that belong together: a record with its ranks, or a measurement alone."""
    path = root / name
    return [path, path.with_name(RANKS)] if path.name == RECORD else [path]


def _unpack(source: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(source) as archive:
            for member in _checked(source, [one for one in archive.infolist() if not one.is_dir()]):
                archive.extract(member, folder)
    except (OSError, ValueError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError) as error:
        raise BenchError(f"{source} is no archive of records ({error})") from None


def _checked(source: Path, members: Sequence[zipfile.ZipInfo]) -> Sequence[zipfile.ZipInfo]:
    names = [member.filename for member in members]
    strange = next((name for name in names if not MEMBER.fullmatch(name)), None)
    if strange is not None:
        raise BenchError(f"{source}: {strange[:200]!r} is no file of a results folder; nothing was taken from it")
    if len({PurePosixPath(name) for name in names}) < len(names):
        raise BenchError(f"{source}: a file is in it twice; nothing was taken from it")
    if sum(member.file_size for member in members) > LARGEST:
        raise BenchError(f"{source}: unpacked it is more than {LARGEST >> 30} GiB; nothing was taken from it")
    return members


def _merged(root: Path, store: Store, say: Callable[[str], None]) -> Iterator[str]:
    brought = Store(root)
    for name in sorted(contents(root)):
        if _whole(store.root / name):
            continue
        try:
            if name.endswith(RECORD):
                _take(brought, store, read_record((root / name).parent))
            else:
                write(store.root, read(root / name))
        except BenchError as error:
            say(f"left out: {error}")
            continue
        yield name


def _whole(path: Path) -> bool:
    """Whether a record or a measurement is there, and can be believed."""
    if not path.is_file():
        return False
    try:
        if path.name == RECORD:
            read_record(path.parent)
        else:
            read(path)
    except BenchError:
        return False
    return True


def _take(brought: Store, store: Store, record: Record) -> None:
    """Let the store write what the other has of a record: it checks that the ranks give the metrics."""
    has = brought.folder(record)
    store.write(
        record,
        brought.ranks(record),
        lists=brought.lists(record) if (has / LISTS).is_file() else None,
        weights=brought.weights(record) if (has / WEIGHTS).is_file() else None,
    )
