"""Verb: run a whole profile — every model on every dataset — doing only what is missing, then render it all."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fave_bench.cli import Parser, add_device, add_results, entry, say
from fave_bench.engines import add_engine, chosen
from fave_bench.errors import BenchError, unknown
from fave_bench.worklist import add_limits, deadline, print_plan, work_through

if TYPE_CHECKING:
    import torch

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
    add_limits(p)
    p.add_argument("--out", type=Path, default=Path("paper_tables"), metavar="DIR", help="where it is rendered to")
    add_device(p)
    add_engine(p)
    add_results(p)
    return p


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    from fave_bench import published, table
    from fave_bench.models import registry
    from fave_bench.records import Store

    until = deadline(arguments)
    for name in arguments.models or ():
        if name not in registry.names():
            raise unknown("model", name, registry.names())
    engine, store = chosen(arguments), Store(arguments.results)
    profile, datasets, problems = _available(PROFILES[arguments.profile], arguments.datasets, fetch=not arguments.plan)
    if arguments.run_budget:
        profile = replace(profile, run_budget=arguments.run_budget)
    runs, broken = _runs(profile, datasets, arguments.models or registry.names(), arguments.seeds, engine.device)
    problems += broken
    if arguments.plan:
        print_plan(runs, store, problems)
        return 0

    def render() -> None:
        table.main(["--name", "overall", "--format", "md", "--results", str(arguments.results)])
        print(f"\nreport: {published.write(arguments.results, arguments.out)[-1]}")

    retry = arguments.retry_failed
    return work_through(runs, store, engine, until=until, retry_failed=retry, problems=problems, render=render)


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


if __name__ == "__main__":
    entry(main)
