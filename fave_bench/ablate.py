"""Verb: train the variants of an ablation that are not recorded yet, then render their table."""

from collections.abc import Sequence
from pathlib import Path

from fave_bench.cli import Parser, entry
from fave_bench.errors import unknown
from fave_bench.plan import print_plan
from fave_bench.slices import engine_of, packing
from fave_bench.studies.catalogue import families
from fave_bench.worklist import add_study, at_hand, deadline, study, wanted, work_through


def parser() -> Parser:
    p = Parser(
        "ablate",
        "Train a model without each of its parts, or with each of its switches turned, one record a variant, and\n"
        "render what each is worth. A first training stage that variants have in common is trained once.\n\n"
        + "\n".join(f"  {name:8}  {family.about}" for name, family in families().items()),
        "python -m fave_bench.ablate --family paper --datasets ml-100k --quick --run-budget 60",
    )
    p.add_argument("--family", default="paper", metavar="NAME", help=f"{', '.join(families())} (default paper)")
    p.add_argument("--variants", nargs="+", metavar="NAME", help="only these of the family's, and the full model")
    p.add_argument("--datasets", nargs="+", metavar="NAME", help="default: the family's, where they are at hand")
    p.add_argument("--setting", metavar="NAME", help="vary this setting instead of the family's")
    p.add_argument("--out", type=Path, default=Path("paper_tables"), metavar="DIR", help="where the table goes")
    add_study(p)
    return p


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    from fave_bench import table
    from fave_bench.records import Store

    if arguments.family not in families():
        raise unknown("family", arguments.family, families())
    until, family, pack = deadline(arguments), families()[arguments.family], packing(arguments)
    store = Store(arguments.results)
    engine = engine_of(arguments, store, until)
    datasets, setting = at_hand(arguments.datasets, family.datasets), arguments.setting or family.setting
    for name in arguments.variants or ():
        if name not in family.variants:
            raise unknown(f"variant of family {arguments.family}", name, family.variants)
    changes = family.runs(arguments.variants)
    runs = wanted(study(arguments, engine, store, datasets, family.model, setting, changes), store, arguments)
    if arguments.plan:
        print_plan(runs, store, as_json=arguments.json)
        return 0

    def render() -> None:
        shown = ["--json"] if arguments.json else ["--out", str(arguments.out)]
        table.main(["--name", "ablation", "--results", str(arguments.results), *shown])

    return work_through(runs, store, engine, until=until, render=render, pack=pack)


if __name__ == "__main__":
    entry(main)
