"""Runs to do: which are recorded, how long the others take, and doing them one after the other.

What campaigns, ablations and sweeps have in common. One failed run never sinks the rest, a first Ctrl-C stops at a
checkpoint, and the same command goes on from there.
"""

import argparse
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from fave_bench.cli import add_device, add_json, add_results, say
from fave_bench.errors import BenchError, UsageError

if TYPE_CHECKING:
    from fave_bench.interruption import Interruption
    from fave_bench.records import Store
    from fave_bench.runner import Run
    from fave_bench.studies.catalogue import Changes


def add_limits(parser: argparse.ArgumentParser) -> None:
    """The options that say how long, and whether at all."""
    parser.add_argument("--time-budget", type=float, metavar="SECONDS", help="start or continue no run after this long")
    parser.add_argument("--run-budget", type=float, metavar="SECONDS", help="train each run for so long at most")
    parser.add_argument("--retry-failed", action="store_true", help="do only the runs that failed the last time")
    parser.add_argument("--plan", action="store_true", help="print the runs with time estimates and start nothing")


def add_fast(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--fast",
        action="store_true",
        help="bf16 and compiled training steps for the models that can be compiled: FAVE in half the time on a CPU",
    )


def add_study(parser: argparse.ArgumentParser) -> None:
    """The options of a study: several runs that one table or figure compares."""
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], metavar="N", help="default: 0")
    parser.add_argument("--quick", action="store_true", help="the presets' tuning for short budgets")
    parser.add_argument("--epochs", type=int, metavar="N", help="at most N epochs in every training stage")
    add_limits(parser)
    add_fast(parser)
    add_device(parser)
    add_results(parser)
    add_json(parser)


def deadline(arguments: argparse.Namespace) -> float | None:
    """When, on the monotonic clock, the time budget that starts now is over; UsageError for a budget that is none."""
    for option, seconds in (("--time-budget", arguments.time_budget), ("--run-budget", arguments.run_budget)):
        if seconds is not None and not seconds > 0:
            raise UsageError(f"{option} {seconds}: give a positive number of seconds")
    return time.monotonic() + arguments.time_budget if arguments.time_budget else None


def work_through(
    runs: "Sequence[Run]",
    store: "Store",
    *,
    until: float | None = None,
    share_stages: bool = False,
    retry_failed: bool = False,
    problems: Sequence[str] = (),
    unsuited: "Callable[[Run], str | None]" = lambda run: None,
    render: Callable[[], None],
) -> int:
    """Do what is missing before the deadline `until`, then `render`; the exit status, with a sentence per failure.

    `problems` are failures from before. `share_stages`: see `Run.execute`. `retry_failed`: only those that left a
    failed.json. `unsuited` says why a run should be left for another call, if it should.
    """
    from fave_bench.interruption import Interruption

    if retry_failed:
        runs = [run for run in runs if run.failed(store)]
    with Interruption(until) as interruption:
        failed, left = _execute(runs, store, interruption, share_stages, unsuited)
    if any(True for _ in store.records()):
        try:
            render()
        except BenchError as error:  # the records are safe, and how the runs ended matters more
            failed.append(str(error))
    for sentence in [*problems, *failed]:
        say(f"failed: {sentence}")
    if left:
        say(f"stopped with {left} runs to do; the same command goes on from there")
    return interruption.exit_code or int(bool(problems or failed))


def _execute(
    runs: "Sequence[Run]",
    store: "Store",
    interruption: "Interruption",
    share_stages: bool,
    unsuited: "Callable[[Run], str | None]",
) -> tuple[list[str], int]:
    """Failures, and how many runs are left."""
    from fave_bench.locking import ASK_EVERY, Busy
    from fave_bench.runner import summary, write_failure
    from fave_bench.training.loop import Stopped

    missing = [run for run in runs if run.finished(store) is None]
    say(f"{len(runs) - len(missing)} of {len(runs)} runs are recorded in {store.root}/, {len(missing)} to do")
    failed, put_off = list[str](), 0
    queue, elsewhere = deque(missing), set[str]()  # what another process is at goes to the queue's end
    while queue and not interruption():
        run = queue[0]
        if run.key in elsewhere:  # nothing else is left
            time.sleep(ASK_EVERY)
        else:
            say(f"[{len(missing) - len(queue) + len(elsewhere) + 1}/{len(missing)}] {run}")
        if why := unsuited(run):
            say(f"  left for another time: {why}")
            queue.popleft()
            put_off += 1
            continue
        try:
            say("  " + summary(run.execute(store, interrupted=interruption, share_stages=share_stages)))
        except Stopped:
            break
        except Busy:
            if run.key not in elsewhere:
                say("  another process is at this run; coming back to it when the others are done")
            elsewhere.add(run.key)
            queue.rotate(-1)
            continue
        except (BenchError, RuntimeError, OSError, ValueError) as error:
            write_failure(run, store, error)
            failed.append(f"{run}: {error}")
            say(f"  failed: {error}")
        queue.popleft()
    return failed, len(queue) + put_off


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
    arguments: argparse.Namespace, datasets: Sequence[str], model: str, setting: str, changes: "Sequence[Changes]"
) -> "list[Run]":
    """A run per seed, dataset and change; of those that come to the same, one."""
    from fave_bench.efficiency.environment import require_compiler, resolve_device
    from fave_bench.runner import Run, Spec

    device = resolve_device(arguments.device)
    if arguments.fast:
        require_compiler(device)
    specs = [
        Spec(
            dataset, model, setting, "", seed, overrides=dict(change), quick=arguments.quick,
            epochs=arguments.epochs, time_budget=arguments.run_budget,
        )
        for seed in arguments.seeds
        for dataset in datasets
        for change in changes
    ]  # fmt: skip
    runs = [Run(spec.fast() if arguments.fast else spec, device) for spec in specs]
    return list({run.key: run for run in runs}.values())


def print_plan(runs: "Sequence[Run]", store: "Store", problems: Sequence[str] = ()) -> None:
    """A line per run in the order of doing, with its state, a sum, and what could not even be planned."""
    from fave_bench.estimates import Estimates, in_words

    estimates = Estimates(store)
    total, unknown_runs, at_most = 0.0, 0, False
    for run in runs:
        found = None
        if run.recorded(store):
            state = "recorded"
        elif found := estimates.of(run):
            total, at_most = total + found.seconds, at_most or found.at_most
            state = f"to do, {'at most' if found.at_most else 'about'} {in_words(found.seconds)}"
        else:
            unknown_runs += 1
            state = "to do, time unknown"
        print(f"{run.key}  {run!s:50} {state}")
    print(
        f"{len(runs)} runs; {'at most' if at_most else 'about'} {in_words(total)} to do"
        + (f", and {unknown_runs} without an estimate" * bool(unknown_runs))
    )
    for sentence in problems:
        print(f"not planned: {sentence}")
