"""Verb: measure what models cost, and what their recorded runs do — at other numbers of steps, on their way."""

import importlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from fave_bench.cli import Parser, add_device, add_json, add_results, entry, say
from fave_bench.errors import UsageError, unknown
from fave_bench.interruption import ended_by_sigterm
from fave_bench.records.measurements import Execution, Measurement, What, as_lines, write
from fave_bench.records.row import Row

if TYPE_CHECKING:
    import torch

DATASETS = ("ml-100k", "beauty", "steam")
OF_RUNS = frozenset(("steps", "trajectories", "priors"))
"""What is measured of recorded runs, on whatever data they are of."""
MOST = 1_000_000
"""Users a call, or sampler steps, that may be asked for."""


@dataclass(frozen=True)
class Request:
    """What to measure. Empty tuples mean: all there are; of cost and speed, datasets are named."""

    models: tuple[str, ...]
    datasets: tuple[str, ...]
    settings: tuple[str, ...]
    device: "torch.device"
    results: Path
    seconds: float
    """Shortest time to spend on one number."""
    batch_sizes: tuple[int, ...] = (1, 512)
    """Users a call, of latency."""
    executions: tuple[Execution, ...] = get_args(Execution)
    """Of latency."""
    steps: tuple[int, ...] = ()
    """Of latency: numbers of sampler steps beside each generative model's own and one."""
    test_set: bool = True
    """Whether latency also times whole test sets."""
    compiled: bool = False
    """Whether training is timed with compiled steps, of the models that have something to compile."""


def parser() -> Parser:
    p = Parser(
        "measure",
        "Measure cost and speed, and keep the rows below results/measured/.\n\n"
        "  flops         multiply-accumulates of scoring one user, in the papers' convention and complete\n"
        "  latency       from a history to its 20 best items, one user and 512, as released, eager and optimised\n"
        "  training      samples a second, model by model and stage by stage\n"
        "  scale         time and memory on Steam-shaped data, and how they grow\n"
        "  steps         accuracy of recorded runs whose weights are on this machine, in other numbers of steps\n"
        "  trajectories  these runs' states from the prior to the prediction, in a plane, and how straight they go\n"
        "  priors        where these runs may start: noise and the model's own priors, beside the targets",
        "python -m fave_bench.measure --what latency --models fave fmrec --datasets ml-100k",
    )
    p.add_argument("--what", required=True, choices=get_args(What))
    p.add_argument("--models", nargs="+", default=[], metavar="NAME", help="default: all registered models")
    p.add_argument(
        "--datasets",
        nargs="+",
        default=[],
        metavar="NAME",
        help=f"default: {' '.join(DATASETS)}, and of recorded runs all",
    )
    p.add_argument("--settings", nargs="+", default=[], metavar="NAME", help="default: every row of the preset")
    p.add_argument("--seconds", type=float, default=1.0, help="shortest time to spend on one number (default 1)")
    p.add_argument(
        "--batch-sizes",
        type=int,
        nargs="+",
        default=[1, 512],
        metavar="N",
        help="of latency: users a call (default 1 512)",
    )
    executions = get_args(Execution)
    p.add_argument("--executions", nargs="+", choices=executions, default=executions, help="of latency: only these")
    p.add_argument(
        "--steps",
        type=int,
        nargs="+",
        default=[],
        metavar="N",
        help="of latency: sampler steps beside each model's own and one, as `figure --name pareto` draws them",
    )
    p.add_argument("--no-test-set", action="store_true", help="of latency: leave whole test sets out")
    p.add_argument("--compile", action="store_true", help="of training: with the step compiled, where it can be")
    add_device(p)
    add_results(p)
    add_json(p)
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the rows and store them."""
    arguments = parser().parse_args(argv)
    from fave_bench.efficiency.environment import resolve_device
    from fave_bench.models import registry

    if not 0 < arguments.seconds < math.inf:
        raise UsageError(f"--seconds {arguments.seconds}: give a positive number of seconds")
    for size in arguments.batch_sizes:
        if not 1 <= size <= MOST:
            raise UsageError(f"--batch-sizes {size}: give numbers of users from 1 to {MOST:,}")
    for steps in arguments.steps:
        if not 1 <= steps <= MOST:
            raise UsageError(f"--steps {steps}: give numbers of sampler steps from 1 to {MOST:,}")
    for name in arguments.models:
        if name not in registry.names():
            raise unknown("model", name, registry.names())
    request = Request(
        models=tuple(arguments.models) or tuple(registry.names()),
        datasets=tuple(arguments.datasets) or (() if arguments.what in OF_RUNS else DATASETS),
        settings=tuple(arguments.settings),
        device=resolve_device(arguments.device),
        results=arguments.results,
        seconds=arguments.seconds,
        executions=tuple(arguments.executions),
        batch_sizes=tuple(arguments.batch_sizes),
        steps=tuple(arguments.steps),
        test_set=not arguments.no_test_set,
        compiled=arguments.compile,
    )
    rows = take(arguments.what, request)
    if arguments.json:
        print(json.dumps({"rows": [row.model_dump(mode="json") for row in rows]}, ensure_ascii=False))
    else:
        print("\n".join(as_lines(rows)))
    return 0


def take(what: What, request: Request) -> list[Row]:
    """Measure one kind and store it, with progress on stderr. Raises UsageError where there is nothing to measure.

    What was measured before an error, Ctrl-C or SIGTERM is stored all the same.
    """
    from fave_bench.efficiency.environment import code

    code()  # which it is, while it is what was loaded
    rows: list[Row] = []
    try:
        with ended_by_sigterm():
            for row in _rows(what, request):
                say(as_lines([row])[1])
                rows.append(row)
    finally:
        if rows:
            _keep(what, rows, request)
    if not rows:
        untrained = ", or what has one is never trained" if what == "training" else ""
        raise UsageError(f"nothing to measure: no row of a preset has such a setting{untrained}")
    return rows


def _keep(what: What, rows: list[Row], request: Request) -> None:
    from fave_bench.efficiency.environment import describe

    measurement = Measurement.model_validate(
        {
            "what": what,
            "measured_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "environment": describe(request.device),
            "rows": rows,
        }
    )
    say(f"kept in {write(request.results, measurement)}")


def _rows(what: What, request: Request) -> Iterator[Row]:
    """The rows of one kind; its module has a function `rows` and is imported when asked for."""
    package = "geometry" if what in ("trajectories", "priors") else "efficiency"
    module = importlib.import_module(f"fave_bench.{package}.{what}")
    rows: Iterator[Row] = module.rows(request)
    return rows


if __name__ == "__main__":
    entry(main)
