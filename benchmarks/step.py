"""Samples per second of FAVE's training steps on synthetic histories, forward, backward and optimiser.

    python benchmarks/step.py --stage pretrain --items 1682 --mean-length 39 --precision bf16

For CPU figures keep glibc from giving large blocks back to the kernel after every step:
    MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=8589934592 MALLOC_TOP_PAD_=268435456
"""

import argparse
import json
import statistics
import time

import torch

from fave_bench.models import registry
from fave_bench.models.contract import Batch, Recommender
from fave_bench.randomness import StepDraw


def synthetic_batch(size: int, window: int, items: int, mean_length: float, seed: int, device: str) -> Batch:
    """Random left-padded histories whose lengths average `mean_length` (all full when it is the window)."""
    generator = torch.Generator().manual_seed(seed)
    spread = torch.empty(size).exponential_(1 / mean_length, generator=generator)
    length = spread.round().clamp(1, window) if mean_length < window else torch.full((size,), window)
    ids = torch.randint(1, items + 1, (size, window + 1), generator=generator)
    history = ids[:, :-1] * (torch.arange(window) >= window - length[:, None])
    return Batch(
        users=torch.arange(size, device=device),
        history=history.to(device),
        target=ids[:, -1].to(device),
        draw=StepDraw(seed, device),
    )


def step_seconds(model: Recommender, batches: list[Batch], precision: str) -> list[float]:
    """Seconds of one optimiser step on each batch."""
    device = batches[0].history.device.type
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 1e-3, fused=True)
    seconds = []
    for number, batch in enumerate(batches):
        torch.manual_seed(number)
        _wait(device)
        started = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
            losses = model.losses(batch)
        torch.stack(list(losses.values())).sum().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        _wait(device)
        seconds.append(time.perf_counter() - started)
    return seconds


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="fave")
    parser.add_argument("--stage", default="pretrain", choices=["pretrain", "finetune"])
    parser.add_argument("--items", type=int, default=1682)
    parser.add_argument("--batch-size", type=int, default=512)
    parser.add_argument("--mean-length", type=float, default=39.2, help="mean history length; the window is 50")
    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"])
    parser.add_argument("--steps", type=int, default=6, help="timed steps after two warm-up steps")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()

    torch.manual_seed(0)
    kind = registry.load(options.model)
    model = kind(kind.Config(), options.items).to(options.device).train()
    model.enter_stage(options.stage)
    sizes = options.batch_size, model.config.window, options.items, options.mean_length
    batches = [synthetic_batch(*sizes, seed, options.device) for seed in range(options.steps + 2)]
    median = statistics.median(step_seconds(model, batches, options.precision)[2:])
    measured = {"median_seconds": round(median, 4), "samples_per_second": round(options.batch_size / median, 1)}
    print(json.dumps(vars(options) | measured))


if __name__ == "__main__":
    main()
