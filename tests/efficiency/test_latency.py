"""The verb `measure --what latency`, end to end on generated data."""

import json
from pathlib import Path

import pytest
import torch

from fave_bench.efficiency import latency, optimised, timing
from fave_bench.errors import BenchError, UsageError
from fave_bench.measure import main

ARGUMENTS = ["--what", "latency", "--datasets", "markov", "--device", "cpu", "--seconds", "0.01", "--json"]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few calls, and nothing compiled."""
    monkeypatch.setattr(timing, "CALLS", 4)
    monkeypatch.setattr(timing, "WARM_UP", 1)
    monkeypatch.setattr(optimised, "compiler_missing", lambda: True)


def test_rows_of_the_verb(quick: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = ["--models", "fmrec", "sasrec", "popularity", "--settings", "released", "reference"]
    sizes = ["--batch-sizes", "3", "--results", str(tmp_path)]
    assert main([*ARGUMENTS, *models, *sizes]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    (kept,) = (tmp_path / "measured" / "latency").iterdir()
    assert json.loads(kept.read_text())["rows"] == rows

    def kinds(model: str) -> set[tuple[str, int | None, int]]:
        return {(row["execution"], row["steps"], row["batch_size"]) for row in rows if row["model"] == model}

    executions = ("released", "eager", "optimised")
    assert kinds("fmrec") == {(e, steps, 3) for e in executions for steps in (30, 1)}
    assert kinds("sasrec") == {(e, None, 3) for e in executions[1:]}
    for row in rows:
        assert row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"]
        assert row["calls"] == len(row["raw_ms"]) >= 4 and min(row["raw_ms"]) > 0
        assert row["test_seconds"] is None  # 512 users a call were not asked for
    parts = {row["model"]: list(row["parts_ms"]) for row in rows if row["execution"] == "eager"}
    assert parts == {
        "fmrec": ["encode", "sampler", "score", "top-k"], "sasrec": ["encode", "score", "top-k"],
        "popularity": ["score", "top-k"],
    }  # fmt: skip


def test_the_test_set_is_timed_at_its_batch_size_unless_left_out(
    quick: None, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latency, "TILE_ROWS", 2)
    for options in ([], ["--no-test-set"]):
        assert (
            main([*ARGUMENTS, "--models", "popularity", "--batch-sizes", "2", "--results", str(tmp_path), *options])
            == 0
        )
        seconds = [row["test_seconds"] for row in json.loads(capsys.readouterr().out)["rows"]]
        assert all((value is None) == bool(options) for value in seconds)


@pytest.mark.parametrize("size", ["0", "-3", "99999999999999999999999"])
def test_a_batch_has_users(size: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"--batch-sizes {size}: give numbers of users from 1 to 1,000,000"):
        main([*ARGUMENTS, "--batch-sizes", "4", size, "--results", str(tmp_path)])


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a CUDA device")
def test_a_missing_device_is_one_sentence() -> None:
    with pytest.raises(BenchError, match="this machine has 0 CUDA devices; use --device cpu"):
        main(["--what", "latency", "--device", "cuda"])


def test_a_batch_too_large_is_one_sentence_and_no_record(
    quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(latency.Serving, "best", full)
    with pytest.raises(BenchError, match=r"sasrec on markov: a batch of 9 users does not fit the memory of cpu"):
        main([*ARGUMENTS, "--models", "sasrec", "--batch-sizes", "9", "--results", str(tmp_path)])
    assert not (tmp_path / "measured").exists()


def test_only_the_executions_asked_for(quick: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--models", "sasrec", "--batch-sizes", "1", "--results", str(tmp_path), "--executions", "eager"]
    assert main([*ARGUMENTS, *options]) == 0
    assert {row["execution"] for row in json.loads(capsys.readouterr().out)["rows"]} == {"eager"}


def test_further_numbers_of_steps_are_timed_where_the_sampler_can_take_them(
    quick: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--models", "diffurec", "sasrec", "--batch-sizes", "1", "--results", str(tmp_path), "--steps", "2", "99"]
    assert main([*ARGUMENTS, *options, "--settings", "released", "--executions", "eager"]) == 0
    printed = capsys.readouterr()
    rows = json.loads(printed.out)["rows"]
    assert {(row["model"], row["steps"]) for row in rows} == {
        ("diffurec", 32), ("diffurec", 1), ("diffurec", 2), ("sasrec", None),
    }  # fmt: skip
    assert "diffurec on markov: a diffusion of 32 steps cannot be sampled in 99" in printed.err
    with pytest.raises(UsageError, match="--steps 0: give numbers of sampler steps from 1"):
        main([*ARGUMENTS, "--steps", "0"])
