"""The binary files beside run.json. None of them can hold code: npz without pickles, and safetensors."""

import zipfile
from collections.abc import Mapping
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


def save_ranks(folder: Path, ranks: Mapping[str, PhaseRanks]) -> None:
    """ranks.npz: users and counts per phase and protocol, packed as `pack` says."""
    _save_arrays(folder / RANKS, pack(ranks))


def load_ranks(folder: Path) -> dict[str, PhaseRanks]:
    """The inverse of `save_ranks`; BenchError for a file it did not write."""
    path = folder / RANKS
    try:
        return unpack(_load_arrays(path))
    except (KeyError, IndexError, ValueError, zipfile.BadZipFile) as error:
        raise BenchError(f"{path} holds no ranks ({error})") from None


def save_lists(folder: Path, lists: NDArray[np.int32]) -> None:
    """top20.npz: the test users' best items, (E, K) in the test phase's order."""
    _save_arrays(folder / LISTS, {"items": lists})


def load_lists(folder: Path) -> NDArray[np.int32]:
    """The inverse of `save_lists`."""
    return _load_arrays(folder / LISTS)["items"]


def save_weights(folder: Path, weights: "Mapping[str, Tensor]") -> None:
    """weights.safetensors, on the CPU; tensors that share memory are written out one by one."""
    import torch
    from safetensors.torch import save

    owned = {name: torch.empty_like(t, device="cpu").copy_(t).contiguous() for name, t in weights.items()}
    with replacing(folder / WEIGHTS) as file:
        file.write(save(owned))


def load_weights(folder: Path) -> "dict[str, Tensor]":
    """The inverse of `save_weights`."""
    from safetensors.torch import load_file

    weights: dict[str, Tensor] = load_file(folder / WEIGHTS)
    return weights


def _save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    with replacing(path) as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def _load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
