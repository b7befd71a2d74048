"""Laws of the training loop: same seed same run, interruption changes nothing, the best look wins, bad losses stop."""

import time
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from baselines.sasrec import SASRec
from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import leave_one_out
from fave_bench.errors import BenchError
from fave_bench.models.contract import Batch, ModelConfig, Recommender
from fave_bench.training import checkpoint, loop, recorded
from fave_bench.training.config import Stage, Training
from fave_bench.training.loop import Outcome, Stopped, Trainer
from fave_bench.training.samples import Samples
from fave_bench.working_time import WorkingTime

CPU = torch.device("cpu")


@pytest.fixture
def sequences() -> Sequences:
    random = np.random.default_rng(0)
    lengths = random.integers(3, 12, 60)
    items = np.concatenate([random.permutation(30)[:n] + 1 for n in lengths]).astype(np.int32)
    return Sequences("toy", np.concatenate([[0], np.cumsum(lengths)]), items)


def fake_metrics(value: float) -> dict[str, dict[str, float]]:
    metrics = dict.fromkeys(("H@10", "N@10", "H@20", "N@20"), value)
    return {"filtered": metrics, "released": metrics}


def trainer(sequences: Sequences, training: Training, validate=None, **options) -> Trainer:
    torch.manual_seed(0)
    split = leave_one_out(sequences)
    model = SASRec(SASRec.Config(window=8, d=16, loss="bce"), sequences.num_items)
    model.fit(sequences, split)
    samples = Samples(sequences, split, "sequence", 8, CPU)
    return Trainer(model, samples, training, validate or (lambda m: fake_metrics(0.5)), seed=3, **options)


def weights(run: Trainer) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in run.model.state_dict().items()}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


def rising() -> object:
    looks = iter(range(1, 1000))
    return lambda model: fake_metrics(next(looks) / 1000)


def falling() -> object:
    looks = iter(range(999, 0, -1))
    return lambda model: fake_metrics(next(looks) / 1000)


TRAINING = Training(batch_size=16, stages={"train": Stage(epochs=4, clip_norm=1.0, decay_every=2)})


def test_the_same_seed_gives_bit_equal_weights(sequences):
    first, second = (trainer(sequences, TRAINING, rising()) for _ in range(2))
    assert first.run().curve[0]["losses"] == second.run().curve[0]["losses"]
    assert same(weights(first), weights(second))


@pytest.mark.parametrize("stop_after", [1, 3, 4, 5, 9, 15])
def test_interrupted_anywhere_and_resumed_equals_undisturbed(sequences, tmp_path, stop_after):
    undisturbed = trainer(sequences, TRAINING, rising())
    expected = undisturbed.run()

    steps = iter(range(1, 1000))
    path = tmp_path / "checkpoint.pt"
    looks = rising()
    cut = trainer(sequences, TRAINING, looks, checkpoint_path=path, interrupted=lambda: next(steps) == stop_after)
    with pytest.raises(Stopped):
        cut.run()
    resumed = trainer(sequences, TRAINING, looks, checkpoint_path=path)
    outcome = resumed.run()

    assert same(weights(undisturbed), weights(resumed))
    assert [look["losses"] for look in outcome.curve] == [look["losses"] for look in expected.curve]
    assert (outcome.epochs, outcome.samples) == (expected.epochs, expected.samples)


def test_a_checkpoint_is_written_within_a_pass_too_and_gone_on_from(sequences, tmp_path, monkeypatch):
    """A pass may take an hour, and a process that is killed says nothing."""
    undisturbed = trainer(sequences, TRAINING, rising())
    expected = undisturbed.run()
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY", 0.0)
    steps, looks, path = iter(range(1, 1000)), rising(), tmp_path / "checkpoint.pt"

    def killed() -> bool:
        if next(steps) == 7:
            raise KeyboardInterrupt  # at once: what is on the disk is what an earlier step left
        return False

    with pytest.raises(KeyboardInterrupt):
        trainer(sequences, TRAINING, looks, checkpoint_path=path, interrupted=killed).run()
    content = checkpoint.load(path)
    assert (content["epoch"], content["step"]) == (1, 2), "four steps a pass"
    resumed = trainer(sequences, TRAINING, looks, checkpoint_path=path)
    outcome = resumed.run()
    assert same(weights(undisturbed), weights(resumed))
    assert [look["losses"] for look in outcome.curve] == [look["losses"] for look in expected.curve]


