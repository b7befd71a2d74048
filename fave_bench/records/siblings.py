"""The binary files beside run.json. None of them can hold code: npz without pickles, and safetensors."""

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fave_bench.errors import BenchError
from fave_bench.evaluation.phase_ranks import PhaseRanks, pack, unpack
from fave_bench.files import replacing

if TYPE_CHECKING:  # torch takes a second to import, and rendering never needs it
    from torch import Tensor

RANKS, LISTS, WEIGHTS = "ranks.npz", "top20.npz", "weights.safetensors"
LARGEST = 1 << 30
"""Bytes of an npz file's arrays: ten million users' lists fit. A file of a megabyte can claim as much and more."""


def save_ranks(folder: Path, ranks: Mapping[str, PhaseRanks]) -> None:
    """ranks.npz: users and counts per phase and protocol, packed as `pack` says."""
    _save_arrays(folder / RANKS, pack(ranks))


def load_ranks(folder: Path) -> dict[str, PhaseRanks]:
    """The inverse of `save_ranks`; BenchError for a file it did not write."""
    with _readable(folder / RANKS, "ranks"):
        return unpack(_load_arrays(folder / RANKS))


def save_lists(folder: Path, lists: NDArray[np.int32]) -> None:
    """top20.npz: the test users' best items, (E, K) in the test phase's order."""
    _save_arrays(folder / LISTS, {"items": lists})


def load_lists(folder: Path) -> NDArray[np.int32]:
    """The inverse of `save_lists`; BenchError for a file it did not write."""
    with _readable(folder / LISTS, "lists"):
        return _load_arrays(folder / LISTS)["items"]


def save_weights(folder: Path, weights: "Mapping[str, Tensor]") -> None:
    """weights.safetensors, on the CPU; tensors that share memory are written out one by one."""
    import torch
    from safetensors.torch import save

    owned = {name: torch.empty_like(t, device="cpu").copy_(t).contiguous() for name, t in weights.items()}
    with replacing(folder / WEIGHTS) as file:
        file.write(save(owned))


def load_weights(folder: Path) -> "dict[str, Tensor]":
    """The inverse of `save_weights`; BenchError for a file it did not write."""
    from safetensors.torch import load_file

    with _readable(folder / WEIGHTS, "weights"):
        weights: dict[str, Tensor] = load_file(folder / WEIGHTS)
    return weights


def _save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    with replacing(path) as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def _load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    with zipfile.ZipFile(path) as members:
        if sum(member.file_size for member in members.infolist()) > LARGEST:
            raise ValueError(f"unpacked it is more than {LARGEST >> 20} MiB")
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


@contextmanager
def _readable(path: Path, content: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # numpy and safetensors raise many kinds for a damaged or hostile file
        raise BenchError(f"{path} holds no {content} ({error})") from None
