"""Verb: run a whole profile — every model on every dataset — doing only what is missing, then render it all."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fave_bench.cli import Parser, add_device, add_results, entry, say
from fave_bench.errors import BenchError, UsageError, unknown

if TYPE_CHECKING:
    import torch

    from fave_bench.interruption import Interruption
    from fave_bench.records import Record, Store
    from fave_bench.runner import Run


@dataclass(frozen=True)
class Profile:
    """What a campaign covers, and how long each run may train."""

    description: str
    datasets: tuple[str, ...]
    seeds: tuple[int, ...]
    run_budget: float | None
    """Seconds of training a run; None trains to convergence."""
    quick: bool
    """Whether runs use the presets' tuning for short budgets."""


PROFILES = {
    "demo": Profile("synthetic data, under 2 minutes on 2 cores", ("demo",), (0,), 4, True),
    "quick": Profile(
        "MovieLens-100k, 60 s of training a run, under 20 minutes on 2 cores", ("ml-100k",), (0,), 60, True
    ),
    "full": Profile(
        "three datasets, three seeds, to convergence", ("ml-100k", "beauty", "steam"), (0, 1, 2), None, False
    ),
}


def parser() -> Parser:
    p = Parser(
        "campaign",
        "Run every model on every dataset of a profile, skip what is recorded, render tables, figures and report.\n\n"
        + "\n".join(f"  {name:6} {profile.description}" for name, profile in PROFILES.items()),
        "./run_all.sh --profile quick --models fave sasrec popularity",
    )
    p.add_argument("--profile", choices=PROFILES, default="quick", help="default: quick")
    p.add_argument("--datasets", nargs="+", metavar="NAME", help="instead of the profile's")
    p.add_argument("--models", nargs="+", metavar="NAME", help="instead of all registered models")
    p.add_argument("--seeds", nargs="+", type=int, metavar="N", help="instead of the profile's")
    p.add_argument("--time-budget", type=float, metavar="SECONDS", help="start or continue no run after this long")
    p.add_argument("--run-budget", type=float, metavar="SECONDS", help="train each run for so long at most")
    p.add_argument("--plan", action="store_true", help="print the runs with time estimates and start nothing")
    p.add_argument("--out", type=Path, default=Path("paper_tables"), metavar="DIR", help="where it is rendered to")
    add_device(p)
    add_results(p)
    return p


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    from fave_bench import published, table
    from fave_bench.efficiency.environment import resolve_device
    from fave_bench.interruption import Interruption
    from fave_bench.models import registry
    from fave_bench.records import Store

    began = time.monotonic()
    for option, seconds in (("--time-budget", arguments.time_budget), ("--run-budget", arguments.run_budget)):
        if seconds is not None and not seconds > 0:
            raise UsageError(f"{option} {seconds}: give a positive number of seconds")
    for name in arguments.models or ():
        if name not in registry.names():
            raise unknown("model", name, registry.names())
    device, store = resolve_device(arguments.device), Store(arguments.results)
    profile, datasets, problems = _available(PROFILES[arguments.profile], arguments.datasets, fetch=not arguments.plan)
    if arguments.run_budget:
        profile = replace(profile, run_budget=arguments.run_budget)
    runs, broken = _runs(profile, datasets, arguments.models or registry.names(), arguments.seeds, device)
    problems += broken
    if arguments.plan:
        _print_plan(runs, store, profile)
        for sentence in problems:
            print(f"not planned: {sentence}")
        return 0
    deadline = began + arguments.time_budget if arguments.time_budget else None
    with Interruption(deadline) as interruption:
        failed, left = _execute(runs, store, interruption)
    if any(True for _ in store.records()):
        table.main(["--name", "overall", "--format", "md", "--results", str(arguments.results)])
        print(f"\nreport: {published.write(arguments.results, arguments.out)[-1]}")
    for sentence in [*problems, *failed]:
        say(f"failed: {sentence}")
    if left:
        say(f"stopped with {left} runs to do; the same command goes on from there")
    return interruption.exit_code or int(bool(problems or failed))


