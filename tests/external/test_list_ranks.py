"""Lists say what the matrix that they were cut from says, as far down as they decide it, and refuse the rest."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_helpers import sequences_of
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from worlds import World, labelled, worlds

from fave_bench.data.source import Source
from fave_bench.errors import BenchError, UsageError
from fave_bench.evaluation.metrics import decides, metrics_of, values_of
from fave_bench.evaluation.phase_ranks import PhaseRanks, pack, unpack
from fave_bench.external import lists
from fave_bench.external.judging import Reading, judge
from fave_bench.external.list_ranks import ListRanking, rank_lists
from fave_bench.external.lists import Lists

quick = settings(max_examples=60)
Entry = tuple[int, int, float]
CUTS = [f"{kind}@{k}" for k in range(1, 10) for kind in "HN"]
SEED = st.integers(0, 2**32)


def cut(seed: int, world: World, *, padding: bool, removed: bool, whole_ties: bool) -> list[Entry]:
    """The best candidates of every user, cut anywhere, equal scores in any order."""
    random, entries = np.random.default_rng(seed), []
    for user, row in enumerate(world.scores.tolist()):
        gone = world.history(user) if removed else set()
        pool = [item for item in range(0 if padding else 1, len(row)) if item not in gone]
        ordered = sorted(random.permutation(pool).tolist(), key=lambda item: -row[item])
        length = int(random.integers(1, len(ordered), endpoint=True))
        while whole_ties and length < len(ordered) and row[ordered[length]] == row[ordered[length - 1]]:
            length += 1
        entries += [(user, item, row[item]) for item in ordered[:length]]
    return entries


def listed(entries: list[Entry], ranked: bool = False) -> Lists:
    users, items, scores = (np.array(column) for column in zip(*entries, strict=True))
    order = np.lexsort((items, -scores, users))
    return Lists("lists", users[order], items[order], scores[order].astype(float), ranked)


def without_padding(world: World) -> World:
    """The same with padding below everything."""
    scores = world.scores.copy()
    scores[:, 0] = np.finfo(np.float32).min
    scores[:, 1:] = np.maximum(scores[:, 1:], np.float32(-1e30))
    return World(world.sequences, scores)


def agree(found: PhaseRanks, expected: PhaseRanks) -> None:
    """Every metric that is decided, user by user; and every target below the decided place is known to be there."""
    for protocol in found.higher:
        for metric in CUTS:
            if decides(found, protocol, metric):
                pair = [values_of(metric, phase.ranks(protocol)) for phase in (found, expected)]
                assert (pair[0] == pair[1]).all(), (protocol, metric)
        assert (found.ranks(protocol) <= expected.ranks(protocol)).all()
        if protocol not in found.decided:
            assert (found.ranks(protocol) == expected.ranks(protocol)).all()


@quick
@given(seed=SEED, world=worlds(), padding=st.booleans(), whole_ties=st.booleans())
def test_lists_cut_from_a_matrix_say_what_it_says(seed: int, world: World, padding: bool, whole_ties: bool) -> None:
    world = world if padding else without_padding(world)
    entries = cut(seed, world, padding=padding, removed=False, whole_ties=whole_ties)
    ranking = ListRanking(listed(entries), world.sequences, world.phase)
    found, _ = rank_lists(ranking, removed=False, ties_listed=whole_ties, length=3)
    agree(found, world.ranks())
    if found.lists is not None:
        assert np.array_equal(found.lists, world.ranks(lists=3).lists)


@quick
@given(seed=SEED, world=worlds())
def test_lists_without_the_history_say_the_same_of_new_items(seed: int, world: World) -> None:
    assume(all(len(world.history(user)) < world.sequences.num_items for user in range(len(world.scores))))
    entries = cut(seed, world, padding=False, removed=True, whole_ties=False)
    ranking = ListRanking(listed(entries), world.sequences, world.phase)
    found, _ = rank_lists(ranking, removed=True, ties_listed=False, length=3)
    assert ranking.removed and found.higher.keys() == {"filtered"}
    agree(found, world.ranks())


@quick
@given(seed=SEED, world=worlds(), shuffler=st.randoms(use_true_random=False))
def test_ranks_need_no_scores_and_lines_no_order(seed: int, world: World, shuffler: Any) -> None:
    """Given ranks, the matrix may be any whose order is theirs: one that ties nowhere."""
    entries = cut(seed, world, padding=True, removed=False, whole_ties=False)
    place = [sum(user == other for other, _, _ in entries[:i]) + 1 for i, (user, _, _) in enumerate(entries)]
    ranked = [(user, item, -rank) for (user, item, _), rank in zip(entries, place, strict=True)]
    strict = np.full(world.scores.shape, -100, np.float32) - np.arange(world.scores.shape[1], dtype=np.float32)
    for user, item, score in ranked:
        strict[user, item] = score
    shuffler.shuffle(ranked)
    ranking = ListRanking(listed(ranked, ranked=True), world.sequences, world.phase)
    found, _ = rank_lists(ranking, removed=False, ties_listed=False, length=0)
    agree(found, World(world.sequences, strict).ranks())


@quick
@given(seed=SEED, world=worlds())
def test_what_is_decided_is_stored_with_the_ranks(seed: int, world: World) -> None:
    entries = cut(seed, world, padding=True, removed=False, whole_ties=False)
    ranking = ListRanking(listed(entries), world.sequences, world.phase)
    found, _ = rank_lists(ranking, removed=False, ties_listed=False, length=0)
    again = unpack(pack({"test": found}))["test"]
    assert again.decided == found.decided
    assert metrics_of(again) == metrics_of(found)


THREE = labelled(sequences_of({0: [1, 2, 3, 4], 1: [5, 6, 7, 1], 2: [1, 2, 3, 8]}))
"""Targets 4, 1 and 8 among 8 items."""


def decided(entries: list[Entry], ranked: bool = False, **options: Any) -> PhaseRanks:
    ranking = ListRanking(listed(entries, ranked), THREE, World(THREE, np.empty(0)).phase)
    return rank_lists(ranking, **{"removed": False, "ties_listed": False, "length": 0} | options)[0]


def best(user: int, *items: int) -> list[Entry]:
    return [(user, item, -float(place)) for place, item in enumerate(items)]


def test_the_last_group_of_equal_scores_counts_only_if_all_of_it_is_listed() -> None:
    entries = [*best(0, 5, 4, 1), (0, 7, -2.0), *best(1, 1, 2, 3), *best(2, 8, 1, 4)]
    assert decided(entries[:4] + best(1, 1, 2, 3) + best(2, 4, 1, 7)).decided["released"] == 2
    assert decided(entries[:4] + best(1, 1, 2, 3) + best(2, 4, 1, 7), ties_listed=True).decided["released"] == 3
    tied = decided([*best(0, 5, 4), (0, 7, -1.0), *best(1, 1, 2), *best(2, 8, 1)])
    assert tied.decided["released"] == 1, "item 4 ties with item 7, and perhaps with others"
    listed_ties = decided([*best(0, 5, 4), (0, 7, -1.0), *best(1, 1, 2), *best(2, 8, 1)], ties_listed=True)
    assert "released" not in listed_ties.decided
    assert listed_ties.ranks("released").tolist() == [2.5, 1, 1]


def test_the_history_takes_places_of_a_list() -> None:
    """Four places less two of the history are two, and a target found is known wherever it stands."""
    found = decided([*best(0, 1, 2, 5, 6), *best(1, 5, 6, 7, 1), *best(2, 1, 2, 3, 8)], ranked=True)
    assert found.decided == {"filtered": 2, "released": 4}
    assert found.ranks("filtered").tolist() == [3, 1, 1]
    assert found.ranks("released").tolist() == [5, 4, 4]


def test_a_list_of_everything_decides_everything() -> None:
    entries = [entry for user in range(3) for entry in best(user, 8, 7, 6, 5, 4, 3, 2, 1)]
    found = decided(entries, length=20)
    assert found.decided == {}
    assert found.ranks("released").tolist() == [5, 8, 1]
    assert found.lists is not None and found.lists[0].tolist() == [8, 7, 6, 5, 4] + [0] * 15


def test_nothing_is_known_of_a_target_that_went_with_its_history() -> None:
    sequences = labelled(sequences_of({0: [1, 2, 3, 1], 1: [1, 2, 3, 4]}))
    ranking = ListRanking(
        listed([*best(0, 4, 5), *best(1, 4, 5)], ranked=True), sequences, World(sequences, THREE).phase
    )
    found, ends = rank_lists(ranking, removed=True, ties_listed=False, length=0)
    assert found.decided == {"filtered": 0} and ends == {"filtered": (0, "u0")}


def test_whether_histories_were_removed_is_seen_or_said() -> None:
    phase = World(THREE, np.empty(0)).phase
    entries = [entry for user in range(3) for entry in best(user, 4, 8, 1, 5, 6)]
    judged = judge(listed(entries, ranked=True), THREE, phase, Reading(), 0)
    assert judged.ranks.higher.keys() == {"filtered", "released"}
    clean = [*best(0, 4, 5, 6, 7, 8), *best(1, 1, 2, 3, 4, 8), *best(2, 8, 4, 5, 6, 7)]
    assert judge(listed(clean), THREE, phase, Reading(), 0).ranks.higher.keys() == {"filtered"}
    assert judge(listed(clean), THREE, phase, Reading(history="kept"), 0).ranks.higher.keys() == {
        "filtered",
        "released",
    }
    with pytest.raises(UsageError, match="--history removed, but the list of user 'u0' holds item 'i1'"):
        judge(listed(entries), THREE, phase, Reading(history="removed"), 0)


def test_lists_too_short_for_any_metric_are_refused_with_the_user() -> None:
    with pytest.raises(BenchError, match=r"no metric can be known: .* no more than 2 places of user 'u0'"):
        short = [*best(0, 1, 5), *best(1, 1, 2), *best(2, 8, 1)]
        judge(listed(short, ranked=True), THREE, World(THREE, np.empty(0)).phase, Reading(), 0)


def write(folder: Path, text: str) -> Source:
    path = folder / "lists.csv"
    path.write_text(text)
    return Source(path)


def test_ids_headers_and_delimiters(tmp_path: Path) -> None:
    original = lists.read(
        write(tmp_path, "user_id:token\titem_id:token\tscore:float\nu1\ti3\t2\nu1\ti1\t3\n"), THREE, "original"
    )
    canonical = lists.read(write(tmp_path, "rank,item,user\n2,3,1\n1,1,1\n"), THREE, "canonical")
    for found in (original, canonical):
        assert found.users.tolist() == [1, 1] and found.items.tolist() == [1, 3]
    assert not original.ranked and canonical.ranked


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("user,item,score\n0,9,1\n", "line 2: '9' is no item of the data, whose canonical numbers end at 8"),
        ("user,item,score\n3,1,1\n", "line 2: '3' is no user of the data, whose canonical numbers end at 2"),
        ("user,item,score\n-1,1,1\n", "'-1' is no user"),
        ("user,item,score\n٣,1,1\n", "'٣' is no user"),
        ("user,item,score\n0,1,high\n", "line 2: 'high' is not a finite number"),
        ("user,item,score\n0,1,nan\n", "'nan' is not a finite number"),
        ("user,item,score\n0,1,-inf\n", "'-inf' is not a finite number"),
        ("user,item,score\n0,1\n", "line 2: expected as many fields as the header has"),
        ("user,item,score\n0,1,2\n0,1,3\n", "user 'u0' lists item 'i1' twice"),
        ("user,item,score\n0,0,2\n0,0,3\n", "user 'u0' lists item padding twice"),
        ("user,item,rank\n0,1,1\n0,2,3\n", "user 'u0' has ranks that are not 1, 2, 3"),
        ("user,item,rank\n0,1,0\n0,2,1\n", "user 'u0' has ranks that are not 1, 2, 3"),
        ("user,item,rank\n0,1,1\n0,2,1\n", "user 'u0' has ranks that are not 1, 2, 3"),
        ("user,item,score\n", "there is nothing below the header"),
        ("0,1,2\n", "it begins with '0,1,2'"),
        ("user,item\n0,1\n", "it begins with 'user,item'"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_list_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(BenchError) as raised:
        lists.read(write(tmp_path, text), THREE, "canonical")
    assert sentence in str(raised.value) and str(raised.value).startswith("lists.csv")


def test_a_user_without_a_list_is_named() -> None:
    with pytest.raises(BenchError, match="user 'u1' has no list, and 1 more have none either; everybody is ranked"):
        ListRanking(listed(best(0, 4)), THREE, World(THREE, np.empty(0)).phase)
