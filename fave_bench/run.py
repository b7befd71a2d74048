"""Verb: train and rank one model on one dataset, and record it."""

import json
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fave_bench import launcher
from fave_bench.cli import Parser, add_device, add_json, add_results, entry, say
from fave_bench.engines import Engine, add_engine, chosen
from fave_bench.errors import BenchError, UsageError
from fave_bench.worklist import add_epochs, add_look_steps, add_precision

if TYPE_CHECKING:
    from fave_bench.distributed import World


def parser() -> Parser:
    p = Parser(
        "run",
        "Train one model, rank every user's target exactly, and write one record under results/.\n"
        "torchrun starts it on several GPUs or processes: the same batches, draws and numbers, in less time.",
        "python -m fave_bench.run --dataset ml-100k --model fave --setting paper --seed 0 --time-budget 60\n"
        "  torchrun --nproc-per-node 2 -m fave_bench.run --dataset beauty --model fave",
    )
    p.add_argument("--dataset", metavar="NAME", help="catalogue name, or your own with --from")
    p.add_argument("--from", dest="source", type=Path, metavar="PATH", help="file or folder to read the data from")
    p.add_argument("--model", metavar="NAME", help="a file in baselines/, fave, or an installed model")
    p.add_argument("--setting", metavar="NAME", help="released, paper, … (default: the preset's first row)")
    p.add_argument("--variant", metavar="NAME", help="a variant of the preset, such as ce for sasrec")
    p.add_argument("--seed", type=int, metavar="N", help="default: 0")
    p.add_argument("--split", metavar="NAME", help="leave-one-out (default) or temporal")
    add_epochs(p)
    p.add_argument("--time-budget", type=float, metavar="SECONDS", help="stop training after this long; marks the run")
    p.add_argument("--quick", action="store_true", help="the preset's tuning for short budgets, as profile quick uses")
    p.add_argument("--compile", action="store_true", help="compile the training step: minutes to begin, faster after")
    add_precision(p)
    add_look_steps(p)
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="e.g. model.steps=1; repeatable")
    p.add_argument("--repeat", metavar="KEY", help="instead: do a recorded run again, and say whether it agrees")
    add_device(p)
    add_engine(p)
    add_results(p)
    add_json(p)
    return p


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    if arguments.repeat:
        return _repeat(arguments)
    if not (arguments.dataset and arguments.model):
        raise UsageError("give --dataset and --model, or --repeat with the key of a recorded run")
    if arguments.engine != "local" and launcher.size() > 1:
        raise UsageError("--engine: torchrun has started the processes of this run already; leave one of the two out")
    from fave_bench.distributed import together  # here, so that --help does not wait for torch

    engine = chosen(arguments)
    return together(lambda world: _run(arguments, engine, world), engine.device)


def _run(arguments: Namespace, engine: Engine, world: "World") -> int:
    from fave_bench import presets
    from fave_bench.interruption import Interruption
    from fave_bench.records import Store
    from fave_bench.records.run_file import dumps
    from fave_bench.runner import Run, summary
    from fave_bench.spec import Spec
    from fave_bench.training.loop import Stopped

    spec = Spec(
        dataset=arguments.dataset,
        model=arguments.model,
        setting=arguments.setting,
        variant=arguments.variant,
        seed=arguments.seed or 0,
        overrides=presets.parse_overrides(arguments.set),
        quick=arguments.quick,
        epochs=arguments.epochs,
        time_budget=arguments.time_budget,
        split=arguments.split or "leave-one-out",
        source=arguments.source,
        compiled=arguments.compile,
        precision=arguments.precision,
        look_steps=arguments.look_steps,
    )
    run, store = Run(spec, engine.device, world=world), Store(arguments.results)
    record = run.finished(store)
    if record:
        say(f"{run}: already recorded in {run.folder(store)}")
    else:
        with Interruption() as interruption:
            try:
                record = engine.execute(run, store, interruption)
            except Stopped:
                say(f"{run}: stopped; the same command goes on from the checkpoint")
                return interruption.exit_code
            except (RuntimeError, ValueError, MemoryError) as error:  # for a size that no memory holds
                raise BenchError(f"{run}: {error}") from error
    if arguments.json:
        print(dumps(record), end="")
    else:
        say(summary(record))
    return 0


def _repeat(arguments: Namespace) -> int:
    """The exit status says whether the repetition agrees, within noise at least."""
    if launcher.size() > 1:
        raise UsageError("--repeat: one process repeats a run, of however many it was; start it without torchrun")
    from fave_bench.efficiency.environment import resolve_device
    from fave_bench.interruption import Interruption
    from fave_bench.records import Store
    from fave_bench.repeat import repeat
    from fave_bench.training.loop import Stopped

    for option in (
        "dataset",
        "model",
        "setting",
        "variant",
        "seed",
        "split",
        "epochs",
        "time_budget",
        "set",
        "quick",
        "compile",
        "precision",
        "look_steps",
    ):
        if getattr(arguments, option) != parser().get_default(option):
            name = option.replace("_", "-")
            raise UsageError(f"--{name}: a repetition takes everything from the record; leave it out")
    if arguments.engine != "local" or arguments.ray_address:
        raise UsageError("--engine, --ray-address: a repetition is made on this machine; leave them out")
    store = Store(arguments.results)
    record, device = store.find(arguments.repeat), resolve_device(arguments.device)
    with Interruption() as interruption:
        try:
            found = repeat(store, record, device, source=arguments.source, interrupted=interruption)
        except Stopped:
            say(f"{record.key}: stopped; the same command goes on from the checkpoint")
            return interruption.exit_code
    if arguments.json:
        print(json.dumps(found.as_dict(), indent=1))
    else:
        print(f"{record.key} {record.dataset.name} {record.title}: {found.sentence()}")
    return int(found.verdict == "different")


if __name__ == "__main__":
    entry(main, shares=True)
