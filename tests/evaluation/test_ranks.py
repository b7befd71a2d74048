"""Ranks against a definition written out user by user, for any scores at all."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from fave_bench.data.splits import Phase
from fave_bench.errors import BenchError
from fave_bench.evaluation import candidates
from fave_bench.evaluation.phase_ranks import PhaseRanks, pack, unpack
from fave_bench.evaluation.ranks import evaluating, rank_phase
from fave_bench.models.contract import ModelConfig, Recommender
from fave_bench.randomness import Draw, UserDraw


class Table(Recommender):
    """Scores are a fixed row per user, found by the user's first item, so that tests choose every score."""

    title = "Table"

    def __init__(self, rows: dict[int, list[float]], num_items: int) -> None:
        super().__init__(ModelConfig(), num_items)
        self.rows = rows

    @property
    def padding_free(self) -> bool:
        assert not self.training, "some models are only while they are trained"
        return False

    def scores(self, history: Tensor, *, draw: Draw) -> Tensor:
        assert not self.training and isinstance(draw, UserDraw)
        return torch.tensor([self.rows[int(user)] for user in draw.users], dtype=torch.float32)


class Case:
    """Users' items (the last one is the target), and every user's scores."""

    def __init__(self, histories: list[list[int]], rows: list[list[float]], num_items: int) -> None:
        self.histories = histories
        self.scores = np.array(rows, dtype=np.float32)
        self.num_items = num_items
        lengths = [len(history) for history in histories]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        self.items = torch.tensor([item for history in histories for item in history], dtype=torch.int32)
        self.phase = Phase(np.arange(len(histories)), offsets[:-1], offsets[1:] - 1)

    def rank(self, **options: Any) -> PhaseRanks:
        model = Table(dict(enumerate(self.scores.tolist())), self.num_items)
        return rank_phase(model, self.items, self.phase, window=3, seed=0, **options)

    def competitors(self, user: int, protocol: str) -> list[int]:
        *seen, target = self.histories[user]
        everything = range(self.num_items + 1)
        banned = set() if protocol == "released" else {0, *seen}
        return [item for item in everything if item not in banned and item != target]

    def count(self, user: int, protocol: str) -> tuple[int, int]:
        """The definition: candidates above the target, and others level with it."""
        target = self.scores[user, self.histories[user][-1]]
        rivals = self.scores[user, self.competitors(user, protocol)]
        return int((rivals > target).sum()), int((rivals == target).sum())

    def best(self, user: int, k: int) -> list[int]:
        pool = [*self.competitors(user, "filtered"), self.histories[user][-1]]
        ordered = sorted(pool, key=lambda item: (-self.scores[user, item], item))
        return (ordered + [0] * k)[:k]


# a few shared values make ties common; the floats cover the whole finite range, both zeros and subnormals
SCORE = st.sampled_from([0.0, -0.0, 1.0, -2.5]) | st.floats(width=32, allow_nan=False, allow_infinity=False)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    num_items = draw(st.integers(1, 9))
    history = st.lists(st.integers(1, num_items), min_size=2, max_size=8)
    histories = draw(st.lists(history, min_size=1, max_size=6))
    row = st.lists(SCORE, min_size=num_items + 1, max_size=num_items + 1)
    rows = draw(st.lists(row, min_size=len(histories), max_size=len(histories)))
    return Case(histories, rows, num_items)


@given(cases(), st.integers(1, 7), st.integers(1, 12))
@settings(max_examples=150)
def test_counts_and_lists_are_the_definition_for_any_tile(case: Case, tile: int, k: int) -> None:
    found = case.rank(tile=tile, lists=k)
    users = range(len(case.histories))
    for protocol in ("released", "filtered"):
        pairs = zip(found.higher[protocol].tolist(), found.equal[protocol].tolist(), strict=True)
        assert list(pairs) == [case.count(user, protocol) for user in users]
    assert found.lists is not None
    assert found.lists.tolist() == [case.best(user, k) for user in users]


@given(cases(), st.integers(1, 4))
@settings(max_examples=50)
def test_item_chunks_change_nothing(case: Case, columns: int) -> None:
    whole = case.rank(lists=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "COLUMNS", columns)
        patch.setattr("fave_bench.evaluation.lists.COLUMNS", columns)
        chunked = case.rank(lists=4)
    assert_same(whole, chunked)


