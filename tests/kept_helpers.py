"""Records of untrained models whose weights are at hand: all that a measurement on weights needs, without training."""

from functools import cache
from pathlib import Path
from typing import Any

import torch
from helpers import make_run

from fave_bench import data
from fave_bench.data.sequences import Sequences
from fave_bench.models import registry
from fave_bench.records import Dataset, Inference, Look, Record, Store, TrainingSummary

FAVE: dict[str, Any] = {"model": "fave", "width": 16, "heads": 2, "blocks": 2, "tap": 1, "decoder": (8, 8)}
DIFFUREC: dict[str, Any] = {"model": "diffurec", "steps": 40, "timesteps": 40, "width": 16, "heads": 2, "blocks": 1}


@cache
def demo() -> Sequences:
    """The demo set, generated once for all tests."""
    return data.load("demo")


def keep_run(results: Path, *, model: str, seed: int = 0, stopped_because: str = "epochs", **config: Any) -> Record:
    """A run of `model` on the demo set that looked at validation once a stage."""
    sequences, kind = demo(), registry.load(model)
    torch.manual_seed(seed)
    network = kind(kind.Config(**config), sequences.num_items)
    stages = ["pretrain", "finetune"] if model == "fave" else ["train"]
    curve = [Look(stage=stage, epoch=1, seconds=1 + i) for i, stage in enumerate(stages)]
    for stage in stages:
        network.enter_stage(stage)
    record, ranks = make_run(
        model=model, title=kind.title, seed=seed, model_version=kind.version,
        config={"model": network.config.model_dump(mode="json"), "training": {}},
        inference=Inference(steps=network.sampler_steps()),
        training=TrainingSummary(epochs=2, best_epoch=1, stopped_because=stopped_because, seconds=2, curve=curve),
    )  # fmt: skip
    here = Dataset(
        name="demo", source="generated", fingerprint=sequences.fingerprint, users=sequences.num_users,
        items=sequences.num_items, actions=len(sequences.items), split="leave-one-out", synthetic=True,
    )  # fmt: skip
    record = record.model_copy(update={"dataset": here})
    record = record.model_copy(update={"key": record.expected_key()})
    return Store(results).write(record, ranks, weights=network.state_dict())
