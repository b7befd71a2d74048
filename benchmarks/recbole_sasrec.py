"""SASRec with full cross-entropy: training targets a second in RecBole's implementation and in ours.

Needs RecBole on the path, which is not part of this project (without its own dependencies: those this needs not are
stood in for):
    pip install --no-deps --target ../recbole recbole==1.2.1 colorama colorlog texttable
    PYTHONPATH=../recbole python benchmarks/recbole_sasrec.py --datasets ml-100k

RecBole trains on one (history, next item) pair a sample; ours on windows in which every slot predicts its next item. So
both are counted in targets. RecBole runs its own model and loss on batches that are ready before the clock starts, at
the width, blocks, heads and window of our preset; ours runs what the trainer runs, batches included.
"""

import argparse
import itertools
import statistics
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import torch
from torch import Tensor

from fave_bench import data, presets
from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import leave_one_out
from fave_bench.data.windows import lengths
from fave_bench.models import registry
from fave_bench.training.optimizer import make_optimizer
from fave_bench.training.samples import Samples
from fave_bench.training.step import train_step

BATCH_SIZE, STEPS, WARM_UP = 512, 10, 2
UNUSED = ("thop", "tensorboard", "torch.utils.tensorboard")


def recbole_model(config: Any, num_items: int) -> Any:
    """RecBole's SASRec at the sizes of `config`, ours."""
    for name in UNUSED:
        sys.modules.setdefault(name, MagicMock())
    from recbole.model.sequential_recommender.sasrec import SASRec  # type: ignore[import-not-found]

    settings = {
        "USER_ID_FIELD": "user", "ITEM_ID_FIELD": "item", "LIST_SUFFIX": "_list", "NEG_PREFIX": "neg_",
        "ITEM_LIST_LENGTH_FIELD": "length", "MAX_ITEM_LIST_LENGTH": config.window, "device": "cpu",
        "n_layers": config.blocks, "n_heads": config.heads, "hidden_size": config.d, "inner_size": config.d,
        "hidden_dropout_prob": config.dropout, "attn_dropout_prob": config.dropout, "hidden_act": "gelu",
        "layer_norm_eps": 1e-12, "initializer_range": 0.02, "loss_type": "CE",
    }  # fmt: skip
    return SASRec(settings, SimpleNamespace(num=lambda _: num_items + 1))


def left_aligned(history: Tensor, count: Tensor) -> Tensor:
    """Left-padded (B, L) -> the same items first and padding last, as RecBole has them."""
    slot = torch.arange(history.shape[1]) + history.shape[1] - count[:, None]
    return history.gather(1, slot.clamp_max(history.shape[1] - 1)) * (slot < history.shape[1])


def theirs(sequences: Sequences, config: Any) -> float:
    model = recbole_model(config, sequences.num_items).train()
    samples = Samples(sequences, leave_one_out(sequences), "prefix", config.window, torch.device("cpu"))
    chunks = samples.order(0, "benchmark", 0).split(BATCH_SIZE)[: STEPS + WARM_UP]
    batches = []
    for number, rows in enumerate(chunks):
        batch = samples.batch(rows, number)
        count = lengths(batch.history)
        batches.append({"item_list": left_aligned(batch.history, count), "length": count, "item": batch.target})
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step(number: int) -> int:
        optimizer.zero_grad()
        model.calculate_loss(batches[number]).backward()
        optimizer.step()
        return len(chunks[number])

    return targets_per_second(step)


def ours(sequences: Sequences, plan: presets.Plan, precision: str) -> tuple[float, float]:
    """Targets and windows a second."""
    split, (name, stage) = leave_one_out(sequences), next(iter(plan.training.stages.items()))
    model = registry.load(plan.model)(plan.model_config, sequences.num_items)
    model.fit(sequences, split)
    model.enter_stage(name)
    model.train()
    window, optimizer = plan.model_config.window, make_optimizer(model, plan.training, stage)
    samples = Samples(sequences, split, model.samples, window, torch.device("cpu"), sort=model.padding_free)
    chunks = itertools.cycle(samples.order(0, name, 0).split(plan.training.batch_size))
    seen: list[int] = []

    def step(number: int) -> int:
        rows = next(chunks)
        batch = samples.batch(rows, number)
        train_step(model, batch, stage, optimizer, precision=precision)
        assert batch.slots is not None
        seen.append(len(batch.slots) / len(rows))
        return len(batch.slots)

    targets = targets_per_second(step)
    return targets, targets / statistics.mean(seen)


def targets_per_second(step: Callable[[int], int]) -> float:
    """Of the median step."""
    speeds = []
    for number in range(WARM_UP + STEPS):
        began = time.perf_counter()
        targets = step(number)
        speeds.append(targets / (time.perf_counter() - began))
    return statistics.median(speeds[WARM_UP:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", nargs="+", default=["ml-100k"])
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}")
    for dataset in parser.parse_args().datasets:
        sequences, plan = data.load(dataset), presets.plan(dataset, "sasrec", None, "ce", {})
        torch.manual_seed(0)
        print(f"{dataset} RecBole, fp32: {theirs(sequences, plan.model_config):.0f} targets/s", flush=True)
        for precision in ("fp32", "bf16"):
            targets, rows = ours(sequences, plan, precision)
            print(f"{dataset} ours, {precision}: {targets:.0f} targets/s ({rows:.0f} windows/s)", flush=True)


if __name__ == "__main__":
    main()
