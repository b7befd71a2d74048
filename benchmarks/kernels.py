"""Where the time of a training step goes, operation by operation: real batches through the trainer's own step.

Run: python benchmarks/kernels.py fave/released/finetune fmrec/released/train --dataset beauty --compile

On a GPU the step is recorded where the trainer would record it. It is timed twice: until the host has asked for it, and
until the device is done. Where the two are equal, the host is what a step waits for.
"""

import argparse
import itertools
import time

import torch
from torch.profiler import ProfilerActivity, profile

from fave_bench.efficiency.environment import device_name, resolve_device
from fave_bench.efficiency.timing import synchronise
from fave_bench.presets import parse_overrides
from fave_bench.randomness import seed_of
from fave_bench.runner import Run
from fave_bench.spec import Spec
from fave_bench.training.compiling import CompiledStep
from fave_bench.training.optimizer import make_optimizer
from fave_bench.training.recorded import WARM_UP, make_step
from fave_bench.training.samples import Samples

PROFILED, OPERATIONS = 3, 25


def main() -> None:
    arguments = asked()
    device = resolve_device(arguments.device)
    print(device_name(device))
    for subject in arguments.subject:
        profiled(*subject.split("/"), device, arguments)


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("subject", nargs="+", help="MODEL/SETTING/STAGE")
    parser.add_argument("--dataset", default="ml-100k")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--precision", choices=("fp32", "tf32", "bf16"), default="fp32")
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="e.g. model.key_mask=on; repeatable"
    )
    parser.add_argument("--steps", type=int, default=40)
    return parser.parse_args()


def profiled(model_name: str, setting: str, stage: str, device: torch.device, arguments: argparse.Namespace) -> None:
    began = time.perf_counter()
    changes = parse_overrides(arguments.set)
    run = Run(Spec(arguments.dataset, model_name, setting, overrides=changes, precision=arguments.precision), device)
    training, window = run.plan.training, run.plan.model_config.window
    model = run.kind(run.plan.model_config, run.sequences.num_items).to(device)
    model.fit(run.sequences, run.split)
    model.enter_stage(stage)
    model.train()
    samples = Samples(run.sequences, run.split, model.samples, window, device, sort=model.padding_free)
    optimizer = make_optimizer(model, training, training.stages[stage])
    batches = itertools.cycle(samples.order(0, stage, 0).split(training.batch_size)[:-1])
    count, execution = itertools.count(), CompiledStep(model, wanted=arguments.compile)
    size, precision = training.batch_size, training.precision
    take = make_step(model, training.stages[stage], optimizer, execution, size=size, precision=precision)

    def steps(number: int) -> None:
        for _ in range(number):
            take(samples.batch(next(batches), seed_of(0, stage, 0, next(count))))

    steps(WARM_UP + 1)
    synchronise(device)
    ready = time.perf_counter()
    steps(arguments.steps)
    host = time.perf_counter() - ready
    synchronise(device)
    total = time.perf_counter() - ready
    milliseconds, on_host = (1000 * seconds / arguments.steps for seconds in (total, host))
    print(
        f"\n{run} {stage}: {milliseconds:.2f} ms a step, of which the host {on_host:.2f}; "
        f"a pass {milliseconds * len(samples) / training.batch_size / 1000:.1f} s; ready after {ready - began:.0f} s"
    )
    cuda = device.type == "cuda"
    with profile(activities=[ProfilerActivity.CPU, *[ProfilerActivity.CUDA] * cuda]) as found:
        steps(PROFILED)
        synchronise(device)
    by = f"self_{'cuda' if cuda else 'cpu'}_time_total"
    print(found.key_averages().table(sort_by=by, row_limit=OPERATIONS, max_name_column_width=60))


if __name__ == "__main__":
    main()
