"""What `recommend` says is what the run's evaluation found, and every way to ask wrongly is one sentence."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import add_run

from fave_bench import data, prepare, recommend, run
from fave_bench.errors import BenchError, UsageError
from fave_bench.records import Record, Store

USERS, ITEMS = 40, 25


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    """In time order; item ids are words, and some users meet an item twice."""
    random = np.random.default_rng(0)
    rows = [(u, i, t) for u in range(USERS) for t, i in enumerate(random.integers(0, ITEMS, random.integers(5, 15)))]
    path = tmp_path / "mine.csv"
    path.write_text("user,item,time\n" + "".join(f"u{u},item {i},{t}\n" for u, i, t in rows))
    prepare.main(["--dataset", "mine", "--from", str(path)])
    return path


def train(csv: Path, model: str, *options: str) -> tuple[Store, Record]:
    results = csv.parent / f"results-{model}"
    asked = ["--dataset", "mine", "--from", str(csv), "--model", model, "--device", "cpu", "--results", str(results)]
    assert run.main([*asked, *options]) == 0
    (record,) = Store(results).records()
    return Store(results), record


@pytest.fixture
def markov(csv: Path) -> tuple[Store, Record]:
    return train(csv, "markov")


def answered(store: Store, record: Record, capsys: Any, *options: str) -> dict[str, Any]:
    capsys.readouterr()
    asked = ["--run", record.key, "--device", "cpu", "--results", str(store.root), "--json"]
    assert recommend.main([*asked, *options]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("markov", []),
        ("sasrec", ["--variant", "ce", "--epochs", "1", "--set", "model.d=16", "--set", "model.window=10"]),
        ("fave", ["--epochs", "1", "--set", "model.width=16", "--set", "model.decoder=[8, 8]"]),
    ],
)
def test_a_users_list_and_rank_are_those_of_the_evaluation(
    csv: Path, capsys: Any, model: str, options: list[str]
) -> None:
    store, record = train(csv, model, *options)
    sequences, lists, ranks = data.load("mine"), store.lists(record), store.ranks(record)["test"]
    for place in (0, 7, USERS - 1):
        label = sequences.user_labels[place]
        found = answered(store, record, capsys, "--user", label, "-k", "5")
        expected = [sequences.item_labels[item - 1] for item in lists[place][:5]]
        assert [item["id"] for item in found["recommended"]] == expected
        own = sequences.items[sequences.offsets[place] : sequences.offsets[place + 1]]
        assert [item["id"] for item in found["history"]] == [sequences.item_labels[item - 1] for item in own[:-1]]
        assert found["target"]["id"] == sequences.item_labels[own[-1] - 1]
        assert found["target"]["ranks"] == {name: ranks.ranks(name)[place] for name in ("filtered", "released")}
        rank = found["target"]["ranks"]["filtered"]
        if rank <= 5 and rank % 1 == 0:
            assert found["recommended"][int(rank) - 1]["id"] == found["target"]["id"]


@pytest.mark.parametrize("model", ["autoseqrec", "caser"])
def test_a_newcomer_may_ask_a_model_that_keeps_something_of_every_user(csv: Path, capsys: Any, model: str) -> None:
    found = answered(*train(csv, model, "--epochs", "1"), capsys, "--history", "item 3,item 1", "-k", "5")
    assert len(found["recommended"]) == 5


def test_a_list_has_new_items_only_by_falling_score(markov: tuple[Store, Record], capsys: Any) -> None:
    history = "item 3, item 4,item 3"
    found = answered(*markov, capsys, "--history", history, "-k", str(ITEMS - 2))
    listed = [item["id"] for item in found["recommended"]]
    scores = [item["score"] for item in found["recommended"]]
    assert sorted([*listed, "item 3", "item 4"]) == sorted(data.load("mine").item_labels)
    assert scores == sorted(scores, reverse=True)
    assert [item["id"] for item in found["history"]] == ["item 3", "item 4", "item 3"]
    assert found["milliseconds"] > 0 and found["user"] is None and found["target"] is None
    shorter = answered(*markov, capsys, "--history", history, "-k", "4")
    assert [item["id"] for item in shorter["recommended"]] == listed[:4]


def test_people_see_both_sides_and_the_target(markov: tuple[Store, Record], capsys: Any) -> None:
    store, record = markov
    ranks = store.ranks(record)["test"].ranks("filtered")
    (place, *_) = np.flatnonzero((ranks <= 5) & (ranks % 1 == 0))
    label = data.load("mine").user_labels[place]
    assert (
        recommend.main(["--run", record.key[:6], "--user", label, "--results", str(store.root), "--device", "cpu"]) == 0
    )
    said = capsys.readouterr().out
    assert f"rank {ranks[place]:g} (filtered)" in said and "← target" in said
    assert "median of 5 calls after a warm-up" in said


def test_titles_stand_beside_ids_where_the_dataset_has_them(real_data: Any, tmp_path: Path, capsys: Any) -> None:
    real_data("ml-100k")
    store = Store(tmp_path / "results")
    assert run.main(["--dataset", "ml-100k", "--model", "markov", "--results", str(store.root), "--device", "cpu"]) == 0
    (record,) = store.records()
    found = answered(store, record, capsys, "--history", "50,172,181")
    assert found["history"][0] == {"id": "50", "title": "Star Wars (1977)"}
    assert len(found["recommended"]) == 10 and all(item["title"] for item in found["recommended"])


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (["--history", "item 33"], "unknown item of mine 'item 33'; did you mean 'item 3'"),
        (["--history", " , "], "--history is empty"),
        (["--history", ""], "--history is empty"),
        (["--history", "item 3", "-k", "0"], "-k 0: give a positive number"),
        (["--history", "item 3", "-k", "25"], "-k 25: mine has 24 items outside this history"),
        (["--user", "u400"], "unknown user of mine 'u400'; did you mean"),
    ],
)
def test_a_wrong_question_is_one_sentence(markov: tuple[Store, Record], asked: list[str], sentence: str) -> None:
    store, record = markov
    with pytest.raises(UsageError) as raised:
        recommend.main(["--run", record.key, "--results", str(store.root), "--device", "cpu", *asked])
    assert sentence in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize("asked", [[], ["--history", "item 3", "--user", "u1"]])
def test_a_history_or_a_user_but_not_both(asked: list[str], capsys: Any) -> None:
    with pytest.raises(SystemExit) as ended:
        recommend.main(["--run", "0", *asked])
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_run_that_is_unknown_or_was_not_kept_is_one_sentence(markov: tuple[Store, Record]) -> None:
    store, record = markov
    where = ["--results", str(store.root), "--device", "cpu", "--history", "item 3"]
    wrong = record.key[:-1] + ("0" if record.key[-1] != "0" else "1")
    with pytest.raises(BenchError, match=rf"no run '{wrong}' in .*; nearest: {record.key} \(mine markov reference\)"):
        recommend.main(["--run", wrong, *where])
    (store.folder(record) / "weights.safetensors").unlink()
    with pytest.raises(BenchError, match=r"weights\.safetensors is not on this machine; repeat the run"):
        recommend.main(["--run", record.key, *where])


def test_an_ambiguous_prefix_is_not_guessed(tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    for seed in range(17):  # of 17 keys, two begin with the same digit
        add_run(store, seed=seed)
    keys = [record.key for record in store.records()]
    first = next(key[0] for key in keys if sum(other[0] == key[0] for other in keys) > 1)
    with pytest.raises(BenchError, match="could be any of"):
        recommend.main(["--run", first, "--user", "0", "--results", str(store.root)])


def test_weights_that_are_not_of_the_run_s_configuration_are_one_sentence(
    markov: tuple[Store, Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, record = markov
    weights = store.weights(record)
    asked = ["--run", record.key, "--history", "item 1,item 2", "--device", "cpu", "--results", str(store.root)]
    for name, tensor in weights.items():
        for other in (tensor[1:], tensor.double() if tensor.dtype != torch.double else tensor.float()):
            monkeypatch.setattr(Store, "weights", lambda *_, found=weights | {name: other}: found)
            with pytest.raises(BenchError, match=f"not those of its configuration: {name} is not a tensor"):
                recommend.main(asked)
