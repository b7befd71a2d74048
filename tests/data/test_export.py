"""What is exported is what is learned from and asked about here, and nothing is left to guess."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from data_helpers import EVENTS, events, interactions, unpacked, write_csv
from helpers import ending
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fave_bench import data, prepare
from fave_bench.data.export import export, parts
from fave_bench.data.interactions import to_sequences
from fave_bench.data.splits import leave_one_out, temporal

times = st.lists(st.integers(0, 12), min_size=3, max_size=3)
logs = st.tuples(events, times).map(
    lambda drawn: [*drawn[0], *((user, item, time) for user in range(7) for item, time in enumerate(drawn[1], 1))]
)
"""Logs in which everybody has three actions or more."""


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(log=logs)
def test_the_files_hold_every_users_sequence_by_both_ids(tmp_path: Path, log: Any) -> None:
    sequences = to_sequences(interactions(log), "toy", "a log")
    users, items, actions = (pd.read_csv(path) for path in export(sequences, leave_one_out(sequences), tmp_path))
    joined = actions.merge(users, on="user").merge(items, on="item", suffixes=("_user", "_item"))
    joined = joined.sort_values(["user", "position"])
    found = {str(user): rows.original_item.astype(str).tolist() for user, rows in joined.groupby("original_user")}
    assert found == unpacked(sequences)
    assert users.user.tolist() == [*range(sequences.num_users)]
    assert items.item.tolist() == [*range(1, sequences.num_items + 1)]
    assert actions.time.tolist() == (sequences.times.tolist() if sequences.times is not None else [])
    for _, rows in actions.groupby("user"):
        assert rows.position.tolist() == [*range(len(rows))]
        assert rows.part.tolist() == ["train"] * (len(rows) - 2) + ["validation", "test"]


@pytest.mark.parametrize("seed", range(5))
def test_parts_are_the_splits_ranges_and_targets(seed: int) -> None:
    random = np.random.default_rng(seed)
    log = [(int(user), int(item), int(time)) for user, item, time in random.integers(0, (20, 9, 50), (200, 3))]
    sequences = to_sequences(interactions(log), "toy", "a log")
    split = temporal(sequences)
    part = np.array(parts(sequences, split))
    owner = np.repeat(np.arange(sequences.num_users), np.diff(sequences.offsets))
    for user, (start, stop) in enumerate(zip(split.train_start, split.train_stop, strict=True)):
        own = np.flatnonzero((part == "train") & (owner == user))
        assert own.tolist() == [*range(start, stop)]
    for name, phase in (("validation", split.validation), ("test", split.test)):
        assert np.flatnonzero(part == name).tolist() == phase.stop.tolist()
    assert {*part} == {"train", "validation", "test", "other"}


def test_the_verb_writes_three_files_and_prints_the_card(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    csv, out = write_csv(tmp_path / "mine.csv", EVENTS), tmp_path / "out"
    assert prepare.main(["--dataset", "mine", "--from", str(csv), "--export", str(out)]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("dataset ") and str(out / "items.csv") in said.err
    assert sorted(path.name for path in out.iterdir()) == ["interactions.csv", "items.csv", "users.csv"]
    assert pd.read_csv(out / "items.csv").original.astype(str).tolist() == list(data.load("mine").item_labels)


def test_half_a_surrogate_is_written_as_an_escape(tmp_path: Path) -> None:
    actions = interactions(EVENTS)
    sequences = to_sequences(actions, "toy", "hand")
    sequences = replace(sequences, user_labels=("\ud83d", *sequences.user_labels[1:]))
    users, *_ = export(sequences, leave_one_out(sequences), tmp_path)
    assert "\\ud83d" in users.read_text()


def test_an_unknown_split_is_one_sentence_and_nothing_is_written(tmp_path: Path, capsys: Any) -> None:
    asked = ["--dataset", "demo", "--export", str(tmp_path / "out"), "--split", "temproal"]
    assert ending(prepare.main, asked) == 2
    assert "did you mean 'temporal'?" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
