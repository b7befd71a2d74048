"""A stage that several runs share is, to the bit, the stage each would have trained alone."""

import threading
import time
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import leave_one_out
from fave_bench.errors import BenchError
from fave_bench.models.fave import Fave
from fave_bench.training.config import Stage, Training
from fave_bench.training.ends import StageEnds, end_keys
from fave_bench.training.loop import Stopped, Trainer
from fave_bench.training.samples import Samples

CPU = torch.device("cpu")
SMALL: dict[str, Any] = {
    "window": 8, "width": 16, "blocks": 2, "tap": 1, "decoder": (8, 8), "emb_dropout": 0.1, "steps": 2,
}  # fmt: skip
PAPER: dict[str, Any] = {"s2_param": "endpoint", "anchor": "valid", "key_mask": "on", "source_loss": "full_norm"}
STAGES = {"pretrain": Stage(epochs=2), "finetune": Stage(epochs=1, learning_rate=1e-4)}
OTHER: dict[str, Any] = {
    "s2_param": "velocity_add_x0", "anchor": "valid", "prior": "gaussian", "ce_input": "f", "jvp_tangent": "model",
    "match": "off", "gamma": 0.0, "rho_train": 0.9, "rho_infer": 0.9, "p_end": 0.1, "finetune_steps": 3,
    "finetune_alpha": 0.9, "finetune_beta": 0.9, "finetune_zero_ratio": 2.0, "finetune_dropout": 0.4,
    "finetune_emb_dropout": 0.4,
}  # fmt: skip
"""A value for every field of stage 2 that is not the default."""


@pytest.fixture(scope="module")
def sequences() -> Sequences:
    random = np.random.default_rng(0)
    lengths = random.integers(3, 9, 16)
    items = np.concatenate([random.permutation(20)[:n] + 1 for n in lengths]).astype(np.int32)
    return Sequences("toy", np.concatenate([[0], np.cumsum(lengths)]), items)


def trainer(sequences: Sequences, training: Training, folder=None, run="alone", **options: Any) -> Trainer:
    config = {key: value for key, value in options.items() if key in Fave.Config.model_fields}
    torch.manual_seed(0)
    model = Fave(Fave.Config(**SMALL | config), sequences.num_items)
    split = leave_one_out(sequences)
    samples = Samples(sequences, split, "prefix", 8, CPU, sort=model.padding_free)
    ends = StageEnds(folder, end_keys(model, training, {"seed": 3}), run) if folder else None
    rest = {key: value for key, value in options.items() if key not in config}
    return Trainer(model, samples, training, looking(), seed=3, ends=ends, **rest)


def looking():
    looks = iter(range(1, 1000))

    def validate(model) -> dict[str, dict[str, float]]:
        metrics = dict.fromkeys(("H@10", "N@10", "H@20", "N@20"), next(looks) / 1000)
        return {"filtered": metrics, "released": metrics}

    return validate


def weights(run: Trainer) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in run.model.state_dict().items()}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


def test_every_field_of_stage_2_has_another_value_here():
    claimed = set(Fave.stage_fields["finetune"])
    assert claimed == set(OTHER)
    assert all(Fave.Config.model_fields[field].default != value for field, value in OTHER.items())


@pytest.mark.parametrize("setting", [{}, PAPER], ids=["released", "paper"])
def test_the_fields_of_stage_2_change_no_bit_of_stage_1(sequences, setting):
    only = Training(batch_size=32, stages={"pretrain": Stage(epochs=1), "finetune": Stage(epochs=0)})
    usual, other = trainer(sequences, only, **setting), trainer(sequences, only, **setting | OTHER)
    usual.run(), other.run()
    assert same(weights(usual), weights(other))


@pytest.mark.parametrize("setting", [{}, PAPER], ids=["released", "paper"])
@pytest.mark.parametrize("change", [{"gamma": 0.0}, {"prior": "gaussian"}, {"match": "off"}])
def test_sharing_a_stage_is_training_it_alone_to_the_bit(sequences, tmp_path, setting, change):
    training = Training(batch_size=32, stages=STAGES)
    first = trainer(sequences, training, tmp_path, "first", **setting)
    first.run()
    alone = trainer(sequences, training, **setting | change)
    expected = alone.run()
    shared = trainer(sequences, training, tmp_path, "second", **setting | change)
    outcome = shared.run()
    assert outcome.shared == {"pretrain": "first"} and not expected.shared
    assert same(weights(shared), weights(alone)) and not same(weights(shared), weights(first))
    assert (outcome.epochs, outcome.best_epoch, outcome.samples) == (3, 1, expected.samples)
    losses = [[look["losses"] for look in one.curve] for one in (outcome, expected)]
    assert losses[0] == losses[1] and len(losses[0]) == 3


def test_without_the_second_stage_the_first_one_s_end_is_all_there_is(sequences, tmp_path):
    full = trainer(sequences, Training(batch_size=32, stages=STAGES), tmp_path, "full")
    full.run()
    cut = STAGES | {"finetune": Stage(epochs=0)}
    shared = trainer(sequences, Training(batch_size=32, stages=cut), tmp_path)
    outcome = shared.run()
    alone = trainer(sequences, Training(batch_size=32, stages=cut))
    alone.run()
    assert outcome.shared == {"pretrain": "full"} and outcome.epochs == 2
    assert same(weights(shared), weights(alone))


def keys(training: Training, given: Any = 0, **config: Any) -> dict[str, str]:
    return end_keys(Fave(Fave.Config(**SMALL | config), 20), training, {"seed": given})


