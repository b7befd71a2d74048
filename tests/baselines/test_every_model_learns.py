"""Every registered model learns twenty users by heart, and order on `markov`, where popularity knows nothing."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest
import torch
from small_world import hits_of, last_training_item, twenty_users

from fave_bench import data
from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import Phase, Split, leave_one_out
from fave_bench.evaluation.metrics import metrics_of
from fave_bench.evaluation.phase_ranks import PhaseRanks
from fave_bench.evaluation.ranks import rank_phase
from fave_bench.models import registry
from fave_bench.models.contract import Recommender
from fave_bench.training.config import Stage, Training
from fave_bench.training.loop import Trainer
from fave_bench.training.samples import Samples

FLOW = {"width": 32, "heads": 2, "decoder": (16, 16), "dropout": 0.0, "emb_dropout": 0.0}

STOSA = {"d": 32, "heads": 2, "dropout": 0.0, "negatives": "train"}  # held-out items too: nothing else keeps them low


@dataclass(frozen=True)
class Lesson:
    """A model small enough to be taught within seconds, and for how many epochs."""

    config: dict[str, Any]
    by_heart: int
    """Epochs until twenty users are known by heart; 0 where the model has no means to tell them apart."""
    order: int = 1
    """Epochs of `markov` until order shows."""
    rate: float = 0.01
    batch_size: int = 64
    order_only: dict[str, Any] = field(default_factory=dict)
    """Configuration that favours order."""


LESSONS = {
    "autoseqrec": Lesson(
        {"width": 32, "encoder_dropout": 0, "decoder_dropout": 0}
        | {"encoder_rate": 1.0, "source_rate": 1.0, "target_rate": 1.0}
        | {"weight_both": 0},  # the product of encodings is nothing that a loss trains
        by_heart=200,
        order=30,
        batch_size=20,
        order_only={"weight_item": 0.9},  # what followed the last item, rather than the items as a set
    ),
    "bert4rec": Lesson(
        {"d": 32, "dropout": 0.0, "attention_dropout": 0.0, "drop_first": "never"}, by_heart=300, order=10, rate=0.003
    ),
    "caser": Lesson({"d": 32, "dropout": 0.0}, by_heart=60),
    "caser/aligned": Lesson(
        {"d": 32, "dropout": 0.0, "padding": "left", "padding_vector": "zero", "final_relu": False}, by_heart=60
    ),
    "diffurec": Lesson({"width": 32, "blocks": 1, "dropout": 0.0, "emb_dropout": 0.0}, by_heart=60),
    "dreamrec": Lesson({"d": 64, "timesteps": 20, "steps": 20, "dropout": 0.0}, by_heart=250),
    "fave": Lesson({**FLOW, "drop_path": 0.0}, by_heart=60, batch_size=256),
    "fmrec": Lesson(FLOW, by_heart=60, batch_size=256),
    "gru4rec": Lesson({"d": 32, "hidden": 32, "dropout": 0.0}, by_heart=60),
    "itemknn": Lesson({}, by_heart=0),
    "markov": Lesson({}, by_heart=0),
    "popularity": Lesson({}, by_heart=0),
    "sasrec": Lesson({"d": 32, "dropout": 0.0, "loss": "ce"}, by_heart=200, order=10),
    "stosa/public": Lesson({**STOSA, "mean_stream": "public"}, by_heart=400, order=5, batch_size=20),
    "stosa/fixed": Lesson({**STOSA, "mean_stream": "fixed"}, by_heart=400, order=5, batch_size=20),
}
STAGES = {"fave": ("pretrain", "finetune")}
"""Names of the training stages where there is more than one."""


def taught(
    name: str, sequences: Sequences, split: Split, look: Callable[[Recommender], PhaseRanks], epochs: int, **config: Any
) -> Recommender:
    """A model of that name after its lesson; `look` ranks what its best weights are chosen by."""
    lesson, kind = LESSONS[name], registry.load(name.partition("/")[0])
    torch.manual_seed(0)
    model = kind(kind.Config(window=10, **(lesson.config | config)), sequences.num_items)
    model.fit(sequences, split)
    if model.samples != "none":
        stage = Stage(epochs=epochs, learning_rate=lesson.rate, evaluate_every=max(1, epochs // 3))
        stages = dict.fromkeys(STAGES.get(name, ("train",)), stage)
        samples = Samples(sequences, split, model.samples, model.config.window, torch.device("cpu"))
        training = Training(batch_size=lesson.batch_size, stages=stages)
        Trainer(model, samples, training, lambda m: metrics_of(look(m)), seed=0).run()
    return model


def test_every_registered_model_has_a_lesson():
    assert sorted({name.partition("/")[0] for name in LESSONS}) == registry.names()


@pytest.mark.parametrize("name", [name for name, lesson in LESSONS.items() if lesson.by_heart])
def test_twenty_users_are_learned_by_heart(name):
    """H@1 of every user's last training item, which the model was trained on."""
    sequences, split = twenty_users()
    model = taught(name, sequences, split, lambda m: last_training_item(m, sequences), LESSONS[name].by_heart)
    assert hits_of(model, sequences) >= 0.95


@cache
def n20_on_markov(name: str) -> float:
    """N@20 of the test items of 2,000 users, each drawn by its forerunner alone."""
    sequences = data.load("markov")
    split, items = leave_one_out(sequences), torch.as_tensor(sequences.items, dtype=torch.int64)

    def ranks(model: Recommender, phase: Phase = split.validation) -> PhaseRanks:
        return rank_phase(model, items, phase, window=10, seed=0)

    model = taught(name, sequences, split, ranks, LESSONS[name].order, **LESSONS[name].order_only)
    return metrics_of(ranks(model, split.test))["filtered"]["N@20"]


@pytest.mark.parametrize("name", [name for name in LESSONS if name != "popularity"])
def test_order_is_learned_where_popularity_knows_nothing(name):
    """Twice popularity's N@20, which is what 20 of 200 equally likely items give."""
    assert n20_on_markov(name) > 2 * n20_on_markov("popularity")
