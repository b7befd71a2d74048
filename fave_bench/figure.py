"""python -m fave_bench.figure: pictures drawn from records and measurements, with the numbers behind them as CSV."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import get_args

from fave_bench.cli import Parser, add_json, add_leave_out_older, add_results, entry, say
from fave_bench.errors import BenchError, NothingToShow, unknown
from fave_bench.evaluation.protocols import PROTOCOLS
from fave_bench.files import replacing
from fave_bench.records import Record, Store
from fave_bench.records.geometry_rows import PriorsRow, TrajectoriesRow
from fave_bench.records.measurements import Execution, What, measurements
from fave_bench.records.row import RunRow
from fave_bench.rendering import curves, priors, steps, trajectories
from fave_bench.rendering.boards import main_rows
from fave_bench.rendering.comparable import comparable
from fave_bench.rendering.hyperparameters import hyperparameters
from fave_bench.rendering.hyperparameters_data import collect as sweep_panels
from fave_bench.rendering.hyperparameters_data import read_optima
from fave_bench.rendering.newest import newest_latency, newest_of_runs, newest_steps
from fave_bench.rendering.pareto import pareto
from fave_bench.rendering.pareto_data import collect
from fave_bench.rendering.picture import Picture
from fave_bench.rendering.plotting import FORMATS, render
from fave_bench.rendering.printed import read_overall
from fave_bench.rendering.runs import joined
from fave_bench.studies.catalogue import sweeps

PUBLISHED = Path("paper_tables/figures")
"""The folder of whole figures, as the records give them."""
SHOWN = "svg"
"""What they are drawn as there."""


@dataclass(frozen=True)
class Request:
    """What a figure is made of and narrowed to; no datasets means all of them, and so for models."""

    results: Path
    datasets: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    protocol: str = "filtered"
    execution: Execution = "optimised"
    leave_out_older: bool = False
    """Leave runs of older protocol versions out, instead of refusing to mix them with others."""

    @cached_property
    def records(self) -> list[Record]:
        """All valid records of the results folder, those of the datasets and models asked for.

        Raises UsageError for a dataset or model without a record, NothingToShow where there is none at all.
        """
        records = comparable(Store(self.results).records(), leave_out_older=self.leave_out_older)
        if not records:
            raise NothingToShow(f"no finished run in {self.results} to draw")
        _known("dataset", self.datasets, {record.dataset.name for record in records})
        _known("model", self.models, {record.model for record in records})
        return [
            record
            for record in records
            if record.dataset.name in (self.datasets or [record.dataset.name])
            and record.model in (self.models or [record.model])
        ]


def _known(kind: str, asked: Sequence[str], known: set[str]) -> None:
    for name in asked:
        if name not in known:
            raise unknown(kind, name, known)


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
        raise NothingToShow(
            f"no recorded run has a latency in execution {request.execution}; "
            "`python -m fave_bench.measure --what latency` takes it"
        )
    return pareto(shown, protocol=request.protocol, execution=request.execution)


def _steps(request: Request) -> Picture:
    in_steps = newest_steps(measurements(request.results, "steps"))
    shown = steps.collect(main_rows(request.records), in_steps, read_overall(), protocol=request.protocol)
    if not shown:
        raise NothingToShow(_never("ranked in other numbers of steps", "steps"))
    return steps.picture(shown)


def _curves(request: Request) -> Picture:
    shown = curves.collect(main_rows(request.records), read_overall(), protocol=request.protocol)
    if not shown:
        raise NothingToShow("no recorded run looked at validation while it learned, so there is no curve to draw")
    return curves.picture(shown)


def _trajectories(request: Request) -> Picture:
    rows = newest_of_runs(measurements(request.results, "trajectories"), TrajectoriesRow)
    shown = joined(request.records, rows, read_overall())
    if not shown:
        raise NothingToShow(_never("followed from its prior to its prediction", "trajectories"))
    return trajectories.picture(shown)


def _priors(request: Request) -> Picture:
    rows = newest_of_runs(measurements(request.results, "priors"), PriorsRow)
    shown = joined(request.records, rows, read_overall())
    if not shown:
        raise NothingToShow(_never("asked where it starts", "priors"))
    return priors.picture(shown)


def _never(what: str, kind: str) -> str:
    return (
        f"no recorded run of those asked for was {what}; "
        f"`python -m fave_bench.measure --what {kind}` does it where the run's weights are kept"
    )


def _hyperparameters(request: Request) -> Picture:
    shown = sweep_panels(request.records, sweeps(), read_optima())
    if not shown:
        raise NothingToShow(
            "no sweep is recorded with two values or more; `python -m fave_bench.sweep --parameter gamma` runs one"
        )
    return hyperparameters(shown, protocol=request.protocol)


FIGURES: dict[str, Callable[[Request], Picture]] = {
    "pareto": _pareto,
    "steps": _steps,
    "hyperparameters": _hyperparameters,
    "curves": _curves,
    "trajectories": _trajectories,
    "priors": _priors,
}
"""A new figure is one function from a request. It raises NothingToShow where nothing it shows was run or measured."""
FROM_WEIGHTS: tuple[What, ...] = ("trajectories", "priors")
"""Figures of what is measured once on a run's weights, which no clone has."""


