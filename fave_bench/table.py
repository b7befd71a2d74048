"""python -m fave_bench.table: the papers' tables, rendered from records."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from fave_bench.cli import Parser, add_json, add_results, entry, say
from fave_bench.errors import BenchError, UsageError, unknown
from fave_bench.evaluation.protocols import PROTOCOLS
from fave_bench.files import write_text
from fave_bench.records import Record, Store
from fave_bench.records.measurements import measurements
from fave_bench.rendering.ablation import ablation
from fave_bench.rendering.efficiency import efficiency
from fave_bench.rendering.formats import FORMATS
from fave_bench.rendering.newest import newest_flops, newest_latency
from fave_bench.rendering.overall import overall
from fave_bench.rendering.printed import read_overall
from fave_bench.rendering.printed_ablation import read_ablation
from fave_bench.rendering.printed_efficiency import read_efficiency
from fave_bench.rendering.table_model import Table
from fave_bench.studies.catalogue import families


@dataclass(frozen=True)
class Request:
    """What a table is made of and narrowed to; empty means everything."""

    results: Path
    protocols: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()

    @cached_property
    def records(self) -> list[Record]:
        """All valid records of the results folder."""
        return list(Store(self.results).records())


def _overall(request: Request) -> Table:
    return overall(request.records, read_overall(), protocols=request.protocols, datasets=request.datasets)


def _efficiency(request: Request) -> Table:
    if request.protocols:
        raise UsageError("--protocol: cost and speed have none")
    flops, latency = (measurements(request.results, what) for what in ("flops", "latency"))
    return efficiency(newest_flops(flops), newest_latency(latency), read_efficiency(), datasets=request.datasets)


def _ablation(request: Request) -> Table:
    store = Store(request.results)
    return ablation(
        request.records,
        lambda record: store.ranks(record)["test"],
        families(),
        read_ablation,
        protocols=request.protocols,
        datasets=request.datasets,
    )


TABLES: dict[str, Callable[[Request], Table]] = {
    "overall": _overall,
    "ablation": _ablation,
    "efficiency": _efficiency,
}
"""A new table is one function from a request."""


def main(argv: Sequence[str] | None = None) -> int:
    """Write every format below --out, or print one, or check that what is written is current."""
    arguments = _parser().parse_args(argv)
    if arguments.name not in TABLES:
        raise unknown("table", arguments.name, TABLES)
    protocols = (arguments.protocol,) if arguments.protocol else ()
    table = TABLES[arguments.name](Request(arguments.results, protocols, tuple(arguments.datasets)))
    chosen = "json" if arguments.json else arguments.format
    if arguments.check:
        _check(table, arguments.out, [chosen] if chosen else list(FORMATS))
    elif chosen:
        print(FORMATS[chosen](table), end="")
    else:
        _write(table, arguments.out)
    return 0


def _write(table: Table, folder: Path) -> None:
    rendered = {ending: render(table) for ending, render in FORMATS.items()}
    for ending, text in rendered.items():
        write_text(folder / f"{table.name}.{ending}", text)
    say(f"wrote {folder / table.name}.{{{','.join(rendered)}}}")
    print(rendered["md"], end="")


def _check(table: Table, folder: Path, endings: list[str]) -> None:
    paths = {folder / f"{table.name}.{ending}": FORMATS[ending](table).encode() for ending in endings}
    stale = [str(path) for path, content in paths.items() if not path.is_file() or path.read_bytes() != content]
    if stale:
        raise BenchError(f"not what the records give: {', '.join(stale)}; render again with --name {table.name}")
    say(f"{len(paths)} files of {table.name} are what the records give")


def _parser() -> Parser:
    parser = Parser("table", __doc__ or "", "python -m fave_bench.table --name overall --format md")
    parser.add_argument("--name", default="overall", help=f"which table: {', '.join(TABLES)} (default overall)")
    parser.add_argument("--format", choices=FORMATS, help="print this format on stdout; without it, write all of them")
    parser.add_argument("--protocol", choices=PROTOCOLS, help="only this one (default: all)")
    parser.add_argument("--datasets", nargs="+", default=[], metavar="DATASET", help="only these")
    parser.add_argument("--out", type=Path, default=Path("paper_tables"), metavar="DIR", help="where files are written")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is not what it should be")
    add_results(parser)
    add_json(parser)
    return parser


if __name__ == "__main__":
    entry(main)
