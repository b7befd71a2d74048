"""The verb evaluate on weights of the authors' public code: the ranks that their own item numbers give."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import actions_csv, ending
from released_helpers import random_state

from fave_bench import data, evaluate, prepare, presets, recommend, table
from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import leave_one_out
from fave_bench.data.windows import windows
from fave_bench.models import import_released
from fave_bench.randomness import UserDraw, seed_of
from fave_bench.records import Record, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A dataset whose source numbers its items from 1, but not in the order in which they appear."""
    actions = pd.read_csv(actions_csv(tmp_path / "mine.csv"))
    names = sorted(actions["item"].unique())
    numbers = np.random.default_rng(7).permutation(len(names)) + 1
    actions["item"] = actions["item"].map(dict(zip(names, numbers, strict=True)))
    actions.to_csv(tmp_path / "mine.csv", index=False)
    prepare.main(["--dataset", "mine", "--from", str(tmp_path / "mine.csv")])
    return Store(tmp_path / "results")


def weights(tmp_path: Path, model: str, items: int) -> Path:
    path = tmp_path / f"{model}.pt"
    torch.save(random_state(model, items + 1), path)
    return path


def asked(store: Store, path: Path, *options: str) -> list[str]:
    where = ["--results", str(store.root), "--device", "cpu"]
    return ["--dataset", "mine", "--weights", str(path), *where, *options]


def above(sequences: Sequences, path: Path, model: str, stage: str | None) -> dict[str, list[int]]:
    """Protocol -> how many candidates beat each user's test target, everything in the source's own numbers."""
    preset = presets.plan("mine", model, "released", "", {}).model_config.model_dump()
    network = import_released(path, model, stage=stage, preset=preset)
    numbers = np.array([0, *map(int, sequences.item_labels)])
    phase = leave_one_out(sequences).test
    own = torch.from_numpy(numbers[sequences.items])
    history = windows(own, torch.from_numpy(phase.start), torch.from_numpy(phase.stop), network.config.window)
    with torch.inference_mode():
        scores = network.scores(history, draw=UserDraw(seed_of(0, "draw", "test"), torch.from_numpy(phase.users)))
    found: dict[str, list[int]] = {"released": [], "filtered": []}
    for row, start, stop in zip(scores, phase.start, phase.stop, strict=True):
        beaten = {item for item, score in enumerate(row.tolist()) if score > row[own[stop]]}
        found["released"].append(len(beaten))
        found["filtered"].append(len(beaten - {0, *own[start:stop].tolist()}))
    return found


@pytest.mark.parametrize(
    ("model", "stage", "steps"), [("fave", None, 1), ("fave", "pretrain", 30), ("fmrec", None, 30)]
)
def test_the_ranks_are_those_in_the_numbers_that_the_weights_were_trained_with(
    store: Store, tmp_path: Path, model: str, stage: str | None, steps: int
) -> None:
    sequences = data.load("mine")
    path = weights(tmp_path, model, sequences.num_items)
    options = ["--model", model, *(["--stage", stage] if stage else [])]
    assert evaluate.main(asked(store, path, *options)) == 0
    (record,) = store.records()
    ranks = store.ranks(record)
    expected = above(sequences, path, model, stage)
    assert {name: found.tolist() for name, found in ranks["test"].higher.items()} == expected
    assert sorted(ranks) == ["test", "validation"] and store.lists(record).shape[1] == 20
    assert record.inference and record.inference.steps == steps and record.external and record.parameters > 0
    assert record.diversity and record.diversity.ild_own
    assert record.title.startswith("FAVE, published weights" if model == "fave" else "FMRec, published weights")
    assert record.title.endswith(stage or "weights")
    assert any("numbered as in mine.csv" in note for note in record.notes)


def test_the_same_weights_are_one_record_and_a_row_of_the_table(store: Store, tmp_path: Path, capsys: Any) -> None:
    path = weights(tmp_path, "fave", data.load("mine").num_items)
    for _ in range(2):
        assert evaluate.main(asked(store, path, "--model", "fave", "--set", "model.rho_infer=0.4")) == 0
    (record,) = store.records()
    assert isinstance(record, Record) and record.config["model"]["rho_infer"] == 0.4
    assert "already recorded" in capsys.readouterr().err
    assert table.main(["--format", "md", "--results", str(store.root)]) == 0
    assert "| FAVE, published weights | external |" in capsys.readouterr().out
    assert ending(recommend.main, ["--run", record.key, "--user", "u1", "--results", str(store.root)]) == 1
    assert "is of another program, and has no model here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        ([], 2, "say with --model whose they are"),
        (["--model", "fvae"], 2, "did you mean 'fave'"),
        (["--model", "sasrec"], 2, "no public code's weights"),
        (["--model", "fave", "--stage", "pretrian"], 2, "did you mean 'pretrain'"),
        (["--model", "fave", "--ids", "original"], 2, "--ids: only with --scores"),
        (["--model", "fave", "--set", "training.batch_size=1"], 2, "trained already"),
        (["--model", "fave", "--set", "model.width=8"], 1, "has shape"),
        (["--model", "fmrec"], 1, "not a FMRec state_dict"),
        (["--model", "fave", "--title", "FAVE"], 2, "a row of that name is trained here"),
        (["--model", "fave", "--note", "a\udcff"], 2, "--note: give printable characters"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(
    store: Store, tmp_path: Path, capsys: Any, options: list[str], code: int, sentence: str
) -> None:
    path = weights(tmp_path, "fave", data.load("mine").num_items)
    assert ending(evaluate.main, asked(store, path, *options)) == code
    said = capsys.readouterr().err.splitlines()
    assert sentence in said[-1]
    assert not list(store.root.rglob("*.json"))


def test_weights_of_other_items_are_refused(store: Store, tmp_path: Path, capsys: Any) -> None:
    path = weights(tmp_path, "fave", data.load("mine").num_items + 1)
    assert ending(evaluate.main, asked(store, path, "--model", "fave")) == 1
    assert "weights of 26 items, and mine as it is here has 25" in capsys.readouterr().err
    prepare.main(["--dataset", "named", "--from", str(actions_csv(tmp_path / "named.csv"))])
    path = weights(tmp_path, "fave", 25)
    named = ["--dataset", "named", *asked(store, path, "--model", "fave")[2:]]
    assert ending(evaluate.main, named) == 1
    assert "weights number the items from 1 to 25" in capsys.readouterr().err


def test_what_belongs_to_weights_is_refused_beside_scores(tmp_path: Path, capsys: Any) -> None:
    scores = ["--dataset", "mine", "--scores", str(tmp_path / "scores.npy"), "--results", str(tmp_path)]
    assert ending(evaluate.main, [*scores, "--title", "Mine", "--model", "fave"]) == 2
    assert "--model: only with --weights" in capsys.readouterr().err
    assert ending(evaluate.main, scores) == 2
    assert "--title: say how tables are to call the row" in capsys.readouterr().err
