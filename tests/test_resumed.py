"""Stopped anywhere and started again, as often as it takes, a run ends on the same bits."""

from itertools import count
from pathlib import Path

import pytest
import torch
from nightly import NIGHTLY, grows
from processes import small_world

from fave_bench.models import registry
from fave_bench.records import Record, Store
from fave_bench.runner import Run
from fave_bench.spec import Spec
from fave_bench.training.loop import Stopped

CPU = torch.device("cpu")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FAVE_BENCH_DATA", str(tmp_path / "data"))
    return small_world(tmp_path)


def in_pieces(run: Run, store: Store) -> tuple[Record, int]:
    """The record of a run that is asked to stop at its 2nd, 3rd, 4th, 2nd, … question, and how often it stopped."""
    for stops in count():
        questions = count(1)
        last = 2 + stops % 3
        try:
            return run.execute(store, interrupted=lambda left=questions, last=last: next(left) == last), stops
        except Stopped:
            assert list(store.records()) == [], "what is not finished is no record"
    raise AssertionError


def assert_pieces_equal_the_whole(run: Run, world: Path) -> None:
    whole = run.execute(Store(world / "whole"))
    pieces, stops = in_pieces(run, Store(world / "pieces"))
    assert stops >= sum(stage.epochs for stage in run.plan.training.stages.values())
    assert (pieces.metrics, pieces.files) == (whole.metrics, whole.files), "ranks, lists and weights, to the bit"
    looks = [[look.model_dump(exclude={"seconds"}) for look in record.training.curve] for record in (pieces, whole)]
    assert looks[0] == looks[1]
    assert (pieces.training.epochs, pieces.training.best_epoch) == (whole.training.epochs, whole.training.best_epoch)


@pytest.mark.parametrize(("model", "setting"), [("fave", "released"), ("fave", "paper"), ("sasrec", "released")])
def test_a_run_in_many_pieces_equals_one_in_one_piece(
    world: Path, monkeypatch: pytest.MonkeyPatch, model: str, setting: str
) -> None:
    """A question comes after every step and before every tile of users, so that all epochs of all stages are cut."""
    monkeypatch.setattr("fave_bench.presets.FOLDER", world / "presets")
    assert_pieces_equal_the_whole(Run(Spec("mine", model, setting, overrides={"training.batch_size": 24}), CPU), world)


@grows
@pytest.mark.skipif(not NIGHTLY, reason="trains every model; set FAVE_BENCH_SLOW_TESTS=1")
@pytest.mark.parametrize("model", [name for name in registry.names() if registry.load(name).samples != "none"])
def test_so_does_every_model_as_its_preset_has_it(world: Path, model: str) -> None:
    spec = Spec("mine", model, epochs=1, overrides={"training.batch_size": 24})
    assert_pieces_equal_the_whole(Run(spec, CPU), world)
