"""Writing so that a reader sees the old file or the new one, never half of either.

A writer that is killed leaves its temporary file, which the next writer in that folder removes.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from fave_bench.locking import try_lock

TEMPORARY = ".fave-bench.tmp"


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary neighbour of `path`; on success fsync it, rename it over `path` and fsync the folder, else
    remove it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent)
    descriptor, temporary = _temporary(path)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)  # before closing, which ends the lock
            _sync(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write atomically."""
    with replacing(path) as file:
        file.write(content)


def sha256(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def git_blob(path: Path) -> str:
    """The name that git gives a file's bytes: a hex SHA-1 of their number and of them."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: digest).hexdigest()


def _temporary(path: Path) -> tuple[int, Path]:
    """An open file beside `path`, and its name. It is locked, which tells it from one that a killed writer left."""
    while True:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=TEMPORARY)
        try:
            locked = try_lock(descriptor) and os.fstat(descriptor).st_nlink
        except OSError:  # a file system without locks, where nothing is swept either
            locked = True
        if locked:
            return descriptor, Path(name)
        os.close(descriptor)  # somebody has swept it away before it was locked


def _sweep(folder: Path) -> None:
    """Remove the temporary files that nobody is writing any more."""
    for left in folder.glob(f".*{TEMPORARY}"):
        with suppress(OSError), left.open("rb") as file:
            if try_lock(file):
                left.unlink()


def _sync(folder: Path) -> None:
    """Make a renaming in `folder` outlast a power cut, where the system syncs folders at all."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
