"""Whatever lies where a checkpoint should, a run goes on from it or says in one sentence that it cannot."""

import os
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hostile import answers, hostile, many
from hypothesis import given
from hypothesis import strategies as st
from processes import CONTEXT, start

from baselines.sasrec import SASRec
from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import leave_one_out
from fave_bench.errors import BenchError
from fave_bench.training import checkpoint
from fave_bench.training.config import Stage, Training
from fave_bench.training.ends import StageEnds
from fave_bench.training.loop import Stopped, Trainer
from fave_bench.training.samples import Samples

CPU = torch.device("cpu")
TRAINING = Training(batch_size=8, stages={"first": Stage(epochs=1), "second": Stage(epochs=1)})
KEYS = {"first": "f" * 12}
FILES = (CHECKPOINT := "checkpoint.pt", f"{KEYS['first']}.pt")


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
        checkpoint_path=folder / CHECKPOINT, interrupted=interrupted, ends=StageEnds(folder, KEYS, "run"),
    )  # fmt: skip


@pytest.fixture
def left_behind(tmp_path: Path) -> Path:
    """A folder with a run's checkpoint, from the middle of its first stage, and the end of that stage."""
    folder = tmp_path / "left"
    trainer(folder).run()
    with pytest.raises(Stopped):
        trainer(folder / "stopped", interrupted=lambda: True).run()
    return (folder / "stopped" / CHECKPOINT).rename(folder / CHECKPOINT).parent


def alone(folder: Path, name: str, content: bytes) -> None:
    for path in folder.glob("*.pt"):
        path.unlink()
    (folder / name).write_bytes(content)


def loaded(path: Path) -> Any:
    return torch.load(path, weights_only=True)


def equal(a: Any, b: Any) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


@many
@given(data=st.data())
def test_a_spoilt_checkpoint_is_what_was_saved_or_one_sentence(left_behind: Path, tmp_path: Path, data: Any) -> None:
    name = data.draw(st.sampled_from(FILES))
    alone(tmp_path, name, data.draw(hostile((left_behind / name).read_bytes(), text=False)))
    if answers(lambda: checkpoint.load(tmp_path / name)):
        assert equal(checkpoint.load(tmp_path / name), loaded(left_behind / name))


def test_no_bit_of_a_tensor_can_change_unseen(left_behind: Path, tmp_path: Path) -> None:
    content = (left_behind / CHECKPOINT).read_bytes()
    weights = loaded(left_behind / CHECKPOINT)["best"]["items.weight"].numpy().tobytes()
    for place in range(content.index(weights), content.index(weights) + len(weights), 7):
        alone(tmp_path, CHECKPOINT, content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(BenchError, match="not a readable checkpoint"):
            checkpoint.load(tmp_path / CHECKPOINT)


def go_on(folder: Path, asked: Connection) -> None:
    """Every time it is asked, a run goes on from what lies in `folder`, and how that ends is told."""
    torch.set_num_threads(1)
    while True:
        asked.recv()
        try:
            trainer(folder).run()
            asked.send("")
        except BenchError as error:
            asked.send(str(error))
        except Exception as error:
            asked.send(error)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Callable[[], str]]:
    """`go_on` in a process of its own, so that one whose native code dies is seen, and cases after it are tried."""
    started: list[tuple[Any, Connection]] = []

    def ask() -> str:
        if not started:
            ours, theirs = CONTEXT.Pipe()
            started.append((start(go_on, tmp_path, theirs), ours))
            theirs.close()
        process, pipe = started[0]
        pipe.send(None)
        try:
            answer = pipe.recv()
        except EOFError:
            started.clear()
            process.join()
            raise AssertionError(f"the process died with {process.exitcode}") from None
        if isinstance(answer, Exception):
            raise AssertionError("no sentence") from answer
        return str(answer)

    yield ask
    for process, _ in started:
        process.kill()


DTYPES = (torch.float64, torch.bfloat16, torch.complex64, torch.int64, torch.uint8, torch.bool)


@st.composite
def others(draw: st.DrawFn, value: Any) -> Any:
    """Something else in the place of `value`; in a tensor's, most often a tensor of another form."""
    plain = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "x", [], {}, torch.ones(2)])
    if not isinstance(value, torch.Tensor) or draw(st.integers(0, 3)) == 0:
        return draw(plain)
    forms: dict[str, Callable[[], torch.Tensor]] = {
        "another type": lambda: value.to(draw(st.sampled_from(DTYPES))),
        "another shape": lambda: torch.zeros(
            draw(st.sampled_from([(), (0,), (1,), (*value.shape, 3), value.shape[1:]]))
        ),
        "one number for all": lambda: torch.zeros(()).expand(value.shape),
        "much of nothing": lambda: torch.zeros(()).expand(1 << 20, 1 << 20),
        "no number": lambda: value * float("nan"),
        "other numbers": lambda: value + draw(st.floats(width=32)),
        "no storage": lambda: value.to("meta"),
        "sparse": lambda: value.to_sparse() if value.ndim else value,
        "turned": lambda: value.clone().T.contiguous().T if value.ndim == 2 else value,
    }
    return forms[draw(st.sampled_from(sorted(forms)))]()


def places(state: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of a state, with each of its keys."""
    for key, value in list(state.items() if isinstance(state, dict) else enumerate(state)):
        yield state, key
        if isinstance(value, dict | list):
            yield from places(value)


def put_back(holder: Any, key: Any, value: Any) -> None:
    if isinstance(holder, dict):
        holder[key] = value
    else:
        holder.insert(key, value)


@pytest.mark.parametrize("name", FILES)
@many
@given(data=st.data())
def test_whatever_a_whole_checkpoint_holds_a_run_goes_on_or_says_one_sentence(
    left_behind: Path, elsewhere: Callable[[], str], tmp_path: Path, name: str, data: Any
) -> None:
    state = loaded(left_behind / name)
    for _ in range(data.draw(st.integers(1, 2))):
        found = list(places(state))
        holder, key = found[data.draw(st.integers(0, len(found) - 1))]
        taken = holder.pop(key)
        if data.draw(st.integers(0, 5)):
            put_back(holder, key, data.draw(others(taken)))
    alone(tmp_path, name, b"")
    torch.save(state, tmp_path / name)
    sentence = elsewhere()
    assert sentence.isprintable(), sentence
    assert not sentence or "delete it to start the run anew" in sentence or "non-finite" in sentence, sentence


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
    left_behind: Path, tmp_path: Path, change: Callable[[Any], Any]
) -> None:
    state = loaded(left_behind / CHECKPOINT)
    change(state)
    alone(tmp_path, CHECKPOINT, b"")
    checkpoint.save(tmp_path / CHECKPOINT, state)
    assert not answers(trainer(tmp_path).run)


def test_the_end_of_a_stage_of_something_else_is_one_sentence(left_behind: Path, tmp_path: Path) -> None:
    name = FILES[1]
    for key in ("run", "weights", "outcome"):
        state = loaded(left_behind / name)
        del state[key]
        alone(tmp_path, name, b"")
        checkpoint.save(tmp_path / name, state)
        assert not answers(trainer(tmp_path).run)


@pytest.mark.parametrize("protocol", [2, 5])
def test_a_checkpoint_with_an_order_in_it_is_refused_and_nothing_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: int
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / CHECKPOINT
    torch.save({"model": Harm()}, path, pickle_protocol=protocol)
    torch.load(path, weights_only=False)
    assert Path("ran").exists(), "the attack works on the usual reader"
    Path("ran").unlink()
    assert not answers(lambda: checkpoint.load(path))
    assert not Path("ran").exists()