@pytest.mark.parametrize(("stop_in", "budget"), [(1, None), (2, None), (4, None), (1, 1e-9)])
def test_interrupted_while_it_looks_and_resumed_looks_again_and_loses_nothing(sequences, tmp_path, stop_in, budget):
    training = TRAINING.model_copy(update={"time_budget": budget})
    undisturbed = trainer(sequences, training, rising())
    expected = undisturbed.run()
    looks, attempts = rising(), iter(range(1, 1000))

    def validate(model: Recommender) -> dict[str, dict[str, float]]:
        if next(attempts) == stop_in:
            raise Stopped
        return looks(model)

    path = tmp_path / "checkpoint.pt"
    with pytest.raises(Stopped):
        trainer(sequences, training, validate, checkpoint_path=path).run()
    resumed = trainer(sequences, training, validate, checkpoint_path=path)
    outcome = resumed.run()
    assert same(weights(undisturbed), weights(resumed))
    assert [(look["epoch"], look["losses"]) for look in outcome.curve] == [
        (look["epoch"], look["losses"]) for look in expected.curve
    ]
    assert (outcome.epochs, outcome.samples, outcome.stopped_because) == (
        expected.epochs,
        expected.samples,
        expected.stopped_because,
    )


def test_the_weights_of_the_best_look_are_kept_and_patience_ends_the_stage(sequences):
    values = iter([0.1, 0.4, 0.3, 0.2, 0.9])
    kept: list[dict[str, Tensor]] = []

    def validate(model: Recommender) -> dict[str, dict[str, float]]:
        kept.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
        return fake_metrics(next(values))

    run = trainer(sequences, Training(batch_size=16, stages={"train": Stage(epochs=9, patience=2)}), validate)
    outcome = run.run()
    assert (outcome.best_epoch, outcome.stopped_because, len(kept)) == (2, "converged", 4)
    assert same(weights(run), kept[1])


def test_any_metric_rule_keeps_a_look_that_improves_one_metric_only(sequences):
    looks = [fake_metrics(0.5), fake_metrics(0.4), fake_metrics(0.3)]
    looks[1]["released"] = looks[1]["released"] | {"H@20": 0.6}
    values = iter(looks)
    stage = Stage(epochs=3, selection="any")
    assert trainer(sequences, Training(stages={"train": stage}), lambda m: next(values)).run().best_epoch == 2


def test_looks_begin_where_they_are_told_to_and_the_last_pass_is_always_looked_at(sequences):
    def looks(epochs: int, **fields: int) -> list[int]:
        stage = Stage(epochs=epochs, **fields)
        return [look["epoch"] for look in trainer(sequences, Training(stages={"train": stage})).run().curve]

    assert looks(3) == [1, 2, 3]
    assert looks(3, looks_from=2) == [2, 3]
    assert looks(5, looks_from=3, evaluate_every=2) == [4, 5]
    assert looks(1, looks_from=2) == [1]


def test_a_stage_that_looks_from_the_first_pass_on_is_written_as_before_there_was_a_choice():
    assert "looks_from" not in Stage().model_dump()
    assert Stage.model_validate(Stage(looks_from=2).model_dump()).looks_from == 2


def test_the_budget_ends_training_and_marks_the_run(sequences):
    training = TRAINING.model_copy(update={"time_budget": 1e-9})
    outcome = trainer(sequences, training).run()
    assert outcome.stopped_because == "budget"
    assert outcome.samples == 16, "one step is taken, the clock is looked at after it"
    assert len(outcome.curve) == 1, "what was trained is looked at"


def test_seconds_are_those_of_steps_without_looks_checkpoints_and_the_time_the_process_was_held(
    sequences, monkeypatch, tmp_path
):
    clock, step, save, numbers = WorkingTime(), recorded.train_step, checkpoint.save, count(1)
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(loop, "working_time", clock)

    def timed(*arguments, **options):
        now[0] += 1
        if next(numbers) == 6:
            now[0] += 1000
            clock.go_on()  # and of this step nothing is known
        return step(*arguments, **options)

    def look(model):
        now[0] += 50
        return fake_metrics(0.5)

    def slow_save(*arguments):
        now[0] += 30
        saves.append(save(*arguments))

    saves = []
    monkeypatch.setattr(recorded, "train_step", timed)
    monkeypatch.setattr(checkpoint, "save", slow_save)
    clock()
    outcome = trainer(sequences, TRAINING, look, checkpoint_path=tmp_path / "checkpoint.pt").run()
    assert len(saves) > 1 and next(numbers) - 1 == 16 and outcome.seconds == 15
    assert [entry["seconds"] for entry in outcome.curve] == [4, 7, 11, 15]