def main(argv: Sequence[str] | None = None) -> int:
    """Draw into --out, or print the numbers behind, or check that what is drawn is current.

    PUBLISHED holds whole figures: one asked for otherwise goes to the current folder, unless --out says where.
    """
    arguments = _parser().parse_args(argv)
    if arguments.name not in FIGURES:
        raise unknown("figure", arguments.name, FIGURES)
    request = Request(
        results=arguments.results,
        datasets=tuple(arguments.datasets),
        models=tuple(arguments.models),
        protocol=arguments.protocol,
        execution=arguments.execution,
        leave_out_older=arguments.leave_out_older,
    )
    if arguments.name in FROM_WEIGHTS and not arguments.check:
        _measure_first(arguments.name, request)
    picture = FIGURES[arguments.name](request)
    if arguments.json and not arguments.check:
        print(picture.as_json(), end="")
        return 0
    whole = request == Request(arguments.results) and arguments.format == SHOWN
    folder = arguments.out or (PUBLISHED if whole else Path())
    files = files_of(picture, folder, arguments.format)
    if arguments.check:
        _check(picture, files)
    else:
        _write(files)
    return 0


def files_of(picture: Picture, folder: Path, ending: str = SHOWN) -> dict[Path, bytes]:
    """The picture and the numbers behind it, as they are written."""
    return {
        folder / f"{picture.name}.{ending}": render(picture, ending),
        folder / f"{picture.name}.csv": picture.as_csv().encode(),
    }


def _measure_first(name: What, request: Request) -> None:
    """Take what the figure shows from the weights kept here, unless it was taken of some run asked for before."""
    taken = {row.run for row in newest_of_runs(measurements(request.results, name), RunRow).values()}
    if any(record.key in taken for record in request.records):
        return
    from fave_bench import measure
    from fave_bench.efficiency.environment import resolve_device

    measure.take(
        name,
        measure.Request(
            models=tuple(sorted({record.model for record in request.records})),
            datasets=tuple(sorted({record.dataset.name for record in request.records})),
            settings=(),
            device=resolve_device("auto"),
            results=request.results,
            seconds=0,
        ),
    )


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
    parser.add_argument("--format", choices=FORMATS, default=SHOWN, help=f"what to draw (default {SHOWN})")
    parser.add_argument("--protocol", choices=PROTOCOLS, default="filtered", help="of the metrics (default filtered)")
    parser.add_argument("--execution", choices=get_args(Execution), default="optimised", help="of the latency")
    parser.add_argument("--datasets", nargs="+", default=[], metavar="DATASET", help="only these")
    parser.add_argument("--models", nargs="+", default=[], metavar="MODEL", help="only these")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help=f"where files go (default: {PUBLISHED}, and the current folder for one narrowed down or not {SHOWN})",
    )
    parser.add_argument("--check", action="store_true", help="draw nothing; fail if a file is not what it should be")
    add_leave_out_older(parser)
    add_results(parser)
    add_json(parser)
    return parser


if __name__ == "__main__":
    entry(main)
