"""Verb: train a model at every value of a hyper-parameter that is not recorded yet, then draw the curves."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fave_bench.cli import Parser, entry
from fave_bench.engines import Engine
from fave_bench.errors import UsageError, unknown
from fave_bench.plan import print_plan
from fave_bench.slices import engine_of, packing
from fave_bench.studies.catalogue import Sweep, sweeps
from fave_bench.worklist import add_study, at_hand, deadline, study, wanted, work_through

if TYPE_CHECKING:
    from fave_bench.records import Store
    from fave_bench.runner import Run


def parser() -> Parser:
    p = Parser(
        "sweep",
        "Train a model at every value of a hyper-parameter, one record a value, and draw how much it matters. A first\n"
        "training stage that values have in common is trained once.\n\n"
        + "\n".join(f"  {name:6} {_about(sweep)}" for name, sweep in sweeps().items()),
        "python -m fave_bench.sweep --parameter gamma --values 0 0.1 1 --datasets ml-100k --quick --run-budget 60",
    )
    p.add_argument("--parameter", nargs="+", metavar="NAME", help=f"default: {' '.join(sweeps())}")
    p.add_argument("--values", nargs="+", type=float, metavar="X", help="instead of the grid, for one parameter")
    p.add_argument(
        "--datasets", "--dataset", nargs="+", metavar="NAME", help="default: the sweep's, where they are at hand"
    )
    p.add_argument(
        "--out", type=Path, default=Path("paper_tables/figures"), metavar="DIR", help="where the figure goes"
    )
    add_study(p)
    return p


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    from fave_bench import figure
    from fave_bench.records import Store

    asked, until, pack = arguments.parameter or list(sweeps()), deadline(arguments), packing(arguments)
    store = Store(arguments.results)
    for name in asked:
        if name not in sweeps():
            raise unknown("parameter", name, sweeps())
    if arguments.values and len(asked) != 1:
        raise UsageError("--values: say of which one parameter, with --parameter NAME")
    engine = engine_of(arguments, store, until)
    found = [run for name in asked for run in _runs(sweeps()[name], arguments, engine, store)]
    distinct = list({run.key: run for run in found}.values())  # parameters meet in the setting's own values
    runs = wanted(distinct, store, arguments)
    if arguments.plan:
        print_plan(runs, store, as_json=arguments.json)
        return 0

    def render() -> None:
        shown = ["--json"] if arguments.json else ["--out", str(arguments.out)]
        figure.main(["--name", "hyperparameters", "--results", str(arguments.results), *shown])

    return work_through(runs, store, engine, until=until, render=render, pack=pack)


def _runs(sweep: Sweep, arguments: argparse.Namespace, engine: Engine, store: "Store") -> "list[Run]":
    changes = [dict.fromkeys(sweep.keys, value) for value in arguments.values or sweep.values]
    datasets = at_hand(arguments.datasets, sweep.datasets)
    return study(arguments, engine, store, datasets, sweep.model, sweep.setting, changes)


def _about(sweep: Sweep) -> str:
    return f"{sweep.symbol}, {sweep.meaning}: {', '.join(f'{value:g}' for value in sweep.values)}"


if __name__ == "__main__":
    entry(main)
