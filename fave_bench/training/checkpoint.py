"""Where a run was: everything needed to go on as if it had never stopped."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from fave_bench.errors import BenchError, first_complaint
from fave_bench.files import replacing

UNFIT = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What taking up a state raises that is not of the run."""


def save(path: Path, state: dict[str, Any]) -> None:
    """Write `state` (tensors and plain values) atomically: an older checkpoint stays until the new one is whole."""
    with replacing(path) as file:
        torch.save(state, file)


def load(path: Path) -> dict[str, Any] | None:
    """Read a checkpoint onto the CPU, or None where there is none. Never runs code from the file.

    Raises BenchError for a file that is not, to the last byte of its tensors, what was written.
    """
    if not path.exists():
        return None
    try:
        _require_whole(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged or hostile file
        raise BenchError(
            f"{path}: not a readable checkpoint ({type(error).__name__}); delete it to start the run anew"
        ) from None
    if not isinstance(state, dict):
        raise BenchError(f"{path}: not a checkpoint of this program; delete it to start the run anew")
    return state


@contextmanager
def applying(path: Path) -> Iterator[None]:
    """Raise BenchError where a state that was read from `path` is not of the run that takes it up."""
    try:
        yield
    except UNFIT as error:
        raise BenchError(
            f"{path}: not a checkpoint of this run ({type(error).__name__}: {_reason(error)}); "
            "delete it to start the run anew"
        ) from None


def _require_whole(path: Path) -> None:
    """torch writes checksums into its archive and reads without looking at them."""
    with zipfile.ZipFile(path) as archive:
        if sum(member.file_size for member in archive.infolist()) > path.stat().st_size:
            raise ValueError("torch packs nothing, so this is not its archive")
        if archive.testzip():
            raise ValueError("a checksum is wrong")


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return first_complaint(error)
    return str(error).partition("\n")[0]
