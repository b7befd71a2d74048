"""Whatever lies where a checkpoint should, a run goes on from it or says in one sentence that it cannot."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hostile import answers, hostile, many
from hypothesis import given
from hypothesis import strategies as st

from baselines.sasrec import SASRec
from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import leave_one_out
from fave_bench.training import checkpoint
from fave_bench.training.config import Stage, Training
from fave_bench.training.ends import StageEnds
from fave_bench.training.loop import Stopped, Trainer
from fave_bench.training.samples import Samples

CPU = torch.device("cpu")
TRAINING = Training(batch_size=8, stages={"first": Stage(epochs=1), "second": Stage(epochs=1)})
KEYS = {"first": "f" * 12}


class Harm:
    """Runs a command when it is unpickled in the usual way."""

    def __reduce__(self) -> Any:
        return os.system, ("touch ran",)


def trainer(folder: Path, interrupted: Callable[[], bool] = lambda: False) -> Trainer:
    torch.manual_seed(0)
    sequences = Sequences("toy", np.arange(0, 44, 4), np.tile(np.arange(1, 9, dtype=np.int32), 5))
    split = leave_one_out(sequences)
    model = SASRec(SASRec.Config(window=4, d=4, loss="bce"), sequences.num_items)
    model.fit(sequences, split)
    look = {"filtered": {"N@20": 0.5}, "released": dict.fromkeys(("H@10", "N@10", "H@20", "N@20"), 0.5)}
    return Trainer(
        model, Samples(sequences, split, "sequence", 4, CPU), TRAINING, lambda _: look, seed=3,
        checkpoint_path=folder / "checkpoint.pt", interrupted=interrupted, ends=StageEnds(folder, KEYS, "run"),
    )  # fmt: skip


@pytest.fixture
def left_behind(tmp_path: Path) -> dict[str, bytes]:
    """A run's checkpoint, from the middle of its first stage, and the end of that stage."""
    with pytest.raises(Stopped):
        trainer(tmp_path, interrupted=lambda: True).run()
    content = {"checkpoint.pt": (tmp_path / "checkpoint.pt").read_bytes()}
    trainer(tmp_path).run()
    return content | {f"{KEYS['first']}.pt": (tmp_path / f"{KEYS['first']}.pt").read_bytes()}


def alone(folder: Path, name: str, content: bytes) -> None:
    for path in folder.glob("*.pt"):
        path.unlink()
    (folder / name).write_bytes(content)


@many
@given(data=st.data())
def test_a_spoilt_checkpoint_is_read_or_one_sentence(left_behind: dict[str, bytes], tmp_path: Path, data: Any) -> None:
    content = data.draw(hostile(left_behind["checkpoint.pt"], text=False))
    alone(tmp_path, "checkpoint.pt", content)
    answers(lambda: checkpoint.load(tmp_path / "checkpoint.pt"))


OTHERS: list[Callable[[Any], Any]] = [
    lambda state: state.clear() or state.update(x=1),
    lambda state: state["outcome"].update(unknown=1),
    *[lambda state, key=key: state.pop(key, None) for key in ("outcome", "stage", "epoch", "best", "optimizer")],
    lambda state: state.update(stage="third"),
    lambda state: state.update(outcome=3),
    lambda state: state["model"].popitem(),
    lambda state: state["best"].update(dict.fromkeys(state["best"], torch.ones(2, 2, 2))),
    lambda state: state["optimizer"]["param_groups"].clear(),
    lambda state: state["stopping"].update(patience=2),
    lambda state: state.update(epoch="now"),
]
"""Ways in which a whole checkpoint can be that of another program or run."""


@pytest.mark.parametrize("change", OTHERS)
def test_a_whole_checkpoint_of_something_else_is_one_sentence(
    left_behind: dict[str, bytes], tmp_path: Path, change: Callable[[Any], Any]
) -> None:
    state = torch.load(io.BytesIO(left_behind["checkpoint.pt"]), weights_only=True)
    change(state)
    alone(tmp_path, "checkpoint.pt", b"")
    checkpoint.save(tmp_path / "checkpoint.pt", state)
    assert not answers(trainer(tmp_path).run)


def test_the_end_of_a_stage_of_something_else_is_one_sentence(left_behind: dict[str, bytes], tmp_path: Path) -> None:
    name = f"{KEYS['first']}.pt"
    for key in ("run", "weights", "outcome"):
        state = torch.load(io.BytesIO(left_behind[name]), weights_only=True)
        del state[key]
        alone(tmp_path, name, b"")
        checkpoint.save(tmp_path / name, state)
        assert not answers(trainer(tmp_path).run)


@pytest.mark.parametrize("protocol", [2, 5])
def test_a_checkpoint_with_an_order_in_it_is_refused_and_nothing_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: int
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "checkpoint.pt"
    torch.save({"model": Harm()}, path, pickle_protocol=protocol)
    torch.load(path, weights_only=False)
    assert Path("ran").exists(), "the attack works on the usual reader"
    Path("ran").unlink()
    assert not answers(lambda: checkpoint.load(path))
    assert not Path("ran").exists()