@given(cases(), st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_user_order_only_reorders(case: Case, shuffler: Any) -> None:
    order = list(range(len(case.histories)))
    shuffler.shuffle(order)
    straight, phase = case.rank(lists=4), case.phase
    case.phase = Phase(phase.users[order], phase.start[order], phase.stop[order])
    permuted = case.rank(lists=4, tile=2)
    assert permuted.users.tolist() == order
    for protocol in straight.higher:
        assert (permuted.higher[protocol] == straight.higher[protocol][order]).all()
        assert (permuted.equal[protocol] == straight.equal[protocol][order]).all()
    assert permuted.lists is not None and straight.lists is not None
    assert (permuted.lists == straight.lists[order]).all()


@given(cases())
@settings(max_examples=50)
def test_filtering_only_ever_helps_and_storage_keeps_every_count(case: Case) -> None:
    found = case.rank()
    assert (found.ranks("filtered") <= found.ranks("released")).all()
    assert found.tied == any(counts.any() for counts in found.equal.values())
    stored = unpack(pack({"test": found, "validation": found}))
    assert sorted(stored) == ["test", "validation"]
    assert_same(found, stored["test"])


def test_the_full_history_is_filtered_not_only_the_window() -> None:
    case = Case([[1, 2, 3, 4, 5]], [[0, 9, 8, 7, 6, 1]], 5)  # the window of 3 no longer holds item 1
    assert case.rank().higher["filtered"].tolist() == [0]
    assert case.rank().higher["released"].tolist() == [4]


def test_a_repeated_target_competes_once_and_only_as_the_target() -> None:
    case = Case([[2, 1, 2, 2]], [[0, 5, 3, 4]], 3)
    assert case.rank(lists=3).lists.tolist() == [[3, 2, 0]]  # type: ignore[union-attr]
    assert case.rank().higher["filtered"].tolist() == [1]
    assert case.rank().equal["filtered"].tolist() == [0]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_scores_that_are_not_finite_name_the_model_and_the_user(bad: float) -> None:
    case = Case([[1, 2], [2, 1]], [[0, 1, 2], [0, bad, 1]], 2)
    with pytest.raises(BenchError, match="Table: the scores of user 1 are not finite"):
        case.rank()


def test_scores_of_a_wrong_shape_are_refused() -> None:
    case = Case([[1, 2]], [[0, 1]], 2)
    with pytest.raises(BenchError, match=r"shape \(1, 2\) where \(1, 3\) is due"):
        case.rank()


def test_a_phase_without_users_gives_empty_counts() -> None:
    case = Case([[1, 2]], [[0, 1, 2]], 2)
    nobody = np.zeros(0, np.int64)
    case.phase = Phase(nobody, nobody, nobody)
    found = case.rank(lists=20)
    assert found.higher["filtered"].shape == (0,)
    assert found.lists is not None and found.lists.shape == (0, 20)


def test_a_full_device_halves_the_tile_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case([[1, 2], [2, 3], [3, 1]], [[0, 1, 2, 3], [3, 1, 0, 1], [0, 1, 1, 1]], 3)
    whole, scores = case.rank(lists=2), Table.scores

    def small(self: Table, history: Tensor, *, draw: UserDraw) -> Tensor:
        if len(history) > room:
            raise torch.OutOfMemoryError
        return scores(self, history, draw=draw)

    monkeypatch.setattr(Table, "scores", small)
    room = 1
    assert_same(whole, case.rank(lists=2))
    room = 0
    with pytest.raises(BenchError, match="no memory left to score a single user"):
        case.rank()


def test_a_model_may_return_its_own_read_only_buffer() -> None:
    class Constant(Table):
        shared: Tensor

        def scores(self, history: Tensor, *, draw: Draw) -> Tensor:
            return self.shared.expand(len(history), -1)

    case = Case([[1, 2], [2, 1]], [[0, 0, 0]] * 2, 2)
    model = Constant({}, 2)
    model.shared = torch.tensor([3.0, 2.0, 1.0])
    found = rank_phase(model, case.items, case.phase, window=3, seed=0, lists=2)
    assert found.higher["released"].tolist() == [2, 1]
    assert model.shared.tolist() == [3.0, 2.0, 1.0]


def test_a_user_draws_the_same_noise_in_any_tile() -> None:
    class Noise(Table):
        def scores(self, history: Tensor, *, draw: Draw) -> Tensor:
            return draw.normal(len(history), self.vocabulary)

    case = Case([[1, 2], [2, 3], [3, 1], [1, 3]], [[0] * 4] * 4, 3)
    found = [rank_phase(Noise({}, 3), case.items, case.phase, window=3, seed=7, tile=t, lists=3) for t in (1, 3, 4)]
    assert_same(found[0], found[1])
    assert_same(found[0], found[2])


def test_the_model_sees_its_window_and_nothing_newer() -> None:
    class Watching(Table):
        def scores(self, history: Tensor, *, draw: Draw) -> Tensor:
            self.seen = history
            return torch.zeros(len(history), self.vocabulary)

    case = Case([[1, 2, 3, 4, 5], [5, 4]], [], 5)
    model = Watching({}, 5)
    rank_phase(model, case.items, case.phase, window=3, seed=0)
    assert model.seen.tolist() == [[2, 3, 4], [0, 0, 5]]


def test_bf16_is_the_models_arithmetic_and_not_the_comparisons() -> None:
    class Product(Table):
        def scores(self, history: Tensor, *, draw: Draw) -> Tensor:
            product = history.float() @ torch.ones(history.shape[1], self.vocabulary)
            assert product.dtype == torch.bfloat16
            return product

    case = Case([[1, 2]], [], 2)
    found = rank_phase(Product({}, 2), case.items, case.phase, window=3, seed=0, precision="bf16")
    assert found.equal["released"].tolist() == [2]


def test_each_module_gets_its_own_mode_back() -> None:
    model = nn.Sequential(nn.Dropout(), nn.Dropout())
    model[1].eval()
    with evaluating(model):
        assert not model.training and not model[0].training
    assert model.training and model[0].training and not model[1].training


def assert_same(a: PhaseRanks, b: PhaseRanks) -> None:
    assert a.users.tolist() == b.users.tolist()
    for protocol in a.higher:
        assert a.higher[protocol].tolist() == b.higher[protocol].tolist()
        assert a.equal[protocol].tolist() == b.equal[protocol].tolist()
    if a.lists is not None and b.lists is not None:
        assert a.lists.tolist() == b.lists.tolist()