def test_the_first_compiled_step_of_a_stage_costs_no_budget(sequences, monkeypatch):
    """It waits for the compiler, often longer than a budget of a minute."""
    clock, step, now, waits = WorkingTime(), recorded.train_step, [0.0], iter((90, 0, 0, 60))
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(loop, "working_time", clock)
    monkeypatch.setattr(torch, "compile", lambda function, dynamic: function)

    def timed(*arguments, **options):
        now[0] += 1 + next(waits, 0)
        return step(*arguments, **options)

    monkeypatch.setattr(recorded, "train_step", timed)
    stages = {"first": Stage(epochs=4, budget_share=1), "second": Stage(epochs=4, budget_share=2)}
    training = TRAINING.model_copy(update={"stages": stages, "time_budget": 6})
    clock()
    run = trainer(sequences, training, compiled=True)
    monkeypatch.setattr(type(run.model), "training_method", "losses")
    outcome = run.run()
    assert (outcome.seconds, outcome.samples) == (6, 7 * 16 + 1), "eight steps, one of them the last of a pass"


def test_stages_share_the_budget_in_proportion():
    stages = {"a": Stage(budget_share=3), "b": Stage(budget_share=1)}
    assert [Training(time_budget=100, stages=stages).limit(name) for name in stages] == [75, 100]
    assert Training(stages=stages).limit("a") == float("inf")


def test_the_second_stage_starts_from_the_best_of_the_first_and_the_model_is_told(sequences):
    told: list[tuple[str, dict[str, Tensor]]] = []
    stages = {"first": Stage(epochs=3), "left out": Stage(epochs=0), "second": Stage(epochs=1)}
    run = trainer(sequences, Training(batch_size=16, stages=stages), falling())
    run.model.enter_stage = lambda name: told.append((name, weights(run)))
    run.run()
    best = trainer(sequences, Training(batch_size=16, stages={"first": Stage(epochs=1)}))
    best.run()
    assert [name for name, _ in told] == ["first", "second"]
    assert same(told[1][1], weights(best)) and not same(told[1][1], weights(run))


def test_without_any_epoch_nothing_is_learned_and_the_limit_is_to_blame(sequences):
    run = trainer(sequences, Training(stages={"first": Stage(epochs=0)}))
    before = weights(run)
    assert run.run().stopped_because == "epochs"
    assert same(before, weights(run))


class Diverging(Recommender):
    title = "Diverging"

    def __init__(self, config: ModelConfig, num_items: int) -> None:
        super().__init__(config, num_items)
        self.weight = nn.Parameter(torch.ones(1))

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        return {"calm": self.weight.sum(), "wild": self.weight.sum() * float("inf")}


def test_a_non_finite_loss_names_its_term(sequences):
    samples = Samples(sequences, leave_one_out(sequences), "prefix", 8, CPU)
    run = Trainer(Diverging(ModelConfig(), 30), samples, TRAINING, lambda m: fake_metrics(0), seed=0)
    with pytest.raises(BenchError, match=r"Diverging.*non-finite in stage train, epoch 1: wild \(finite: calm"):
        run.run()


def test_a_checkpoint_that_is_not_one_is_refused_and_runs_no_code(tmp_path):
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(b"cos\nsystem\n(S'touch owned'\ntR.")
    with pytest.raises(BenchError, match="delete it to start the run anew"):
        checkpoint.load(path)
    assert checkpoint.load(tmp_path / "absent.pt") is None


def test_learning_rate_schedule_is_a_function_of_epoch_and_step():
    from fave_bench.training.optimizer import set_learning_rate

    parameter = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    stage = Stage(learning_rate=0.1, decay_every=100, decay_factor=0.1, warmup_steps=4)
    for epoch, step, expected in [(0, 0, 0.025), (0, 3, 0.1), (99, 500, 0.1), (100, 501, 0.01), (200, 900, 0.001)]:
        set_learning_rate(optimizer, stage, epoch, step)
        assert optimizer.param_groups[0]["lr"] == pytest.approx(expected)


def test_samples_per_second_is_zero_before_anything_ran():
    assert Outcome().samples_per_second == 0
    assert replace(Outcome(), samples=10, seconds=2.0).samples_per_second == 5


def test_a_step_that_does_not_fit_the_memory_ends_with_advice_and_no_smaller_batch(sequences, monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    run = trainer(sequences, TRAINING)
    monkeypatch.setattr(run.model, "losses", full)
    with pytest.raises(BenchError, match=r"stage train with 16 samples does not fit the memory of cpu; give a smaller"):
        run.run()
