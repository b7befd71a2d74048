"""Speed of the authors' public FAVE code, the "before" of docs/benchmarks.md, on our batches and its own training step.

Needs a checkout of that code (github.com/Blue130/Fave), which is not part of this project:
    python benchmarks/public_fave.py --checkout ../Fave --datasets ml-100k beauty
"""

import argparse
import statistics
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fave_bench import data
from fave_bench.data.splits import leave_one_out
from fave_bench.data.windows import windows
from fave_bench.training.samples import Samples

BATCH_SIZE, WINDOW = 512, 50
PUBLIC_YAML = {
    "hidden_size": 128, "max_len": WINDOW, "num_blocks": 4, "dropout": 0.1, "emb_dropout": 0.3, "drop_path_rate": 0.2,
    "gamma_init": 0.01, "lambda_uncertainty": 0.001, "eps": 0.001, "eps_reverse": 0.001, "sample_N": 30,
    "m_logNorm": 1.0, "s_logNorm": 0.6, "s_modsamp": 1.0, "sampling_method": "mode", "last": 2, "mask_ratio": 1.0,
    "mask_end": 0.75, "train_mask_ratio": 0.5, "infer_mask_ratio": 0.6, "loss_pretrain_weight": 0.3,
    "loss_aux_weight": 0.5, "loss_straight_weight": 0.1, "batch_size": BATCH_SIZE, "device": "cpu",
}  # fmt: skip
ALPHA, CLIP, KS = 0.2, 1.0, [5, 10, 20]


def public_code(checkout: Path) -> Any:
    """The modules `model` and `auto_trainer`; packages that they import and never use are stood in for."""
    for name, attributes in {
        "timm": (), "timm.models": (), "timm.models.vision_transformer": ("PatchEmbed", "Attention", "Mlp"),
        "thop": ("profile", "clever_format"),
    }.items():  # fmt: skip
        module = types.ModuleType(name)
        for attribute in attributes:
            setattr(module, attribute, None)
        sys.modules.setdefault(name, module)
    sys.path.insert(0, str(checkout / "src"))
    import auto_trainer
    import model

    return types.SimpleNamespace(model=model, trainer=auto_trainer)


def median_seconds(work: Callable[[int], object], times: int) -> float:
    for number in range(2):
        work(number)
    seconds = []
    for number in range(times):
        began = time.perf_counter()
        work(number + 2)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def measure(public: Any, dataset: str) -> None:
    sequences = data.load(dataset)
    split = leave_one_out(sequences)
    options = argparse.Namespace(**PUBLIC_YAML, item_num=sequences.num_items + 1)
    torch.manual_seed(0)
    net = public.model.Att_Fave_model(public.model.create_model_Fave(options), options)
    samples = Samples(sequences, split, "prefix", WINDOW, torch.device("cpu"))
    chunks = samples.order(0, "benchmark", 0).split(BATCH_SIZE)
    for stage, rate in (("pretrain", 1e-3), ("finetune", 1e-4)):
        net.stage = stage
        if stage == "finetune":
            net.switch_to_finetune()
        optimizer = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=rate)
        net.train()

        def step(number: int, optimizer: torch.optim.Optimizer = optimizer) -> float:
            batch = samples.batch(chunks[number], number)
            target = batch.target[:, None]
            optimizer.zero_grad()
            loss, f, *_ = net(batch.history, target, 0.0, train_flag=True)
            loss = loss + ALPHA * net.loss_fave_tat(f, target)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), max_norm=CLIP)
            optimizer.step()
            return float(loss.detach())

        seconds = median_seconds(step, 5)
        print(f"{dataset} {stage}: {BATCH_SIZE / seconds:.1f} samples/s ({1000 * seconds:.0f} ms a step)", flush=True)
    net.eval()
    items = torch.as_tensor(sequences.items, dtype=torch.int64)
    asked = [torch.as_tensor(a) for a in (split.test.start, split.test.stop)]
    histories, targets = windows(items, *asked, WINDOW), items[asked[1]][:, None]

    def best(history: Tensor, target: Tensor) -> Tensor:
        scores: Tensor = net.fave_rep_pre(net(history, target, train_flag=False)[1])
        return scores

    with torch.no_grad():
        one = median_seconds(lambda n: best(histories[n % 900][None], targets[n % 900][None]).topk(20), 100)
        print(f"{dataset} one step, one user: {1000 * one:.3f} ms, p50 of 100", flush=True)
        began = time.perf_counter()
        for history, target in zip(histories.split(BATCH_SIZE), targets.split(BATCH_SIZE), strict=True):
            public.trainer.hrs_and_ndcgs_k(best(history, target), target, KS)
        print(f"{dataset} test set, one step: {time.perf_counter() - began:.2f} s", flush=True)


def asked(doc: str | None, add: Callable[[argparse.ArgumentParser], object]) -> tuple[Any, argparse.Namespace]:
    """The public code in the folder that the command line names, and the options that `add` gave the parser."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkout", type=Path, required=True, help="folder of the public code")
    add(parser)
    options = parser.parse_args()
    if not (options.checkout / "src" / "auto_trainer.py").is_file():
        parser.error(f"--checkout: {options.checkout} has no src/auto_trainer.py; clone github.com/Blue130/Fave there")
    return public_code(options.checkout), options


def add_datasets(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--datasets", nargs="+", default=["ml-100k", "beauty"])


def main() -> None:
    public, options = asked(__doc__, add_datasets)
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}")
    for dataset in options.datasets:
        measure(public, dataset)


if __name__ == "__main__":
    main()
