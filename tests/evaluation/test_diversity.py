"""Intra-list distance against all pairs taken one by one, and what a run says of its lists."""

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fave_bench.evaluation import diversity
from fave_bench.evaluation.diversity import diversity_of, list_distances
from fave_bench.evaluation.exposure import IntArray
from fave_bench.evaluation.item_spaces import FloatArray
from fave_bench.evaluation.subgroups import training_counts
from fave_bench.records import Store
from fave_bench.records.schema import Diversity
from fave_bench.runner import Run
from fave_bench.spec import Spec

ITEMS = 60


def made(seed: int, users: int = 7, short: int = 0, zero: int = 0) -> tuple[IntArray, FloatArray]:
    """Lists of 20 of 60 items, the last `short` places of some empty, and item vectors, `zero` of them zero."""
    random = np.random.default_rng(seed)
    lists = np.stack([random.permutation(ITEMS)[:20] + 1 for _ in range(users)]).astype(np.int32)
    lists[::2, 20 - short :] = 0
    vectors = random.normal(size=(ITEMS + 1, 5)) * random.lognormal(size=(ITEMS + 1, 1))
    vectors[1 : zero + 1] = 0
    return lists, vectors


def one_by_one(lists: IntArray, vectors: FloatArray) -> list[float]:
    """ILD of every list that has a pair; an item without a direction has cosine 0 with every other."""
    lengths = np.linalg.norm(vectors, axis=1)
    found = []
    for row in lists:
        a, b = np.array(list(combinations(row[row > 0], 2)), int).reshape(-1, 2).T
        products, scale = (vectors[a] * vectors[b]).sum(1), lengths[a] * lengths[b]
        if len(a):
            found.append(float(np.mean(1 - np.where(scale > 0, products / np.where(scale > 0, scale, 1), 0))))
    return found


@given(st.integers(0, 2**32 - 1), st.integers(0, 20), st.integers(0, ITEMS))
def test_it_is_the_mean_over_all_pairs(seed: int, short: int, zero: int) -> None:
    lists, vectors = made(seed, short=short, zero=zero)
    found = list_distances(lists, vectors)
    expected = one_by_one(lists, vectors)
    assert found is not None
    assert found["at_20"] == pytest.approx(np.mean(expected))
    assert found["at_10"] == pytest.approx(np.mean(one_by_one(lists[:, :10], vectors)))
    assert found["standard_error"] == pytest.approx(np.std(expected) / len(expected) ** 0.5)
    assert 0 <= found["at_20"] <= 2


@given(st.integers(0, 2**32 - 1))
def test_lengths_rotations_users_and_chunks_do_not_matter(seed: int) -> None:
    lists, vectors = made(seed)
    random = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(random.normal(size=(5, 5)))
    turned = vectors @ rotation * random.lognormal(size=(ITEMS + 1, 1))
    before = list_distances(lists, vectors)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diversity, "ROWS", 2)
        after = list_distances(lists[random.permutation(len(lists))], turned)
    assert after == pytest.approx(before)


def test_items_alike_are_at_no_distance_and_unrelated_ones_at_one() -> None:
    lists, _ = made(0)
    alike, unrelated = np.full((ITEMS + 1, 3), 0.1), np.eye(ITEMS + 1)
    nothing = {"at_10": 0, "at_20": 0, "standard_error": 0}
    assert list_distances(lists, alike) == pytest.approx(nothing, abs=1e-12)
    assert list_distances(lists, unrelated) == pytest.approx(nothing | {"at_10": 1, "at_20": 1})


def test_what_the_padding_row_holds_does_not_matter() -> None:
    lists, vectors = made(1, short=5)
    noisy = vectors.copy()
    noisy[0] = 99
    assert list_distances(lists, noisy) == list_distances(lists, vectors)


def test_lists_without_a_pair_have_no_distance() -> None:
    lists = np.zeros((3, 20), np.int32)
    lists[:, 0] = [1, 2, 3]
    assert list_distances(lists, np.eye(4)) is None
    assert list_distances(lists, None) is None


def test_everything_has_its_place_in_the_record() -> None:
    lists, vectors = made(2)
    spaces: dict[str, FloatArray | None] = {"own": None, "genres": np.eye(ITEMS + 1), "co_occurrence": vectors}
    found = diversity_of(lists, spaces, np.arange(ITEMS))
    assert set(found) == set(Diversity.model_fields)
    record = Diversity.model_validate(found)
    assert record.lists == 7 and record.ild_own is None and record.ild_genres is not None


@pytest.mark.parametrize(("model", "overrides"), [("popularity", {}), ("sasrec", {"model.d": 8, "model.window": 5})])
def test_a_run_says_how_diverse_its_lists_are(tmp_path: Path, model: str, overrides: dict[str, Any]) -> None:
    store = Store(tmp_path)
    run = Run(Spec("demo", model, overrides=overrides, epochs=1, quick=True), torch.device("cpu"))
    found = run.execute(store).diversity
    (record,) = store.records()
    lists = store.lists(record)
    assert found is not None and found == record.diversity
    assert all(len(set(row)) == 20 and 0 not in row for row in lists.tolist())
    assert found.lists == 1000 and found.coverage == len(np.unique(lists)) / 500
    assert found.popularity == pytest.approx(training_counts(run.sequences, run.split)[lists].mean())
    assert found.ild_genres is None and found.ild_co_occurrence is not None
    if model == "popularity":
        assert found.ild_own is None
    else:
        vectors = store.weights(record)["items.weight"].double().numpy()
        assert found.ild_own is not None
        assert found.ild_own.at_20 == pytest.approx(np.mean(one_by_one(lists, vectors)))
