"""Whatever a cluster does, in whatever order: the records of this machine alone, each made and written once."""

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import torch
from clusters import FAMILY, FakeCluster, contents, small_run, world_at
from hypothesis import given, settings
from hypothesis import strategies as st

from fave_bench.engines import dispatch
from fave_bench.engines.acceptance import accept
from fave_bench.engines.desk import Said
from fave_bench.engines.dispatch import RETRIES, Dispatch
from fave_bench.engines.local import Local
from fave_bench.errors import BenchError
from fave_bench.interruption import Interruption
from fave_bench.records import Record, Store
from fave_bench.runner import Run
from fave_bench.training import progress
from fave_bench.training.checkpoint import load
from fave_bench.training.loop import Stopped


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with world_at(tmp_path_factory.mktemp("world")) as folder:
        yield folder


@pytest.fixture(scope="module")
def alone(world: Path) -> dict:
    """What the local engine makes of the same runs."""
    store, engine = Store(world / "alone"), Local("cpu")
    runs = [small_run("popularity", engine.device), *(small_run("fave", engine.device, overrides=c) for c in FAMILY)]
    assert len(list(engine.outcomes(runs, store, Interruption(), share_stages=True))) == len(runs)
    return contents(store)


@pytest.fixture(scope="module")
def memory() -> dict:
    return {}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "SHOW_EVERY", 0.0)


def runs() -> list[Run]:
    return [small_run("popularity"), *(small_run("fave", overrides=change) for change in FAMILY)]


def dispatched(cluster: FakeCluster, store: Store, interruption: Interruption | None = None) -> dict:
    found = Dispatch(runs(), store, cluster, interruption or Interruption(), share_stages=True)
    return {run.key: outcome for run, outcome in found.outcomes()}


def leftovers(store: Store) -> list[Path]:
    """Files that are no end of a stage, which later runs may share."""
    return [path for path in (store.root / ".work").rglob("*") if path.is_file() and path.suffix != ".pt"]


@settings(max_examples=8)
@given(data=st.data())
def test_in_any_order_and_with_any_losses_the_records_are_those_of_this_machine(
    world, alone, memory, tmp_path_factory, data
):
    store, losses = Store(tmp_path_factory.mktemp("results")), Counter[str]()

    def lost(run: str) -> bool:
        now = losses[run] < RETRIES and data.draw(st.booleans())
        losses[run] += now
        return now

    cluster = FakeCluster(lambda queue: data.draw(st.sampled_from(queue)), lost, memory)
    outcomes = dispatched(cluster, store)
    assert all(isinstance(outcome, Record) for outcome in outcomes.values())
    assert contents(store) == alone
    assert [what for what, _ in cluster.log].count("pretrain") == 1, "one end came back, so nobody else trained it"
    assert leftovers(store) == []


def test_who_waits_for_a_stage_is_not_submitted_before_its_end_is_back_and_others_are(world, memory, tmp_path):
    popularity, *faves = [run.key for run in runs()]
    cluster = FakeCluster(max if max(popularity, faves[0]) == popularity else min, memory=memory)  # popularity first
    dispatched(cluster, Store(tmp_path))
    assert cluster.log == [
        ("submitted", popularity), ("submitted", faves[0]), ("pretrain", faves[0]),
        *(("submitted", key) for key in faves[1:]),
    ]  # fmt: skip


def test_a_run_that_is_lost_each_time_fails_and_the_others_do_not(world, alone, memory, tmp_path, capsys):
    bad = runs()[0].key
    outcomes = dispatched(FakeCluster(lost=lambda run: run == bad, memory=memory), Store(tmp_path))
    assert f"given up after {RETRIES + 1} attempts" in str(outcomes[bad])
    assert contents(Store(tmp_path)) == {key: content for key, content in alone.items() if key != bad}
    said = capsys.readouterr().err
    assert said.count("lost (pulled the plug)") == RETRIES
    assert "0 running, 0 queued, 3 done, 1 failed; nodes: 1" in said


def test_a_run_that_fails_says_why_and_the_others_do_not_mind(world, alone, memory, tmp_path):
    broken = small_run("sasrec", overrides={"training.stages.train.learning_rate": 1e30})
    dispatch = Dispatch(
        [broken, *runs()], Store(tmp_path), FakeCluster(memory=memory), Interruption(), share_stages=True
    )
    outcomes = {run.key: outcome for run, outcome in dispatch.outcomes()}
    assert "not finite" in str(outcomes[broken.key])
    assert contents(Store(tmp_path)) == alone


