"""Which file a dataset is read from, where the user has one."""

import os
from collections.abc import Sequence
from pathlib import Path

from fave_bench.data.source import Source, in_zip, is_zip
from fave_bench.errors import BenchError

SUFFIXES = {".csv", ".tsv", ".txt", ".data", ".inter", ".json", ".jsonl", ".gz", ".zip", ".pkl"}


def given(path: Path, wanted: Sequence[str]) -> Source:
    """The dataset in a file, a zip file or a folder that the user names.

    Raises BenchError where there is no such path, and where a folder holds no or several candidates.
    """
    if not path.exists():
        raise BenchError(f"{path}: no such file or folder")
    if path.is_dir():
        path = _in_folder(path, wanted)
    if not path.is_file():
        raise BenchError(f"{path}: not a regular file; save what it gives to a file first")
    try:
        return in_zip(path, wanted) if is_zip(path) else Source(path)
    except OSError as error:
        raise BenchError(f"{path}: {error.strerror or error}") from error


def in_data_folder(name: str, wanted: Sequence[str]) -> Source | None:
    """The dataset under ``$FAVE_BENCH_DATA/<name>``, a folder or a file; None where there is none."""
    path = data_folder(name)
    return given(path, wanted) if path and path.exists() else None


def data_folder(name: str) -> Path | None:
    root = os.environ.get("FAVE_BENCH_DATA")
    return Path(root) / name if root else None


def advice(name: str, file: str) -> str:
    """What the user can do where nothing can be fetched."""
    return f"put {file}, dataset.pkl or user-per-line text into $FAVE_BENCH_DATA/{name}/ or name it with --from"


def _in_folder(folder: Path, wanted: Sequence[str]) -> Path:
    for file in wanted:
        if (folder / file).is_file():
            return folder / file
    others = sorted(p for p in folder.iterdir() if p.is_file() and p.suffix in SUFFIXES)
    if len(others) == 1:
        return others[0]
    expected = f"one of {', '.join(wanted)}" if wanted else "exactly one data file"
    raise BenchError(f"{folder}: expected {expected}, found {', '.join(p.name for p in others) or 'no data file'}")
