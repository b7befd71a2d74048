"""Which kind of scores a file holds, told by its first bytes."""

from pathlib import Path

from fave_bench.data.sequences import Sequences
from fave_bench.data.source import ZIP, Source
from fave_bench.errors import BenchError, UsageError, unknown
from fave_bench.external import lists, matrix
from fave_bench.external.lists import IDS, Lists
from fave_bench.external.matrix import Matrix

NPY = b"\x93NUMPY"
PICKLE = b"\x80"
GZIP = b"\x1f\x8b"


def open_scores(path: Path, sequences: Sequences, ids: str | None) -> Matrix | Lists:
    """The scores in a file for the users of `sequences`; `ids` says whose numbers lists are in, one of IDS.

    Raises UsageError where `ids` is missing or out of place, BenchError for a file that is of no accepted format.
    """
    head = _head(path)
    if ids not in (None, *IDS):
        raise unknown("value of --ids", ids, IDS)
    if _packed(path) and (head.startswith(NPY) or head[:4] in ZIP):
        raise BenchError(f"{path.name}: unpack it first; a matrix is read from its own file, .npy or .npz")
    if head.startswith(NPY) or head[:4] in ZIP or path.suffix == ".safetensors":
        if ids == "original":
            raise UsageError(f"--ids original: {path.name} is a matrix, whose rows and columns are canonical numbers")
        kind = matrix.dense if head.startswith(NPY) else matrix.archived if head[:4] in ZIP else matrix.safetensors
        return kind(path, sequences)
    if head.startswith(PICKLE):
        raise BenchError(f"{path.name}: refused, because it is a pickle, which can run anything; use numpy.save")
    if not head.strip():
        raise BenchError(f"{path.name}: the file is empty")
    if ids is None:
        raise UsageError(
            f"{path.name} holds lists: say with --ids whose numbers they speak, original (those of the data's source) "
            "or canonical (those of `python -m fave_bench.prepare --export`)"
        )
    return lists.read(Source(path), sequences, ids)


def _packed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(GZIP)) == GZIP


def _head(path: Path) -> bytes:
    if not path.is_file():
        raise BenchError(f"{path}: {'not a regular file' if path.exists() else 'no such file'}")
    return Source(path).head(8)
