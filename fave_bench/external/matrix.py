"""A matrix of scores in a file, of which some users' rows are read at a time."""

import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fave_bench.data.sequences import Sequences
from fave_bench.data.source import EXPANSION
from fave_bench.data.splits import LongArray
from fave_bench.errors import BenchError

FREELY = 1 << 26
"""Bytes that any archive may unpack to; a larger one by `EXPANSION` at most, as its members' sizes tell in advance."""
NUMBERS = "biuf"
"""Kinds of dtype: truth, integers, floats."""
SPARSE = {"csr", "csc", "coo"}
Rows = Callable[[LongArray], NDArray[Any]]
"""(B,) ascending users, at least one -> (B, columns) of any numeric dtype."""


@dataclass(frozen=True)
class Matrix:
    """Row u belongs to canonical user u; columns are items 1..N, or 0..N with padding as item 0."""

    name: str
    """File name, for messages."""
    format: str
    """In words, fit for a record."""
    columns: int
    rows: Rows


def dense(path: Path, sequences: Sequences) -> Matrix:
    """An array in a .npy file. Mapped anew for each tile of rows, so that no page of those before stays in memory."""
    with _readable(path):
        return _matrix(path, "dense matrix", np.load(path, mmap_mode="r", allow_pickle=False), sequences, _mapped(path))


def archived(path: Path, sequences: Sequences) -> Matrix:
    """A .npz file: what scipy.sparse.save_npz wrote, in which a cell that is not stored is 0, or a single array."""
    with _readable(path):
        with zipfile.ZipFile(path) as archive:
            members, unpacked = archive.namelist(), sum(member.file_size for member in archive.infolist())
        if unpacked > max(FREELY, EXPANSION * path.stat().st_size):
            raise ValueError(f"refused, because it unpacks to {unpacked >> 20:,} MiB")
        if "format.npy" in members:
            return _sparse(path, sequences)
        if not all(name.endswith(".npy") for name in members):
            raise ValueError("a .npz file has arrays alone; unpack lists first")
        if len(members) != 1:
            raise ValueError(f"expected one array, or a matrix of scipy.sparse.save_npz, found {len(members)} arrays")
        with np.load(path, allow_pickle=False) as arrays:
            array = arrays[arrays.files[0]]
        return _matrix(path, "dense matrix", array, sequences, lambda users: array[users])


def safetensors(path: Path, sequences: Sequences) -> Matrix:
    """The one tensor of a .safetensors file, read as `dense` is."""
    from safetensors import safe_open

    with _readable(path), safe_open(path, framework="pt") as file:
        names = list(file.keys())
        if len(names) != 1:
            raise ValueError(f"expected one tensor, found {len(names)}")
        tensor = file.get_slice(names[0])
        like = np.broadcast_to(_numpy(tensor[0:0]).ravel().sum(), tensor.get_shape())  # its dtype and its shape
        return _matrix(path, "dense matrix", like, sequences, _sliced(path, names[0]))


def _sparse(path: Path, sequences: Sequences) -> Matrix:
    found = sparse.load_npz(path)
    if found.format not in SPARSE:
        raise ValueError(f"sparse format {found.format}; save it as csr, csc or coo")
    if found.format != "coo":
        _check_indices(found)
    checked = _matrix(path, "sparse matrix", found, sequences, lambda users: np.empty(0))
    table = sparse.csr_array(found)
    return Matrix(checked.name, checked.format, checked.columns, lambda users: table[users].toarray())


def _check_indices(table: Any) -> None:
    """scipy's own check lets too much pass, and what it then believes makes it read and write beyond its arrays."""
    starts, minor = table.indptr.astype(np.int64), table.shape[table.format == "csr"]
    rising = starts[0] == 0 and (np.diff(starts) >= 0).all() and starts[-1] == len(table.indices) == len(table.data)
    if not rising or ((table.indices < 0) | (table.indices >= minor)).any():
        raise ValueError("its indices are not those of a matrix of its shape")


def _matrix(path: Path, words: str, table: Any, sequences: Sequences, rows: Rows) -> Matrix:
    if table.dtype.kind not in NUMBERS:
        raise ValueError(f"it holds {table.dtype} where numbers are due")
    users, items, shape = sequences.num_users, sequences.num_items, tuple(table.shape)
    if shape not in ((users, items), (users, items + 1)):
        turned = " (it looks transposed)" if shape in ((items, users), (items + 1, users)) else ""
        raise ValueError(
            f"it has the shape {shape}{turned}, and {sequences.name} asks for {users:,} rows, one a user, "
            f"and {items:,} columns for items 1 to {items:,}, or {items + 1:,} with padding, item 0, first"
        )
    return Matrix(path.name, words, shape[1], rows)


def _mapped(path: Path) -> Rows:
    def rows(users: LongArray) -> NDArray[Any]:
        with _readable(path):
            return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False)[users])

    return rows


def _sliced(path: Path, name: str) -> Rows:
    from safetensors import safe_open

    def rows(users: LongArray) -> NDArray[Any]:
        first, stop = int(users[0]), int(users[-1]) + 1
        with _readable(path), safe_open(path, framework="pt") as file:
            return _numpy(file.get_slice(name)[first:stop])[users - first]

    return rows


def _numpy(tensor: Any) -> NDArray[Any]:
    """numpy knows no bfloat16, of which float32 holds every value."""
    return np.asarray(tensor.float() if tensor.is_floating_point() and tensor.itemsize < 4 else tensor)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BenchError(f"{path}: {error.strerror or error}") from None
    except Exception as error:  # numpy, scipy and safetensors raise many kinds for a damaged or hostile file
        raise BenchError(f"{path.name} holds no scores: {str(error) or type(error).__name__}") from None