def test_the_key_holds_what_the_stage_depends_on_and_nothing_else():
    usual = keys(Training(stages=STAGES))
    assert set(usual) == {"pretrain"}
    later = STAGES["finetune"].model_copy(update={"learning_rate": 1.0, "epochs": 0})
    same_stage = [
        *(keys(Training(stages=STAGES), **{field: value}) for field, value in OTHER.items()),
        keys(Training(stages=STAGES | {"finetune": later})),
    ]
    assert all(key == usual for key in same_stage)
    earlier = STAGES["pretrain"].model_copy(update={"learning_rate": 1.0})
    others = [
        keys(Training(stages=STAGES), given=1), keys(Training(stages=STAGES), alpha=0.9),
        keys(Training(stages=STAGES), key_mask="on"), keys(Training(stages=STAGES, batch_size=7)),
        keys(Training(stages=STAGES | {"pretrain": earlier})), keys(Training(stages=STAGES, time_budget=9)),
    ]  # fmt: skip
    assert len({key["pretrain"] for key in [usual, *others]}) == 1 + len(others)
    hidden = {
        anchor: keys(Training(stages=STAGES), key_mask="on", anchor=anchor) for anchor in ("left_index_bug", "valid")
    }
    assert hidden["left_index_bug"] == hidden["valid"], "without padding in stage 1, whatever stage 2 does"


def test_only_the_first_stage_s_part_of_a_budget_counts():
    wider = {name: stage.model_copy(update={"budget_share": 2.0}) for name, stage in STAGES.items()}
    budget = {"time_budget": 10.0}
    assert keys(Training(stages=STAGES, **budget)) == keys(Training(stages=wider, **budget))
    assert keys(Training(stages=STAGES, **budget)) != keys(
        Training(stages=STAGES | {"finetune": wider["finetune"]}, **budget)
    )


def test_a_budget_s_clock_goes_on_from_where_the_shared_stage_left_it(sequences, tmp_path):
    """Stage 1 spent all of the budget elsewhere, so nothing is left for stage 2."""
    training = Training(batch_size=32, time_budget=20, stages=STAGES)
    first = trainer(sequences, training, tmp_path, "first")
    first.run()
    (file,) = tmp_path.glob("*.pt")
    saved = torch.load(file, weights_only=True)
    saved["outcome"]["seconds"] = 25.0
    torch.save(saved, file)
    late = trainer(sequences, training, tmp_path, "late").run()
    assert late.stopped_because == "budget" and late.epochs == 2
    assert 25 <= late.seconds < 85, "the shared stage took 25 s, and the rest a moment"


def test_a_run_goes_on_from_its_own_checkpoint_and_ends_a_stage_where_the_fastest_did(sequences, tmp_path):
    training = Training(batch_size=32, stages=STAGES)
    path, count = tmp_path / "own.pt", iter(range(1000))
    with pytest.raises(Stopped):
        trainer(sequences, training, tmp_path, checkpoint_path=path, interrupted=lambda: next(count) == 0).run()
    trainer(sequences, training, tmp_path, "other").run()
    resumed = trainer(sequences, training, tmp_path, checkpoint_path=path)
    assert resumed.run().shared == {"pretrain": "other"}
    alone = trainer(sequences, training)
    alone.run()
    assert same(weights(resumed), weights(alone))


def test_a_damaged_end_is_one_sentence(sequences, tmp_path):
    training = Training(batch_size=32, stages=STAGES)
    run = trainer(sequences, training, tmp_path)
    (tmp_path / f"{run.ends.keys['pretrain']}.pt").write_bytes(b"half a file")
    with pytest.raises(BenchError, match="delete it"):
        run.run()


def test_the_first_run_to_end_a_stage_decides_and_the_others_take_its_copy(sequences, tmp_path):
    """Two that train at the same time: under a budget they end differently, and both must go on from one copy."""
    training = Training(batch_size=32, stages=STAGES)
    slower = trainer(sequences, training, tmp_path, "slower")
    trainer(sequences, training, tmp_path, "faster").run()
    (file,) = tmp_path.glob("*.pt")
    content = file.read_bytes()
    slower.ends.save("pretrain", weights(slower), {})
    assert file.read_bytes() == content
    assert slower.run().shared == {"pretrain": "faster"}


def test_who_comes_second_to_a_stage_waits_at_no_cost_to_its_budget(sequences, tmp_path):
    training = Training(batch_size=32, stages=STAGES, time_budget=60.0)
    second = trainer(sequences, training, tmp_path, "second")
    held = threading.Event()

    def first() -> None:
        with second.ends.alone("pretrain", give_up=lambda: False):
            held.set()
            time.sleep(1.0)

    thread = threading.Thread(target=first)
    thread.start()
    held.wait()
    began = time.monotonic()
    outcome = second.run()
    thread.join()
    assert time.monotonic() - began >= 0.9 and outcome.seconds < 0.9
    assert outcome.shared == {} and outcome.epochs == 3, "the first one left no end, as if it had been killed"


def test_waiting_for_a_stage_can_be_interrupted(sequences, tmp_path):
    training = Training(batch_size=32, stages=STAGES)
    second = trainer(sequences, training, tmp_path, "second", interrupted=lambda: True)
    with second.ends.alone("pretrain", give_up=lambda: False), pytest.raises(Stopped):
        second.run()
    assert second.outcome.samples == 0
