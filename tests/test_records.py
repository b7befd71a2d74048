"""A record is either whole or absent, says only what its ranks give, and is never overwritten."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import add_run, make_ranks, make_record, make_run
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from fave_bench.errors import BenchError
from fave_bench.evaluation.phase_ranks import PhaseRanks, pack, unpack
from fave_bench.records import Record, Store, key_of, schema, siblings


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


def run_json(store: Store, record: Record) -> Path:
    return store.folder(record) / "run.json"


def test_what_is_written_is_what_is_read(store: Store) -> None:
    record, ranks = make_run(higher=[3, 0, 70_000], notes=["a sentence"])
    stored = store.write(record, ranks, lists=np.ones((3, 20), np.int32), weights={"w": torch.arange(3.0)})
    assert list(store.records()) == [stored]
    assert stored.model_copy(update={"files": {}}) == record
    assert store.ranks(stored)["test"].higher["released"].tolist() == [4, 1, 70_001]
    assert store.lists(stored).shape == (3, 20)
    assert store.weights(stored)["w"].tolist() == [0, 1, 2]


def test_run_json_is_sorted_and_calls_its_version_schema(store: Store) -> None:
    text = run_json(store, add_run(store)).read_text()
    content = json.loads(text)
    assert content["schema"] == 1
    assert list(content) == sorted(content)


def test_every_key_is_documented() -> None:
    models = [m for m in vars(schema).values() if isinstance(m, type) and issubclass(m, BaseModel)]
    fields = [(m.__name__, name, field) for m in models for name, field in m.model_fields.items()]
    assert len(fields) > 40
    assert [(model, name) for model, name, field in fields if not field.description] == []


def test_weights_that_share_memory_are_stored(store: Store) -> None:
    shared = torch.arange(4.0)
    stored = store.write(*make_run(), weights={"a": shared, "b": shared[:2], "c": torch.eye(2).T})
    assert store.weights(stored)["b"].tolist() == [0, 1]


def test_local_files_may_be_missing_but_ranks_may_not(store: Store) -> None:
    stored = store.write(*make_run(), weights={"w": torch.ones(1)})
    (store.folder(stored) / "weights.safetensors").unlink()
    assert list(store.records()) == [stored]
    with pytest.raises(BenchError, match="not on this machine"):
        store.weights(stored)
    (store.folder(stored) / "ranks.npz").unlink()
    assert list(store.records()) == []


def test_an_existing_run_is_kept(store: Store) -> None:
    first = add_run(store, notes=["first"])
    assert add_run(store, notes=["second"]) == first
    assert [record.notes for record in store.records()] == [["first"]]


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda folder: truncate(folder / "run.json"), "run.json"),
        (lambda folder: (folder / "run.json").write_text("[]"), "schema None"),
        (lambda folder: edit(folder / "run.json", schema=2), "schema 2, and this program reads 1"),
        (lambda folder: edit(folder / "run.json", surprise=1), "surprise: Extra inputs"),
        (lambda folder: edit(folder / "run.json", parameters=-1), "parameters: Input should be greater"),
        (lambda folder: edit(folder / "run.json", model="other"), "it lies in toy/sasrec"),
        (lambda folder: edit(folder / "run.json", seed=5), "contents call for key"),
        (lambda folder: (folder / "run.json").write_bytes(b"\xff"), "can't decode"),
        (lambda folder: truncate(folder / "ranks.npz"), "does not match the checksum"),
        (lambda folder: (folder / "ranks.npz").unlink(), "ranks.npz: No such file"),
    ],
)
def test_damage_is_named_and_skipped(store: Store, capsys: Any, damage: Any, reason: str) -> None:
    spoiled, sound = add_run(store), add_run(store, seed=1)
    damage(store.folder(spoiled))
    assert list(store.records()) == [sound]
    warning = capsys.readouterr().err
    assert "warning: skipped a damaged record" in warning and spoiled.key in warning and reason in warning
    assert warning.count("\n") == 1


def test_a_damaged_run_is_replaced(store: Store) -> None:
    spoiled = add_run(store)
    truncate(store.folder(spoiled) / "ranks.npz")
    assert list(store.records()) == []
    repaired = add_run(store)
    assert list(store.records()) == [repaired]


def test_a_run_without_run_json_does_not_exist(store: Store) -> None:
    folder = store.folder(make_record())
    folder.mkdir(parents=True)
    siblings.save_ranks(folder, {"test": make_ranks([0])})
    (store.root / ".work" / "a" / "b").mkdir(parents=True)
    (store.root / ".work" / "a" / "b" / "run.json").write_text("{}")
    assert list(store.records()) == []
    assert list(Store(store.root / "nowhere").records()) == []


def full_disk(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def write_all(store: Store) -> Record:
    return store.write(*make_run(), lists=np.ones((5, 20), np.int32), weights={"w": torch.ones(9)})


@pytest.mark.parametrize("fits", range(4))
def test_a_full_disk_leaves_nothing_behind(store: Store, monkeypatch: pytest.MonkeyPatch, fits: int) -> None:
    earlier = add_run(store, seed=1)
    before = sorted(store.root.rglob("*"))
    outcomes = iter([os.fsync] * fits)  # so many files reach the disk, the next does not
    monkeypatch.setattr(os, "fsync", lambda descriptor: next(outcomes, full_disk)(descriptor))
    with pytest.raises(BenchError, match="no space left to record"):
        write_all(store)
    assert sorted(store.root.rglob("*")) == before
    assert list(store.records()) == [earlier]


def test_a_disk_full_while_compressing_leaves_nothing_behind(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "savez_compressed", full_disk)
    with pytest.raises(BenchError, match="no space left to record"):
        write_all(store)
    assert [path for path in store.root.rglob("*") if path.is_file()] == []


def test_find_takes_a_prefix_that_is_unique(store: Store) -> None:
    records = [add_run(store, seed=seed) for seed in range(3)]
    assert store.find(records[0].key) == records[0]
    assert store.find(records[1].key[:10]) == records[1]
    for missing in ("zzz", ""):
        with pytest.raises(BenchError, match=f"no run '{missing}'"):
            store.find(missing)


def test_find_refuses_to_guess(store: Store) -> None:
    keys = [add_run(store, seed=seed).key for seed in range(17)]  # 17 keys, 16 first digits
    first = next(key[0] for key in keys if sum(other[0] == key[0] for other in keys) > 1)
    with pytest.raises(BenchError, match="could be any of"):
        store.find(first)


INPUTS: dict[str, Any] = {
    "config": {"model": {"a": 1, "b": 0.5}},
    "fingerprint": "f" * 64,
    "protocol_versions": {"filtered": 1, "released": 1},
    "seed": 0,
    "model": "m",
    "setting": "released",
    "variant": "",
    "model_version": 1,
    "split": "leave-one-out",
}


@pytest.mark.parametrize(
    "change",
    [
        {"config": {"model": {"a": 1, "b": 0.25}}},
        {"fingerprint": "e" * 64},
        {"protocol_versions": {"filtered": 2, "released": 1}},
        {"seed": 1},
        {"model": "n"},
        {"setting": "paper"},
        {"variant": "w/o prior"},
        {"model_version": 2},
        {"split": "temporal"},
    ],
)
def test_any_changed_input_is_a_new_key(change: dict[str, Any]) -> None:
    assert key_of(**INPUTS) != key_of(**(INPUTS | change))


def test_the_order_of_keys_does_not_matter() -> None:
    turned = {"config": {"model": {"b": 0.5, "a": 1}}, "protocol_versions": {"released": 1, "filtered": 1}}
    assert key_of(**INPUTS) == key_of(**(INPUTS | turned))


def test_a_config_that_json_cannot_hold_is_refused() -> None:
    with pytest.raises(BenchError, match="cannot be written as JSON"):
        key_of(**(INPUTS | {"config": {"rate": float("nan")}}))


@pytest.mark.parametrize("name", ["..", "../up", "a/b", "a\\b", ".hidden", "", "a\0b", "x" * 101, "new\nline"])
def test_names_that_are_not_one_folder_are_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        make_record(model=name)
    with pytest.raises(ValidationError):
        make_record(dataset=name)


def test_metrics_that_the_ranks_do_not_give_are_refused(store: Store) -> None:
    record, _ = make_run()
    _, others = make_run(higher=[0, 0, 0, 0, 0])
    with pytest.raises(BenchError, match="is not what the stored ranks give"):
        store.write(record, others)
    assert not store.root.exists()


def test_a_key_that_is_not_the_contents_own_is_refused(store: Store) -> None:
    record, ranks = make_run()
    with pytest.raises(BenchError, match="the record calls for"):
        store.write(record.model_copy(update={"key": "0" * 12}), ranks)


def test_a_metric_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValidationError):
        make_record(metrics={"filtered": {"test": {"H@10": float("nan")}}})


@given(st.lists(st.integers(0, 2**31 - 1), max_size=20))
def test_ranks_of_any_size_survive_storage(higher: list[int]) -> None:
    ranks = make_ranks(higher, seen=0)
    assert unpack(pack({"test": ranks}))["test"].higher["released"].tolist() == higher


def test_a_ranks_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "ranks.npz", whatever=np.ones(3))
    with pytest.raises(BenchError, match="holds no ranks"):
        siblings.load_ranks(tmp_path)


def test_ranks_of_beauty_stay_well_under_200_kilobytes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)

    def phase() -> PhaseRanks:  # the worst case: ranks spread evenly, which no compression can help
        filtered = rng.integers(0, 12_101, 22_363).astype(np.int32)
        found = make_ranks(filtered.tolist())
        found.higher["released"] = filtered + rng.binomial(9, 0.5, 22_363).astype(np.int32)
        return found

    siblings.save_ranks(tmp_path, {"validation": phase(), "test": phase()})
    assert (tmp_path / "ranks.npz").stat().st_size < 125_000
