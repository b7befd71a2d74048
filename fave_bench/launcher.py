"""What torchrun tells the processes it starts: how many there are, and which of them this one is."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path


def size() -> int:
    """Number of processes; 1 where torchrun did not start this one."""
    return int(os.environ["WORLD_SIZE"]) if {"RANK", "WORLD_SIZE", "MASTER_ADDR"} <= os.environ.keys() else 1


def rank() -> int:
    """Which of the processes this is, from 0; the first is the main one."""
    return int(os.environ["RANK"]) if size() > 1 else 0


def local_rank() -> int:
    """The same among those of this machine."""
    return int(os.environ.get("LOCAL_RANK", rank()))


def local_size() -> int:
    """Number of processes on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", size()))


@contextmanager
def only_the_main_one_speaks() -> Iterator[None]:
    """Inside, what other processes print goes nowhere. A defect's traceback, which ends this, is still seen."""
    if rank() == 0:
        yield
        return
    sys.stdout.flush()
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield
