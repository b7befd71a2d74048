"""The verb evaluate on weights that a model's authors offer: fetched with their data, verified, ranked, recorded."""

import functools
import hashlib
import pickle
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import ending
from released_helpers import random_state

from fave_bench import evaluate, presets
from fave_bench.records import Store

ITEMS, USERS = 25, 30


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What the authors offer: weights of two stages and a dataset.pkl, and the preset that says where."""
    folder, preset = tmp_path / "site", tmp_path / "presets" / "mine" / "fave.toml"
    folder.mkdir()
    preset.parent.mkdir(parents=True)
    rng = np.random.default_rng(3)
    torch.manual_seed(3)
    histories = {user: rng.permutation(ITEMS)[:8] + 1 for user in range(1, USERS + 1)}
    parts = {"train": slice(0, 6), "val": slice(6, 7), "test": slice(7, 8)}
    content: dict[str, Any] = {
        part: {user: items[where].tolist() for user, items in histories.items()} for part, where in parts.items()
    }
    content["smap"] = {item: item for item in range(1, ITEMS + 1)}
    (folder / "dataset.pkl").write_bytes(pickle.dumps(content))
    for stage in ("pretrain", "finetune"):
        torch.save(random_state("fave", ITEMS + 1), folder / f"{stage}.pt")
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as server:
        tables = {"data": "dataset.pkl", "weights.pretrain": "pretrain.pt", "weights.finetune": "finetune.pt"}
        usual = (presets.FOLDER / "ml-100k" / "fave.toml").read_text()
        preset.write_text(
            usual[: usual.index("[published")]
            + "".join(
                f'[published.{table}]\nurl = "http://127.0.0.1:{server.server_port}/{file}"\nfile = "{file}"\n'
                f'sha256 = "{hashlib.sha256((folder / file).read_bytes()).hexdigest()}"\n'
                for table, file in tables.items()
            )
        )
        monkeypatch.setattr(presets, "FOLDER", preset.parent.parent)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield folder
        server.shutdown()
        thread.join()


def asked(tmp_path: Path, *options: str) -> list[str]:
    where = ["--results", str(tmp_path / "results"), "--device", "cpu"]
    return ["--dataset", "mine", "--model", "fave", "--published", *where, *options]


def test_they_rank_as_the_same_files_do_that_the_user_brings(site: Path, tmp_path: Path) -> None:
    assert evaluate.main(asked(tmp_path)) == 0
    (record,) = Store(tmp_path / "results").records()
    assert record.dataset.source.startswith("dataset.pkl") and record.dataset.items == ITEMS
    assert any("weights from http://127.0.0.1" in note and "/finetune.pt" in note for note in record.notes)

    files = ["--from", str(site / "dataset.pkl"), "--weights", str(site / "finetune.pt"), "--model", "fave"]
    by_hand = ["--dataset", "mine", *files, "--results", str(tmp_path / "again"), "--device", "cpu"]
    assert evaluate.main(by_hand) == 0
    (again,) = Store(tmp_path / "again").records()
    assert again.key == record.key and again.metrics == record.metrics

    (site / "finetune.pt").unlink()
    (site / "dataset.pkl").unlink()
    assert evaluate.main(asked(tmp_path, "--results", str(tmp_path / "cached"))) == 0, "both lie in the cache"


def test_another_stage_is_another_row(site: Path, tmp_path: Path) -> None:
    assert evaluate.main(asked(tmp_path)) == evaluate.main(asked(tmp_path, "--stage", "pretrain")) == 0
    found = {record.title: record.inference for record in Store(tmp_path / "results").records()}
    steps = {title: inference.steps for title, inference in found.items() if inference}
    assert steps == {"FAVE, published weights": 1, "FAVE, published weights, pretrain": 30}


def test_data_of_the_users_own_are_taken_instead(site: Path, tmp_path: Path) -> None:
    own = (site / "dataset.pkl").rename(tmp_path / "own.pkl")
    assert evaluate.main(asked(tmp_path, "--from", str(own))) == 0
    (record,) = Store(tmp_path / "results").records()
    assert record.dataset.source.startswith("own.pkl")


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (["--stage", "pretrian"], 2, "unknown stage of fave 'pretrian'; did you mean 'pretrain'"),
        (["--model", "gru4rec"], 2, "no weights of GRU4Rec's authors are known for 'mine'"),
        (["--dataset", "other"], 2, "no weights of FAVE's authors are known for 'other'"),
        (["--ids", "original"], 2, "--ids: only with --scores"),
    ],
)
def test_what_is_not_offered_is_one_sentence(
    site: Path, tmp_path: Path, capsys: Any, options: list[str], code: int, sentence: str
) -> None:
    assert ending(evaluate.main, asked(tmp_path, *options)) == code
    assert sentence in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.glob("results/**/*.json"))


def test_a_file_that_is_another_one_or_gone_is_one_sentence(site: Path, tmp_path: Path, capsys: Any) -> None:
    (site / "finetune.pt").write_bytes((site / "pretrain.pt").read_bytes())
    assert ending(evaluate.main, asked(tmp_path)) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert "finetune.pt: checksum mismatch" in said and "give it with --weights" in said
    (site / "dataset.pkl").unlink()
    assert ending(evaluate.main, asked(tmp_path, "--stage", "pretrain")) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert "dataset.pkl cannot be fetched" in said and "give it with --from" in said