def _available(profile: Profile, asked: Sequence[str] | None, *, fetch: bool) -> tuple[Profile, list[str], list[str]]:
    """The datasets that can be had; where the default profile has none, the synthetic demo stands in, loudly."""
    from fave_bench import data

    have, missing = [], []
    for name in asked or profile.datasets:
        if not fetch and not data.available(name):
            missing.append(f"{name} is not on this machine yet; running, or the verb prepare, looks for it")
            continue
        try:
            data.load(name)
            have.append(name)
        except BenchError as error:
            if asked:
                raise
            missing.append(str(error))
    if have or asked or not fetch:
        return profile, have, missing
    say(f"No real dataset can be had here, so this runs on SYNTHETIC data ('demo'): {missing[0]}")
    demo = PROFILES["demo"]
    return demo, list(demo.datasets), []


def _runs(
    profile: Profile,
    datasets: Sequence[str],
    models: Sequence[str],
    seeds: Sequence[int] | None,
    device: "torch.device",
) -> "tuple[list[Run], list[str]]":
    """All runs of the campaign, the first seed of everything before the second of anything; and what cannot be."""
    from fave_bench import presets
    from fave_bench.runner import Run, Spec

    runs, broken = [], {}
    for seed in seeds or profile.seeds:
        for dataset in datasets:
            for model in models:
                try:
                    for setting, variant in presets.rows(dataset, model):
                        spec = Spec(dataset, model, setting, variant, seed, quick=profile.quick)
                        runs.append(Run(replace(spec, time_budget=profile.run_budget), device))
                except BenchError as error:
                    broken[model] = str(error)
    return runs, list(broken.values())


def _execute(runs: "list[Run]", store: "Store", interruption: "Interruption") -> tuple[list[str], int]:
    """Do what is missing; one failed run never sinks the campaign. Returns failures, and how many runs are left."""
    from fave_bench.runner import summary, write_failure
    from fave_bench.training.loop import Stopped

    missing = [run for run in runs if run.recorded(store) is None]
    say(f"{len(runs) - len(missing)} of {len(runs)} runs are recorded in {store.root}/, {len(missing)} to do")
    failed: list[str] = []
    for number, run in enumerate(missing, 1):
        if interruption():
            return failed, len(missing) - number + 1
        say(f"[{number}/{len(missing)}] {run}")
        try:
            say("  " + summary(run.execute(store, interrupted=interruption)))
        except Stopped:
            return failed, len(missing) - number + 1
        except (BenchError, RuntimeError, OSError, ValueError) as error:
            write_failure(run, store, error)
            failed.append(f"{run}: {error}")
            say(f"  failed: {error}")
    return failed, 0


def _print_plan(runs: "list[Run]", store: "Store", profile: Profile) -> None:
    speeds = {(r.dataset.name, r.model, r.setting, r.variant): r for r in store.records()}
    total, unknown_runs = 0.0, 0
    for run in runs:
        if run.recorded(store):
            state = "recorded"
        else:
            like = speeds.get((run.spec.dataset, run.spec.model, run.plan.setting, run.variant))
            seconds = estimate(run, profile, like)
            total, unknown_runs = total + (seconds or 0), unknown_runs + (seconds is None)
            bound = "at most" if like and like.truncated and profile.run_budget is None else "about"
            state = f"to do, {bound} {_duration(seconds)}" if seconds is not None else "to do, time unknown"
        print(f"{run.key}  {run!s:50} {state}")
    print(
        f"{len(runs)} runs; {_duration(total)} to do at most"
        + (f", and {unknown_runs} without an estimate" * bool(unknown_runs))
    )


def estimate(run: "Run", profile: Profile, like: "Record | None") -> float | None:
    """Seconds a run will take: its budget, what a full run of the row took, or its epoch limit at a cut run's speed."""
    ranking = sum(_ranking_seconds(like)) if like else 0.0
    if run.kind.samples == "none":
        return ranking
    if profile.run_budget is not None:
        return profile.run_budget + ranking
    if like is None or not like.training.epochs:
        return None
    if like.truncated:
        limit = sum(stage.epochs for stage in run.plan.training.stages.values())
        return limit * like.training.seconds / like.training.epochs + ranking
    return like.training.seconds + ranking


def _ranking_seconds(record: "Record") -> Iterator[float]:
    if record.inference:
        yield record.inference.validation_seconds or 0.0
        yield record.inference.test_seconds or 0.0


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "?"
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )


if __name__ == "__main__":
    entry(main)
