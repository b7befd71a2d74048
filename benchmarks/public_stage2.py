"""What stage 2 does to validation in the authors' public FAVE code and in ours, from the same weights of stage 1.

Needs a checkout of that code (github.com/Blue130/Fave), which is not part of this project, and a recorded run that left
stage 2 out, with its weights on this machine:
    python -m fave_bench.run --dataset ml-100k --model fave --set training.stages.finetune.epochs=0
    python benchmarks/public_stage2.py --checkout ../Fave --run KEY
Both take the same batches with dropout on, and are ranked by the public code's own metrics; their draws differ. With
    --switch match=off
ours runs alone, with that switch of the model turned: which of the differences between code and paper does it?
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from public_fave import ALPHA, BATCH_SIZE, CLIP, PUBLIC_YAML, WINDOW, asked
from public_gradients import imported
from torch import Tensor

from fave_bench import data, presets
from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import Split, leave_one_out
from fave_bench.data.windows import windows
from fave_bench.models.contract import Batch
from fave_bench.models.fave import Fave
from fave_bench.randomness import StepDraw, seed_of
from fave_bench.records import Store
from fave_bench.restore import restore
from fave_bench.training.optimizer import make_optimizer
from fave_bench.training.samples import Samples
from fave_bench.training.step import train_step

LOOKS = (0, 5, 10, 20, 50, 100, 190)
Scores = Callable[[Tensor, Tensor], Tensor]


def exported(theirs: dict[str, Tensor], ours: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our weights under the public code's names, tensors of its own (rotary frequencies) as in `theirs`.

    The import is turned round: given tensors whose elements are numbers, it says which of them goes where.
    """
    sizes = [tensor.numel() for tensor in theirs.values()]
    numbers = torch.arange(sum(sizes), dtype=torch.float32).split(sizes)
    assert sum(sizes) < 2**24, "a float32 cannot count so far"
    numbered = {key: n.view_as(t) for (key, t), n in zip(theirs.items(), numbers, strict=True)}
    flat = torch.cat([tensor.flatten() for tensor in theirs.values()])
    for key, number in imported(numbered).state_dict().items():
        flat[number.flatten().long()] = ours[key].flatten()
    return {key: part.view_as(t) for (key, t), part in zip(theirs.items(), flat.split(sizes), strict=True)}


def looks(public: Any, sequences: Sequences, split: Split) -> Callable[[Scores], str]:
    """H@20 and N@20 of validation in percent, as the public trainer computes them."""
    items = torch.as_tensor(sequences.items, dtype=torch.int64)
    start, stop = (torch.as_tensor(a) for a in (split.validation.start, split.validation.stop))
    histories, targets = windows(items, start, stop, WINDOW), items[stop][:, None]

    def look(scores: Scores) -> str:
        with torch.no_grad():
            found = [
                public.trainer.hrs_and_ndcgs_k(scores(history, target), target, [20])
                for history, target in zip(histories.split(BATCH_SIZE), targets.split(BATCH_SIZE), strict=True)
            ]
        means = (100 * sum(batch[name] for batch in found) / len(found) for name in ("HR@20", "NDCG@20"))
        return " / ".join(f"{mean:.2f}" for mean in means)

    return look


def theirs(public: Any, net: Any, batches: Iterator[Batch], rate: float, look: Callable[[Scores], str]) -> None:
    """Train the public network by its trainer's step, saying what validation gives on the way."""

    def scores(history: Tensor, target: Tensor) -> Tensor:
        found: Tensor = net.fave_rep_pre(net(history, target, train_flag=False)[1])
        return found

    print(f"public code, stage 1, 30 steps: {look(scores)}", flush=True)
    net.switch_to_finetune()
    optimizer = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=rate)
    for number, batch in enumerate(batches):
        if number in LOOKS:
            net.eval()
            print(f"public code, {number} steps of stage 2: {look(scores)}", flush=True)
        net.train()
        optimizer.zero_grad()
        loss, f, *_ = net(batch.history, batch.target[:, None], 0.0, train_flag=True)
        (loss + ALPHA * net.loss_fave_tat(f, batch.target[:, None])).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), max_norm=CLIP)
        optimizer.step()


def turned(model: Fave, switches: list[str]) -> Fave:
    """The same weights with fields of the model's config set anew, each as NAME=VALUE."""
    chosen = dict(switch.split("=", 1) for switch in switches)
    found = Fave(Fave.Config.model_validate({**model.config.model_dump(), **chosen}), model.num_items)
    found.load_state_dict(model.state_dict())
    return found.eval()


def ours(model: Fave, batches: Iterator[Batch], rate: float, look: Callable[[Scores], str]) -> None:
    """The same with our model and our step, fp32 and not compiled."""

    def scores(history: Tensor, target: Tensor) -> Tensor:
        return model.scores(history, draw=StepDraw(0))

    print(f"ours, stage 1, 30 steps: {look(scores)}", flush=True)
    plan = presets.plan("ml-100k", "fave", "released", "", {"training.stages.finetune.learning_rate": rate})
    stage = plan.training.stages["finetune"]
    model.enter_stage("finetune")
    optimizer = make_optimizer(model, plan.training, stage)
    for number, batch in enumerate(batches):
        if number in LOOKS:
            model.eval()
            print(f"ours, {number} steps of stage 2: {look(scores)}", flush=True)
        model.train()
        train_step(model, batch, stage, optimizer)


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run", required=True, metavar="KEY", help="a run of FAVE released on ml-100k without stage 2")
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--steps", type=int, default=100, help="of stage 2 before the last look (default 100)")
    parser.add_argument("--switch", action="append", default=[], metavar="NAME=VALUE", help="of the model; repeatable")
    parser.add_argument("--rate", type=float, default=1e-4, help="learning rate (default 1e-4, as in the public YAML)")


def main() -> None:
    public, options = asked(__doc__, add)
    store, sequences = Store(options.results), data.load("ml-100k")
    model = restore(store, store.find(options.run), sequences, torch.device("cpu"))
    assert isinstance(model, Fave)
    torch.manual_seed(0)
    given = argparse.Namespace(**PUBLIC_YAML, item_num=sequences.num_items + 1)
    net = public.model.Att_Fave_model(public.model.create_model_Fave(given), given).eval()
    net.load_state_dict(exported(net.state_dict(), model.state_dict()))
    split = leave_one_out(sequences)
    samples = Samples(sequences, split, "prefix", WINDOW, torch.device("cpu"))
    chunks = samples.order(0, "finetune", 0).split(BATCH_SIZE)[: options.steps + 1]

    def batches() -> Iterator[Batch]:
        return (samples.batch(rows, seed_of(0, "finetune", 0, step)) for step, rows in enumerate(chunks))

    look = looks(public, sequences, split)
    if not options.switch:
        theirs(public, net, batches(), options.rate, look)
    ours(turned(model, options.switch), batches(), options.rate, look)


if __name__ == "__main__":
    main()
