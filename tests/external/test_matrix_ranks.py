"""A matrix is ranked like the model that gives its scores, whatever its type, and a tile at a time."""

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from data_helpers import sequences_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors.torch import save_file
from scipy import sparse
from worlds import World, labelled, worlds

from fave_bench.errors import BenchError
from fave_bench.evaluation.phase_ranks import PhaseRanks
from fave_bench.external import matrix
from fave_bench.external.matrix import Matrix
from fave_bench.external.matrix_ranks import LOWEST, as_float32, rank_matrix

quick = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def held(table: Any) -> Matrix:
    return Matrix("scores", "dense matrix", table.shape[1], lambda users: np.asarray(table[users]))


def same(a: PhaseRanks, b: PhaseRanks) -> bool:
    counts = [
        np.array_equal(getattr(a, count)[p], getattr(b, count)[p]) for p in a.higher for count in ("higher", "equal")
    ]
    return all(counts) and a.higher.keys() == b.higher.keys() and np.array_equal(a.lists, b.lists)


@quick
@given(world=worlds())
def test_ranks_and_lists_are_the_models_own(world: World) -> None:
    found, masked = rank_matrix(held(world.scores), world.sequences, world.phase, 4)
    assert same(found, world.ranks(lists=4)) and not masked


@quick
@given(data=st.data())
def test_every_type_of_number_keeps_its_order(data: st.DataObject) -> None:
    kinds = arrays.integer_dtypes() | arrays.unsigned_integer_dtypes() | arrays.boolean_dtypes()
    floats = arrays.floating_dtypes(sizes=(16, 32, 64))
    shape = arrays.array_shapes(min_dims=2, max_dims=2, max_side=6)
    given = data.draw(arrays.arrays(kinds | floats, shape))
    given = given[:, ~np.isnan(given).any(0)] if given.dtype.kind == "f" else given
    found = as_float32(given)
    assert found.dtype == np.float32
    assert np.isfinite(found).all() and (found > LOWEST).all()
    for before, after in zip(given, found, strict=True):
        assert ((before[:, None] > before) == (after[:, None] > after)).all()
        assert ((before[:, None] == before) == (after[:, None] == after)).all()


def test_numbers_that_single_precision_would_tie_do_not() -> None:
    world = World(labelled(sequences_of({0: [1, 2, 3], 1: [3, 1, 2]})), np.zeros((2, 4), np.float32))
    table = np.array([[0, 1, 1 + 1e-12, 1 - 1e-12], [0, 1, 1, 1 + 1e-12]])
    found, _ = rank_matrix(held(table), world.sequences, world.phase, 0)
    assert found.higher["released"].tolist() == [2, 1] and found.equal["released"].tolist() == [0, 1]
    whole, _ = rank_matrix(held((table * 2**53).astype(np.int64)), world.sequences, world.phase, 0)
    assert same(whole, found)


@quick
@given(world=worlds())
def test_without_a_column_for_padding_it_beats_nobody(world: World) -> None:
    found, _ = rank_matrix(held(world.scores[:, 1:]), world.sequences, world.phase, 4)
    lowered = world.scores.copy()
    lowered[:, 0] = -np.inf
    expected, _ = rank_matrix(held(lowered), world.sequences, world.phase, 4)
    for protocol in ("released", "filtered"):  # with a column of -inf it may still tie, with a target of -inf
        assert (found.higher[protocol] == expected.higher[protocol]).all()
    assert (found.equal["filtered"] == world.ranks().equal["filtered"]).all()


@quick
@given(world=worlds(repeats=False))
def test_a_history_of_minus_infinity_is_noticed_and_changes_no_filtered_rank(world: World) -> None:
    masked = world.scores.copy()
    for user in range(len(masked)):
        masked[user, list(world.history(user))] = -np.inf
    found, noticed = rank_matrix(held(masked), world.sequences, world.phase, 4)
    expected = world.ranks(lists=4)
    assert noticed
    assert (found.ranks("filtered") == expected.ranks("filtered")).all()
    assert np.array_equal(found.lists, expected.lists)


