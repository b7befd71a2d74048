"""Runs to do: having an engine do those that are not recorded.

What campaigns, ablations and sweeps have in common. One failed run never sinks the rest, a first Ctrl-C stops at a
checkpoint, and the same command goes on from there.
"""

import argparse
import math
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from fave_bench.cli import add_device, add_json, add_results, say
from fave_bench.engines import Engine, PutOff, add_engine
from fave_bench.errors import BenchError, UsageError
from fave_bench.slices import add_pack

if TYPE_CHECKING:
    from fave_bench.interruption import Interruption
    from fave_bench.records import Store
    from fave_bench.runner import Run
    from fave_bench.spec import Spec
    from fave_bench.studies.catalogue import Changes


def add_limits(parser: argparse.ArgumentParser) -> None:
    """The options that say how long, and whether at all."""
    parser.add_argument("--time-budget", type=float, metavar="SECONDS", help="start or continue no run after this long")
    parser.add_argument("--run-budget", type=float, metavar="SECONDS", help="train each run for so long at most")
    parser.add_argument("--retry-failed", action="store_true", help="do only the runs that failed the last time")
    parser.add_argument("--plan", action="store_true", help="print the runs with time estimates and start nothing")


def add_speed(parser: argparse.ArgumentParser) -> None:
    """The options that make training faster where a model allows it; see `in_a_hurry`."""
    parser.add_argument(
        "--fast",
        action="store_true",
        help="compiled training steps, in bf16 where the device has instructions for it, for the models that can be "
        "compiled: FAVE in half the time on such a CPU",
    )
    add_precision(parser)
    add_look_steps(parser)


def add_epochs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--epochs",
        type=int,
        metavar="N",
        help="at most N epochs in every training stage; fewer than usual mark the run",
    )


def add_precision(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--precision",
        choices=("fp32", "tf32", "bf16"),
        help="of training, instead of the preset's; tf32 on a GPU alone, in whose matrix products it is fast",
    )


def add_look_steps(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--look-steps",
        type=int,
        metavar="N",
        help="sampler steps at looks at validation, instead of the model's own, in which the end is ranked all the "
        "same; thirty of FAVE's take longer on Beauty than the pass before them",
    )


def in_a_hurry(specs: "Sequence[Spec]", arguments: argparse.Namespace) -> "list[Spec]":
    """The runs as the options of `add_speed` want them."""
    hurried = [spec.looking_in(arguments.look_steps) for spec in specs]
    if arguments.fast:
        hurried = [spec.fast() for spec in hurried]
    return [replace(spec, precision=arguments.precision) for spec in hurried] if arguments.precision else hurried


def add_study(parser: argparse.ArgumentParser) -> None:
    """The options of a study: several runs that one table or figure compares."""
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], metavar="N", help="default: 0")
    parser.add_argument("--quick", action="store_true", help="the presets' tuning for short budgets")
    add_epochs(parser)
    add_limits(parser)
    add_speed(parser)
    add_pack(parser)
    add_device(parser)
    add_engine(parser, several=True)
    add_results(parser)
    add_json(parser)


def deadline(arguments: argparse.Namespace) -> float | None:
    """When, on the monotonic clock, the time budget that starts now is over.

    UsageError, before anything is trained, for a budget, steps or a folder of --out that are none.
    """
    for option, seconds in (("--time-budget", arguments.time_budget), ("--run-budget", arguments.run_budget)):
        if seconds is not None and not 0 < seconds < math.inf:
            raise UsageError(f"{option} {seconds}: give a positive number of seconds")
    if arguments.look_steps is not None and arguments.look_steps < 1:
        raise UsageError(f"--look-steps {arguments.look_steps}: give a positive number of sampler steps")
    if arguments.out.exists() and not arguments.out.is_dir():
        raise UsageError(f"--out {arguments.out}: a file is there; give a folder")
    return time.monotonic() + arguments.time_budget if arguments.time_budget else None


def wanted(runs: "Sequence[Run]", store: "Store", arguments: argparse.Namespace) -> "Sequence[Run]":
    """All runs, or with --retry-failed those that left a failed.json."""
    return [run for run in runs if run.failed(store)] if arguments.retry_failed else runs


def work_through(
    runs: "Sequence[Run]",
    store: "Store",
    engine: Engine,
    *,
    until: float | None = None,
    problems: Sequence[str] = (),
    render: Callable[[], None],
    pack: Callable[[], None],
) -> int:
    """Have `engine` do what is missing before the deadline `until`, then `pack` and `render`; the exit status.

    Stages that runs have in common are trained once. A sentence is said per failure; `problems` are failures from
    before.
    """
    from fave_bench.interruption import Interruption

    with Interruption(until) as interruption:
        failed, left = _execute(runs, store, engine, interruption)
        pack()
    if any(True for _ in store.records()):
        try:
            render()
        except (BenchError, OSError) as error:  # the records are safe, and how the runs ended matters more
            failed.append(str(error))
    for sentence in [*problems, *failed]:
        say(f"failed: {sentence}")
    if left:
        say(f"stopped with {left} runs to do; the same command goes on from there")
    return interruption.exit_code or int(bool(problems or failed))


def _execute(
    runs: "Sequence[Run]", store: "Store", engine: Engine, interruption: "Interruption"
) -> tuple[list[str], int]:
    """Failures, and how many runs are left."""
    from fave_bench.runner import summary, write_failure

    missing = [run for run in runs if run.finished(store) is None]
    say(f"{len(runs) - len(missing)} of {len(runs)} runs are recorded in {store.root}/, {len(missing)} to do")
    failed: list[str] = []
    left = len(missing)
    with closing(engine.outcomes(missing, store, interruption, share_stages=True)) as outcomes:
        for run, outcome in outcomes:
            if isinstance(outcome, PutOff):
                say(f"  left for another time: {outcome}")
                continue
            left -= 1
            if isinstance(outcome, Exception):
                with suppress(OSError):  # where no record can be written, no failed.json can: it is said all the same
                    write_failure(run, store, outcome)
                failed.append(f"{run}: {outcome}")
                say(f"  failed: {run}: {outcome}")
            else:
                say("  " + summary(outcome))
    return failed, left


def at_hand(asked: Sequence[str] | None, usual: Sequence[str]) -> list[str]:
    """The datasets asked for, else those of the usual ones that need no network; BenchError where there are none."""
    from fave_bench import data

    found = list(asked or filter(data.available, usual))
    if not found:
        raise BenchError(
            f"none of {', '.join(usual)} is on this machine; get one, as with "
            f"`python -m fave_bench.prepare --dataset {usual[0]}`, or name others with --datasets"
        )
    return found


def study(
    arguments: argparse.Namespace,
    engine: Engine,
    store: "Store",
    datasets: Sequence[str],
    model: str,
    setting: str,
    changes: "Sequence[Changes]",
) -> "list[Run]":
    """A run per seed, dataset and change; of those that come to the same, one."""
    from fave_bench.runner import suited
    from fave_bench.spec import Spec

    specs = [
        Spec(
            dataset, model, setting, "", seed, overrides=dict(change), quick=arguments.quick,
            epochs=arguments.epochs, time_budget=arguments.run_budget,
        )
        for seed in arguments.seeds
        for dataset in datasets
        for change in changes
    ]  # fmt: skip
    runs = suited(in_a_hurry(specs, arguments), engine.device, store)
    return list({run.key: run for run in runs}.values())
