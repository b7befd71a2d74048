"""Trajectories and priors as measured on kept weights, against what the models themselves say."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kept_helpers import DIFFUREC, FAVE, demo, keep_run

from fave_bench import measure
from fave_bench.data.windows import lengths
from fave_bench.errors import BenchError
from fave_bench.geometry import priors, trajectories
from fave_bench.geometry.priors import NOISE, TARGET, between, start
from fave_bench.geometry.questions import Questions, asked_of
from fave_bench.geometry.walks import distance, quartiles
from fave_bench.models.contract import GenerativeRecommender
from fave_bench.records import Record, Store
from fave_bench.records.geometry_rows import PriorsRow, TrajectoriesRow
from fave_bench.records.measurements import measurements
from fave_bench.restore import restore

RELEASED, PAPER = "anchor, released", "anchor, paper"


@pytest.fixture(autouse=True)
def fewer_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    """t-SNE takes seconds for as many as a picture needs."""
    for name, count in {"TARGETS": 2, "FOLLOWED": 2, "ITEMS": 20}.items():
        monkeypatch.setattr(trajectories, name, count)
    monkeypatch.setattr(priors, "DRAWN", 12)


def asked(results: Path, **config: Any) -> tuple[GenerativeRecommender, Record, Questions]:
    record = keep_run(results, **config)
    model = restore(Store(results), record, demo(), torch.device("cpu"))
    assert isinstance(model, GenerativeRecommender)
    return model, record, asked_of(model, record, demo())


def targets() -> np.ndarray:
    sequences = demo()
    return sequences.items[sequences.offsets[1:] - 1]


def test_one_step_is_straight_and_ends_where_the_run_was_ranked_from(tmp_path: Path) -> None:
    model, record, questions = asked(tmp_path, **FAVE)
    row = trajectories.row(model, record, demo())
    assert (row.steps, row.shown, row.users) == (1, [0, 1], 512)
    assert row.straightness_quartiles == pytest.approx([1, 1, 1], abs=1e-6)
    some = questions.sample()
    with torch.inference_mode():
        prediction = model.user_vectors(some.history, draw=some.draw())
        expected = quartiles(distance(prediction, model.item_vectors()[some.target]))
    assert row.to_target[-1] == pytest.approx(expected, abs=1e-5)
    assert row == trajectories.row(model, record, demo())


def test_many_steps_are_thinned_and_noise_is_not_straight(tmp_path: Path) -> None:
    model, record, _ = asked(tmp_path, **DIFFUREC)
    row = trajectories.row(model, record, demo())
    assert row.steps == 40 and len(row.shown) == trajectories.SHOWN and row.shown[::30] == [0, 40]
    assert row.straightness > 2
    assert all(len(path.at.tsne) == len(path.at.pca) == len(row.shown) for path in row.paths)
    assert len(row.to_target) == len(row.to_other) == len(row.shown)
    drawn = len(row.targets) + len(row.items.pca) + len(row.paths) * len(row.shown)
    assert row.layout.vectors == drawn


def test_the_targets_followed_are_the_most_frequent_and_their_users_have_them(tmp_path: Path) -> None:
    model, record, _ = asked(tmp_path, **FAVE)
    row, own = trajectories.row(model, record, demo()), targets()
    counts = np.bincount(own)
    assert [counts[item] for item in row.targets] == sorted(counts, reverse=True)[: trajectories.TARGETS]
    assert all(own[path.user] == path.target for path in row.paths)
    for item in row.targets:
        followed = [path.user for path in row.paths if path.target == item]
        assert followed == np.flatnonzero(own == item)[: trajectories.FOLLOWED].tolist()


def test_another_item_is_never_the_target_and_every_item_may_be_it() -> None:
    target = torch.randint(1, 6, (4000,), generator=torch.Generator().manual_seed(0))
    other = Questions(torch.arange(4000), target[:, None], target, 0).others(5)
    assert (other != target).all() and other.unique().tolist() == [1, 2, 3, 4, 5]
    assert torch.bincount(other[target == 3]).float()[[1, 2, 4, 5]].std() < 30  # about 200 each


def test_anchors_are_items_of_the_history_and_the_released_one_may_be_padding(tmp_path: Path) -> None:
    model, _, questions = asked(tmp_path, **FAVE, window=80)  # no history fills half of it
    assert int(lengths(questions.history).max()) <= 40
    with torch.inference_mode():
        found = {name: start(model, questions, switches) for name, switches in model.priors.items()}
        slots = model.embed(questions.history)  # type: ignore[operator]
    assert torch.equal(found[RELEASED], torch.where(found[RELEASED] == 0, 0.0, slots[:, 0]))
    kept = found[PAPER] != 0
    same = ((found[PAPER][:, None] == slots) | ~kept[:, None]).all(-1) & (questions.history > 0)
    assert same.any(1).all()  # some visible item explains every number kept
    assert model.config.anchor == "left_index_bug"  # and the model was not changed


def test_priors_are_told_apart_and_noise_knows_nothing(tmp_path: Path) -> None:
    for anchor, own in (("valid", PAPER), ("left_index_bug", RELEASED)):
        model, record, _ = asked(tmp_path, **FAVE, anchor=anchor)
        row = priors.row(model, record, demo())
        assert row.own == own
        assert list(row.distances) == [NOISE, *model.priors] and list(row.clouds) == [NOISE, *model.priors, TARGET]
        assert row.distances[NOISE].to_target[1] == pytest.approx(2**0.5, abs=0.06)
        assert row.distances[NOISE].nearer == pytest.approx(0.5, abs=4 * 0.5 / row.users**0.5)
        assert {len(planes.tsne) for planes in row.clouds.values()} == {priors.DRAWN}
    model, record, _ = asked(tmp_path, **FAVE, prior="gaussian")
    assert priors.row(model, record, demo()).own == ""


def test_a_draw_of_distances_counts_as_half() -> None:
    found = between(torch.tensor([1.0, 2, 3, 4]), torch.tensor([2.0, 1, 3, 5]))
    assert found.nearer == 2.5 / 4
    assert found.to_target == [1.75, 2.5, 3.25]


def take(results: Path, what: str, *arguments: str) -> None:
    assert measure.main(["--what", what, "--datasets", "demo", "--results", str(results), *arguments]) == 0


def test_the_verb_keeps_rows_and_reads_them_back(tmp_path: Path, capsys: Any) -> None:
    record = keep_run(tmp_path, **FAVE, stopped_because="budget")
    for what, kind in (("trajectories", TrajectoriesRow), ("priors", PriorsRow)):
        take(tmp_path, what, "--models", "fave")
        (found,) = measurements(tmp_path, what)  # type: ignore[arg-type]
        (row,) = found.rows
        assert isinstance(row, kind) and (row.run, row.truncated) == (record.key, True)
    assert record.key in capsys.readouterr().out


def test_what_cannot_be_measured_is_one_sentence(tmp_path: Path) -> None:
    keep_run(tmp_path, **DIFFUREC)
    with pytest.raises(BenchError, match=r"of a model with a prior of its own on demo in .* has its weights"):
        take(tmp_path, "priors")
    (weights,) = tmp_path.glob("*/*/*/weights.safetensors")
    weights.unlink()
    with pytest.raises(BenchError, match=r"no recorded run of a generative model on demo in .* has its weights"):
        take(tmp_path, "trajectories")


def test_runs_without_weights_are_counted_and_one_that_changed_is_named(tmp_path: Path, capsys: Any) -> None:
    kept, lost = keep_run(tmp_path, **FAVE), keep_run(tmp_path, **FAVE, seed=1)
    (tmp_path / "demo" / "fave" / lost.key / "weights.safetensors").unlink()
    take(tmp_path, "priors")
    assert "left out 1 run without weights on this machine" in capsys.readouterr().err
    (tmp_path / "demo" / "fave" / kept.key / "weights.safetensors").write_bytes(b"edited")
    with pytest.raises(BenchError, match="no recorded run"):
        take(tmp_path, "priors")
    assert f"skipped demo fave released seed 0 ({kept.key})" in capsys.readouterr().err
