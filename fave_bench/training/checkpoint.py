"""Where a run was: everything needed to go on as if it had never stopped."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from fave_bench.errors import BenchError
from fave_bench.files import replacing


def save(path: Path, state: dict[str, Any]) -> None:
    """Write `state` (tensors and plain values) atomically: an older checkpoint stays until the new one is whole."""
    with replacing(path) as file:
        torch.save(state, file)


def load(path: Path) -> dict[str, Any] | None:
    """Read a checkpoint onto the CPU, or None where there is none. Never runs code from the file."""
    if not path.exists():
        return None
    try:
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
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise BenchError(
            f"{path}: not a checkpoint of this run ({type(error).__name__}: {str(error).partition(chr(10))[0]}); "
            "delete it to start the run anew"
        ) from None
