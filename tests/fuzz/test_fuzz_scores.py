"""Whatever lies in a file of scores, its reader and the ranking give ranks or one sentence."""

import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from data_helpers import sequences_of
from hostile import answers, hostile, many, spoilt_bytes
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save
from scipy import sparse

from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import leave_one_out
from fave_bench.external.formats import open_scores
from fave_bench.external.judging import Reading, judge


def sequences() -> Sequences:
    plain = sequences_of({0: [1, 2, 3, 4], 1: [5, 6, 4, 1], 2: [1, 2, 3, 6]})
    return Sequences(**vars(plain) | {"item_labels": tuple("abcdef")})


SEQUENCES = sequences()
PHASE = leave_one_out(SEQUENCES).test
SCORES = np.arange(21, dtype=np.float32).reshape(3, 7)[:, ::-1] % 5
LINES = [f"{user},{item},{SCORES[user, item]}" for user in range(3) for item in range(1, 7)]


def saved(write: Any, *arguments: Any) -> bytes:
    content = io.BytesIO()
    write(content, *arguments)
    return content.getvalue()


FILES = {
    "scores.csv": "\n".join(["user,item,score", *LINES, ""]).encode(),
    "ranks.tsv": b"user\titem\trank\n" + b"".join(b"%d\t%d\t%d\n" % (u, i, i) for u in range(3) for i in range(1, 7)),
    "scores.npy": saved(np.save, SCORES),
    "scores.npz": saved(np.savez_compressed, SCORES),
    "sparse.npz": saved(sparse.save_npz, sparse.csr_array(SCORES)),
    "columns.npz": saved(sparse.save_npz, sparse.csc_array(SCORES)),
    "scores.safetensors": save({"scores": torch.from_numpy(SCORES.copy())}),
}


def ranked(path: Path) -> object:
    given_scores = open_scores(path, SEQUENCES, "canonical")
    return judge(given_scores, SEQUENCES, PHASE, Reading(ids="canonical"), 3)


@pytest.mark.parametrize("name", FILES)
def test_an_unspoilt_file_is_ranked(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(FILES[name])
    assert answers(lambda: ranked(tmp_path / name))


@pytest.mark.parametrize("name", FILES)
@many
@given(data=st.data())
def test_a_spoilt_file_gives_ranks_or_one_sentence(tmp_path: Path, name: str, data: Any) -> None:
    text = name.endswith(("csv", "tsv"))
    content = data.draw(hostile(FILES[name], text=text))
    packed = text and data.draw(st.booleans())
    (tmp_path / name).write_bytes(gzip.compress(content, 0) if packed else content)
    answers(lambda: ranked(tmp_path / name))


@pytest.mark.parametrize("name", ["scores.npz", "sparse.npz", "columns.npz"])
@many
@given(data=st.data())
def test_a_spoilt_array_in_a_whole_archive_gives_ranks_or_one_sentence(tmp_path: Path, name: str, data: Any) -> None:
    """Checksums of the container are right here, so that shapes, types and indices are what has to be read."""
    with zipfile.ZipFile(io.BytesIO(FILES[name])) as archive:
        arrays = {member: archive.read(member) for member in archive.namelist()}
    member = data.draw(st.sampled_from(sorted(arrays)))
    arrays[member] = data.draw(spoilt_bytes(arrays[member]))
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        for member, content in arrays.items():
            archive.writestr(member, content)
    answers(lambda: ranked(tmp_path / name))


@many
@given(data=st.data())
def test_sparse_indices_may_lie_anywhere(tmp_path: Path, data: Any) -> None:
    """scipy believes indices, and a program that believed it would read or write beyond its arrays."""
    table = sparse.csr_array(SCORES)
    parts = {"indices": table.indices.copy(), "indptr": table.indptr.copy(), "data": table.data, "shape": table.shape}
    name = data.draw(st.sampled_from(["indices", "indptr"]))
    place = data.draw(st.integers(0, len(parts[name]) - 1))
    parts[name][place] = data.draw(st.integers(-(2**31), 2**31 - 1))
    form = data.draw(st.sampled_from([b"csr", b"csc"]))
    np.savez(tmp_path / "scores.npz", format=np.array(form), **parts)
    answers(lambda: ranked(tmp_path / "scores.npz"))