def test_what_another_process_is_at_is_left_to_it_until_it_lets_go(world, alone, memory, tmp_path, capsys):
    store, theirs = Store(tmp_path), runs()[0]
    held = ExitStack()
    held.enter_context(theirs.alone(store))

    class LettingGo(FakeCluster):
        def events(self, seconds):
            if not self.queue:
                held.close()
            return super().events(seconds)

    assert list(dispatched(LettingGo(memory=memory), store))[-1] == theirs.key
    assert contents(store) == alone
    assert capsys.readouterr().err.count("another process is at this run") == 1


def test_a_record_that_another_process_has_made_meanwhile_is_the_outcome(world, alone, tmp_path):
    store, cluster = Store(tmp_path), FakeCluster()
    run = small_run("popularity", torch.device("cpu"))
    record = run.execute(store)
    assert dict(Dispatch([run], store, cluster, Interruption(), share_stages=False).outcomes()) == {run: record}
    assert cluster.log == []


def test_a_stopped_run_goes_on_here_from_where_it_was_there_to_the_same_bits(world, alone, tmp_path):
    store, interruption, cluster = Store(tmp_path), Interruption(), FakeCluster()

    def stopping() -> bool:  # asked after the first step
        interruption.signal = signal.SIGINT
        cluster.stop()
        return True

    cluster.stopping = stopping
    faves = runs()[1:]
    assert not list(Dispatch(faves, store, cluster, interruption, share_stages=True).outcomes())
    (checkpoint,) = (store.root / ".work").rglob("checkpoint.pt")
    assert load(checkpoint)["step"] == 1 and leftovers(store) == []
    local = Local("cpu")
    again = [Run(run.spec, local.device) for run in runs()]
    list(local.outcomes(again, store, Interruption(), share_stages=True))
    assert contents(store) == alone


def test_a_checkpoint_left_here_is_gone_on_from_there(world, alone, tmp_path):
    store, steps = Store(tmp_path), iter([False, True])
    run = small_run("fave", torch.device("cpu"))
    with pytest.raises(Stopped):
        run.execute(store, interrupted=lambda: next(steps), share_stages=True)
    cluster = FakeCluster()
    dispatched(cluster, store)
    assert contents(store) == alone


@pytest.mark.parametrize("damage", ["other run", "bit", "missing"])
def test_what_is_not_the_whole_record_of_the_run_is_refused_and_nothing_is_written(world, tmp_path, damage):
    away, store = Store(tmp_path / "away"), Store(tmp_path / "results")
    run, other = (small_run("popularity", torch.device("cpu"), seed=seed) for seed in (0, 1))
    record = run.execute(away)
    files = {path.name: path.read_bytes() for path in away.folder(record).iterdir()}
    if damage == "bit":
        files["ranks.npz"] = files["ranks.npz"][:-1] + bytes([files["ranks.npz"][-1] ^ 1])
    elif damage == "missing":
        del files["top20.npz"]
    expecting = other if damage == "other run" else run
    with expecting.alone(store), pytest.raises(BenchError):
        accept(expecting, store, files)
    assert list(store.records()) == [] and not list(tmp_path.glob("results/mine/**/*"))
    with run.alone(store):
        pristine = {path.name: path.read_bytes() for path in away.folder(record).iterdir()}
        assert accept(run, store, pristine).files == record.files


def test_what_cannot_be_sent_fails_alone_and_lets_go_of_its_locks(world, tmp_path, monkeypatch):
    broken = small_run("markov")

    def refuse(run):
        raise BenchError("no genres to read")

    monkeypatch.setattr(Run, "given", property(refuse))
    store, cluster = Store(tmp_path), FakeCluster()
    outcomes = dict(Dispatch([broken], store, cluster, Interruption(), share_stages=False).outcomes())
    assert "no genres" in str(outcomes[broken]) and leftovers(store) == []


def test_what_a_run_says_of_its_training_is_shown_with_its_name(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY", 0.0)
    dispatched(FakeCluster(), Store(tmp_path))
    said = capsys.readouterr().err
    for run in runs()[1:]:
        assert f"{run}: FAVE finetune: " in said


def test_late_word_of_a_task_that_was_given_up_is_ignored(world: Path, tmp_path: Path) -> None:
    class Ghostly(FakeCluster):
        def events(self, seconds: float) -> list[Any]:
            return [*super().events(seconds), *(Said(run, "boo") for _, run in self.log)]

    outcomes = dispatched(Ghostly(), Store(tmp_path))
    assert len(outcomes) == len(runs()) and all(isinstance(found, Record) for found in outcomes.values())
