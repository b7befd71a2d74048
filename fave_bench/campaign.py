"""Verb: run a whole profile — every model on every dataset — doing only what is missing, then render it all."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fave_bench.cli import Parser, add_device, add_json, add_results, entry, say
from fave_bench.engines import add_engine
from fave_bench.errors import BenchError, unknown
from fave_bench.plan import print_plan
from fave_bench.slices import add_pack, engine_of, packing
from fave_bench.studies.catalogue import campaign_order, families
from fave_bench.worklist import add_limits, add_speed, deadline, in_a_hurry, wanted, work_through

if TYPE_CHECKING:
    import torch

    from fave_bench.records import Store
    from fave_bench.runner import Run
    from fave_bench.spec import Spec

    Group = Sequence[Spec]
    """Runs that are compared with each other."""


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
    studies: bool = False
    """Whether changed rows and families of ablations follow the rows."""


PROFILES = {
    "demo": Profile("synthetic data, under 2 minutes on 2 cores", ("demo",), (0,), 4, True),
    "quick": Profile(
        "MovieLens-100k, 60 s of training a run, under 20 minutes on 2 cores", ("ml-100k",), (0,), 60, True
    ),
    "full": Profile(
        "three datasets, three seeds, to convergence; then rivals in one step, and the ablations of Table 2",
        ("ml-100k", "beauty", "steam"), (0, 1, 2), None, False, studies=True,
    ),
}  # fmt: skip


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
    add_speed(p)
    add_pack(p)
    p.add_argument("--out", type=Path, default=Path("paper_tables"), metavar="DIR", help="where it is rendered to")
    add_device(p)
    add_engine(p, several=True)
    add_results(p)
    add_json(p)
    return p


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    from fave_bench import published, table
    from fave_bench.efficiency.environment import require_compiler
    from fave_bench.models import registry
    from fave_bench.records import Store

    until, pack = deadline(arguments), packing(arguments)
    for name in arguments.models or ():
        if name not in registry.names():
            raise unknown("model", name, registry.names())
    store = Store(arguments.results)
    engine = engine_of(arguments, store, until)
    profile, datasets, problems = _available(PROFILES[arguments.profile], arguments.datasets, fetch=not arguments.plan)
    profile = replace(
        profile, run_budget=arguments.run_budget or profile.run_budget, seeds=tuple(arguments.seeds or profile.seeds)
    )
    if arguments.fast:
        require_compiler(engine.device)
    models = arguments.models or registry.names()
    planned, broken = _runs(profile, datasets, models, engine.device, store, lambda specs: in_a_hurry(specs, arguments))
    problems += broken
    runs = wanted(planned, store, arguments)
    if arguments.plan:
        print_plan(runs, store, problems, as_json=arguments.json)
        return 0

    def render() -> None:
        shown = ["--json"] if arguments.json else ["--format", "md"]
        table.main(["--name", "overall", "--results", str(arguments.results), *shown])
        page = published.write(arguments.results, arguments.out)[-1]
        (say if arguments.json else print)(f"\nreport: {page}")

    return work_through(runs, store, engine, until=until, problems=problems, render=render, pack=pack)


def _available(profile: Profile, asked: Sequence[str] | None, *, fetch: bool) -> tuple[Profile, list[str], list[str]]:
    """The datasets that can be had; where the default profile has none, the synthetic demo stands in, loudly."""
    from fave_bench import data
    from fave_bench.data import catalogue

    have, missing = [], []
    for name in asked or profile.datasets:
        if not fetch and name in catalogue.entries() and not data.available(name):
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
    device: "torch.device",
    store: "Store",
    hurried: "Callable[[list[Spec]], list[Spec]]" = list,
) -> "tuple[list[Run], list[str]]":
    """All runs of the campaign in the order of doing: the first seed of everything before the second of anything,
    changed rows and ablations after all rows; and what cannot be. `hurried` gives each group its options."""
    from fave_bench.runner import Run, suited

    runs, broken = dict[str, Run](), dict[str, str]()

    def planned(kind: "Callable[[str, str], list[Group]]", dataset: str, model: str, seed: int) -> Iterator[Run]:
        """A model that cannot be loaded, or planned, breaks only itself."""
        try:
            for group in kind(dataset, model):
                specs = [replace(s, seed=seed, quick=profile.quick, time_budget=profile.run_budget) for s in group]
                yield from suited(hurried(specs), device, store)
        except BenchError as error:
            broken[model] = str(error)

    for kind in (_rows, _further, _ablations) if profile.studies else (_rows,):
        for seed in profile.seeds:
            for dataset in datasets:
                found = [run for model in models for run in planned(kind, dataset, model, seed)]
                runs |= {run.key: run for run in sorted(found, key=_place) if run.key not in runs}
    return list(runs.values()), list(broken.values())


def _place(run: "Run") -> int:
    """Where campaign.toml wants it among runs of its kind."""
    return campaign_order().place(f"{run.spec.model}/{run.plan.setting}/{run.plan.variant}")


def _rows(dataset: str, model: str) -> "list[Group]":
    """The rows of the model's preset."""
    from fave_bench import presets
    from fave_bench.spec import Spec

    return [[Spec(dataset, model, *row)] for row in presets.rows(dataset, model)]


def _further(dataset: str, model: str) -> "list[Group]":
    """The model's changed rows that campaign.toml names."""
    from fave_bench.spec import Spec

    found: list[Group] = []
    for further in campaign_order().further:
        name, setting, variant = (*further.row.split("/"), "")[:3]
        if name == model:
            found.append([Spec(dataset, model, setting, variant, overrides=dict(further.changes))])
    return found


def _ablations(dataset: str, model: str) -> "list[Group]":
    """The full model and its variants, of each family that campaign.toml names, where it covers model and dataset."""
    from fave_bench.spec import Spec

    return [
        [Spec(dataset, model, family.setting, "", overrides=dict(changes)) for changes in family.runs()]
        for family in (families()[name] for name in campaign_order().families)
        if family.model == model and dataset in family.datasets
    ]


if __name__ == "__main__":
    entry(main)