def test_a_target_that_went_with_the_history_it_recurs_in_is_refused() -> None:
    sequences = labelled(sequences_of({0: [1, 2, 1, 3], 1: [1, 2, 3, 1]}))
    scores = np.ones((2, 4), np.float32)
    scores[0, [1, 2]] = scores[1, [1, 2, 3]] = -np.inf
    with pytest.raises(BenchError, match="the target of user 'u1' is in the user's own history and scores -inf"):
        rank_matrix(held(scores), sequences, World(sequences, scores).phase, 0)


def test_infinities_come_first_and_last() -> None:
    sequences = labelled(sequences_of({0: [1, 2, 3], 1: [2, 1, 4], 2: [3, 4, 1]}))
    scores = np.array([[0, 1, 2, np.inf, 0], [0, 5, 6, 7, -np.inf], [0, np.inf, np.inf, 1, 2]], np.float32)
    found, masked = rank_matrix(held(scores), sequences, World(sequences, scores).phase, 0)
    assert not masked, "no item of a history was put last"
    assert found.ranks("released").tolist() == [1, 5, 1.5]


@pytest.mark.parametrize(("column", "words"), [(3, "item 'i3'"), (0, "item padding")])
def test_a_nan_is_refused_with_user_and_item(column: int, words: str) -> None:
    sequences = labelled(sequences_of({0: [1, 2, 3], 1: [2, 1, 3]}))
    scores = np.ones((2, 4))
    scores[1, column] = np.nan
    with pytest.raises(BenchError, match=rf"the score of {words} for user 'u1' \(row 1, column {column}\) is NaN"):
        rank_matrix(held(scores), sequences, World(sequences, scores).phase, 0)


def save(folder: Path, form: str, scores: np.ndarray[Any, Any]) -> Matrix:
    """The same scores in one of the forms a file may have."""
    world_path = folder / form
    if form == "npy":
        np.save(folder / "scores.npy", scores)
        return matrix.dense(folder / "scores.npy", SEQUENCES)
    if form == "fortran":
        np.save(folder / "scores.npy", np.asfortranarray(scores))
        return matrix.dense(folder / "scores.npy", SEQUENCES)
    if form == "npz":
        np.savez_compressed(folder / "scores.npz", scores=scores)
        return matrix.archived(folder / "scores.npz", SEQUENCES)
    if form in ("csr", "csc", "coo"):
        sparse.save_npz(folder / "scores.npz", sparse.coo_array(scores).asformat(form))
        return matrix.archived(folder / "scores.npz", SEQUENCES)
    tensor = torch.from_numpy(scores)
    save_file({"scores": tensor.bfloat16() if form == "bfloat16" else tensor}, world_path)
    return matrix.safetensors(world_path, SEQUENCES)


SEQUENCES = labelled(sequences_of({user: [1 + (user + k) % 9 for k in range(4)] for user in range(7)}))


@pytest.mark.parametrize("form", ["npy", "fortran", "npz", "csr", "csc", "coo", "safetensors", "bfloat16"])
def test_every_form_of_file_gives_the_same_rows(tmp_path: Path, form: str) -> None:
    scores = np.random.default_rng(0).integers(-3, 4, (7, 10)).astype(np.float32)
    found = save(tmp_path, form, scores)
    assert found.columns == 10
    for users in ([0], [2, 3, 6], [*range(7)]):
        assert (found.rows(np.array(users)) == scores[users]).all()


def test_a_large_file_is_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    """A file of 640 MB that takes no disk: neither Python's memory nor the process grows by a third of it."""
    users, items = 8_000, 20_000
    histories = {user: [1 + user % items, 1 + (user + 1) % items, 1 + (user + 2) % items] for user in range(users - 1)}
    sequences = labelled(sequences_of(histories | {users - 1: [1, 2, items]}))
    path = tmp_path / "scores.npy"
    table = np.lib.format.open_memmap(path, "w+", np.float32, (users, items))
    table[5, 6] = table[5, 7] = 1
    del table
    world = World(sequences, np.empty((0, 0), np.float32))
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
    before = memory("VmRSS")
    tracemalloc.start()
    found, _ = rank_matrix(matrix.dense(path, sequences), sequences, world.phase, 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    size = path.stat().st_size
    assert found.higher["released"][5] == 0 and found.equal["released"][5] == 1
    assert peak < size / 3 and memory("VmHWM") - before < size / 3


def memory(kind: str) -> int:
    """Bytes of the process, from Linux."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(kind))
    return int(line.split()[1]) << 10
