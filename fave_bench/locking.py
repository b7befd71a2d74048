"""One process at a time: locks that the kernel lets go of however their holder ends, by SIGKILL too."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from fave_bench.errors import BenchError

ASK_EVERY = 0.25
"""Seconds between two tries to get a lock that another process holds."""


class Busy(BenchError):
    """Another process holds the lock."""


@contextmanager
def alone(path: Path, give_up: Callable[[], bool]) -> Iterator[None]:
    """Hold the lock file `path`, made here and removed afterwards, with its folder if that is then empty.

    While another process holds it, wait until `give_up` says yes, which raises Busy; it is asked every ASK_EVERY
    seconds. Locks are flock(2)'s: advisory, and on a network file system as good as its locks are; BenchError where
    it has none.
    """
    while (file := _held(path)) is None:
        if give_up():
            raise Busy(f"{path}: another process is at it")
        time.sleep(ASK_EVERY)
    with file:
        try:
            yield
        finally:
            if _lies_at(path, file):  # else the holder has removed it, and this one is another process's
                path.unlink()
            with suppress(OSError):  # something else is in it, or it is gone
                path.parent.rmdir()


def try_lock(file: IO[bytes] | int) -> bool:
    """Lock an open file until it is closed; False where another process has locked it.

    Raises OSError on a file system without locks.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _held(path: Path) -> IO[bytes] | None:
    """The lock file, open and locked; None where another process holds it."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # its last holder has just removed the folder
            file = path.open("ab")
            if not _locked(path, file):
                file.close()
                return None
            if _lies_at(path, file):
                return file
            file.close()


def _locked(path: Path, file: IO[bytes]) -> bool:
    try:
        return try_lock(file)
    except OSError as error:
        file.close()
        raise BenchError(f"{path}: this file system has no locks ({error.strerror}); use a folder on another") from None


def _lies_at(path: Path, file: IO[bytes]) -> bool:
    """Whether `path` is still this file: its last holder removes it, and a lock on a removed file keeps nobody out."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
