"""python -m fave_bench.figure: pictures drawn from records and measurements, with the numbers behind them as CSV."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import get_args

from fave_bench.cli import Parser, add_json, add_results, entry, say
from fave_bench.errors import BenchError, unknown
from fave_bench.evaluation.protocols import PROTOCOLS
from fave_bench.files import replacing
from fave_bench.records import Record, Store
from fave_bench.records.measurements import Execution, measurements
from fave_bench.rendering.hyperparameters import hyperparameters
from fave_bench.rendering.hyperparameters_data import collect as sweep_panels
from fave_bench.rendering.hyperparameters_data import read_optima
from fave_bench.rendering.newest import newest_latency, newest_steps
from fave_bench.rendering.pareto import pareto
from fave_bench.rendering.pareto_data import collect
from fave_bench.rendering.picture import Picture
from fave_bench.rendering.plotting import FORMATS, render
from fave_bench.rendering.printed import read_overall
from fave_bench.studies.catalogue import sweeps


@dataclass(frozen=True)
class Request:
    """What a figure is made of and narrowed to; no datasets means all."""

    results: Path
    datasets: tuple[str, ...] = ()
    protocol: str = "filtered"
    execution: Execution = "optimised"

    @cached_property
    def records(self) -> list[Record]:
        """All valid records of the results folder, those of the datasets asked for.

        Raises UsageError for a dataset without a record, BenchError where there is none at all.
        """
        records = list(Store(self.results).records())
        if not records:
            raise BenchError(f"no finished run in {self.results} to draw")
        known = {record.dataset.name for record in records}
        for name in self.datasets:
            if name not in known:
                raise unknown("dataset", name, known)
        return [record for record in records if not self.datasets or record.dataset.name in self.datasets]


def _pareto(request: Request) -> Picture:
    shown = collect(
        request.records,
        newest_latency(measurements(request.results, "latency")),
        newest_steps(measurements(request.results, "steps")),
        read_overall(),
        protocol=request.protocol,
        execution=request.execution,
    )
    if not shown:
        raise BenchError(
            f"no recorded run has a latency in execution {request.execution}; "
            "`python -m fave_bench.measure --what latency` takes it"
        )
    return pareto(shown, protocol=request.protocol, execution=request.execution)


def _hyperparameters(request: Request) -> Picture:
    shown = sweep_panels(request.records, sweeps(), read_optima())
    if not shown:
        raise BenchError(
            "no sweep is recorded with two values or more; `python -m fave_bench.sweep --parameter gamma` runs one"
        )
    return hyperparameters(shown, protocol=request.protocol)


FIGURES: dict[str, Callable[[Request], Picture]] = {"pareto": _pareto, "hyperparameters": _hyperparameters}
"""A new figure is one function from a request."""


def main(argv: Sequence[str] | None = None) -> int:
    """Draw into --out, or print the numbers behind, or check that what is drawn is current."""
    arguments = _parser().parse_args(argv)
    if arguments.name not in FIGURES:
        raise unknown("figure", arguments.name, FIGURES)
    picture = FIGURES[arguments.name](
        Request(arguments.results, tuple(arguments.datasets), arguments.protocol, arguments.execution)
    )
    if arguments.json:
        print(picture.as_json(), end="")
        return 0
    files = {
        arguments.out / f"{picture.name}.{arguments.format}": render(picture, arguments.format),
        arguments.out / f"{picture.name}.csv": picture.as_csv().encode(),
    }
    if arguments.check:
        _check(picture, files)
    else:
        _write(files)
    return 0


def _write(files: dict[Path, bytes]) -> None:
    for path, content in files.items():
        with replacing(path) as file:
            file.write(content)
    say(f"wrote {' and '.join(map(str, files))}")


def _check(picture: Picture, files: dict[Path, bytes]) -> None:
    stale = [str(path) for path, content in files.items() if not path.is_file() or path.read_bytes() != content]
    if stale:
        raise BenchError(f"not what the records give: {', '.join(stale)}; draw again with --name {picture.name}")
    say(f"{len(files)} files of {picture.name} are what the records give")


def _parser() -> Parser:
    parser = Parser("figure", __doc__ or "", "python -m fave_bench.figure --name pareto --datasets ml-100k")
    parser.add_argument("--name", default="pareto", help=f"which figure: {', '.join(FIGURES)} (default pareto)")
    parser.add_argument("--format", choices=FORMATS, default="svg", help="what to draw (default svg)")
    parser.add_argument("--protocol", choices=PROTOCOLS, default="filtered", help="of the metrics (default filtered)")
    parser.add_argument("--execution", choices=get_args(Execution), default="optimised", help="of the latency")
    parser.add_argument("--datasets", nargs="+", default=[], metavar="DATASET", help="only these")
    parser.add_argument("--out", type=Path, default=Path("paper_tables/figures"), metavar="DIR", help="where files go")
    parser.add_argument("--check", action="store_true", help="draw nothing; fail if a file is not what it should be")
    add_results(parser)
    add_json(parser)
    return parser


if __name__ == "__main__":
    entry(main)
