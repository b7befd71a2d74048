"""python -m fave_bench.table: the papers' tables, rendered from records."""

from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from fave_bench import data
from fave_bench.cli import Parser, add_json, add_leave_out_older, add_results, entry, say
from fave_bench.data.sequences import Sequences
from fave_bench.errors import BenchError, UsageError, unknown
from fave_bench.evaluation.protocols import PROTOCOLS
from fave_bench.files import write_text
from fave_bench.records import Record, Store
from fave_bench.records.measurements import measurements
from fave_bench.rendering.ablation import ablation
from fave_bench.rendering.boards import boards
from fave_bench.rendering.claims.judged import claims_table
from fave_bench.rendering.comparable import comparable
from fave_bench.rendering.diversity import diversity
from fave_bench.rendering.efficiency import efficiency
from fave_bench.rendering.formats import FORMATS
from fave_bench.rendering.newest import newest_flops, newest_latency
from fave_bench.rendering.overall import chosen, overall
from fave_bench.rendering.printed import read_overall
from fave_bench.rendering.printed_ablation import read_ablation
from fave_bench.rendering.printed_diversity import read_diversity
from fave_bench.rendering.printed_efficiency import read_efficiency
from fave_bench.rendering.subgroups import subgroups
from fave_bench.rendering.table_model import Table
from fave_bench.studies.catalogue import families

PUBLISHED = Path("paper_tables")
"""The folder of whole tables, as the records give them."""


@dataclass(frozen=True)
class Request:
    """What a table is made of and narrowed to; empty means everything."""

    results: Path
    protocols: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    letters: bool = False
    """Mark which rows beat which."""
    leave_out_older: bool = False
    """Leave runs of older protocol versions out, instead of refusing to mix them with others."""

    @cached_property
    def store(self) -> Store:
        return Store(self.results)

    @cached_property
    def records(self) -> list[Record]:
        """All valid records of the results folder that may stand in one table."""
        return comparable(self.store.records(), leave_out_older=self.leave_out_older)


def _overall(request: Request) -> Table:
    return overall(
        request.records,
        read_overall(),
        protocols=request.protocols,
        datasets=request.datasets,
        letters=request.store.ranks if request.letters else None,
    )


def _efficiency(request: Request) -> Table:
    if request.protocols:
        raise UsageError("--protocol: cost and speed have none")
    flops, latency = (measurements(request.results, what) for what in ("flops", "latency"))
    return efficiency(newest_flops(flops), newest_latency(latency), read_efficiency(), datasets=request.datasets)


def _subgroups(request: Request) -> Table:
    papers = read_overall()
    found = boards(chosen(request.records, request.datasets, papers), [], papers)
    protocols = [protocol for name, protocol in PROTOCOLS.items() if name in (request.protocols or PROTOCOLS)]
    return subgroups(found, protocols, request.store.ranks, _sequences)


def _sequences(dataset: str) -> Sequences:
    """A dataset that is on this machine already: rendering fetches nothing."""
    if not data.available(dataset):
        raise BenchError(
            f"{dataset}: grouping its users needs the data, which are not on this machine; "
            f"`python -m fave_bench.prepare --dataset {dataset}` gets them, and --datasets names others"
        )
    return data.load(dataset)


def _diversity(request: Request) -> Table:
    if request.protocols:
        raise UsageError("--protocol: lists are always those of filtered, and N@20 is shown under every protocol")
    return diversity(request.records, read_overall(), read_diversity(), datasets=request.datasets)


def _ablation(request: Request) -> Table:
    return ablation(
        request.records,
        lambda record: request.store.ranks(record)["test"],
        families(),
        read_ablation,
        protocols=request.protocols,
        datasets=request.datasets,
    )


def _claims(request: Request) -> Table:
    from fave_bench import views  # which renders the other tables of this module

    if request.protocols or request.datasets:
        raise UsageError("claims are judged over all that was recorded; leave --protocol and --datasets out")
    return claims_table(views.contents(request.results, leave_out_older=request.leave_out_older))


TABLES: dict[str, Callable[[Request], Table]] = {
    "overall": _overall,
    "ablation": _ablation,
    "efficiency": _efficiency,
    "diversity": _diversity,
    "subgroups": _subgroups,
    "claims": _claims,
}
"""A new table is one function from a request. It raises NothingToShow where nothing it shows was run or measured."""
FROM_DATA = frozenset({"subgroups"})
"""Tables that read datasets beside records, so that a clone without data cannot render them."""
FROM_TABLES = frozenset({"claims"})
"""Tables made of the others."""


def main(argv: Sequence[str] | None = None) -> int:
    """Write every format below --out, or print one, or check that what is written is current.

    PUBLISHED holds whole tables: one asked for otherwise is printed only, unless --out says where it goes.
    """
    arguments = _parser().parse_args(argv)
    ending = "json" if arguments.json else arguments.format
    if arguments.check and arguments.name is None:
        return _check_everything(arguments, ending)
    name = arguments.name or "overall"
    if name not in TABLES:
        raise unknown("table", name, TABLES)
    if arguments.letters and name != "overall":
        raise UsageError(f"--letters: only table overall has them, not {name}")
    request = Request(
        arguments.results,
        protocols=(arguments.protocol,) if arguments.protocol else (),
        datasets=tuple(arguments.datasets),
        letters=arguments.letters,
        leave_out_older=arguments.leave_out_older,
    )
    folder = arguments.out or (PUBLISHED if request == Request(arguments.results) else None)
    if arguments.check and folder is None:
        raise UsageError(f"--check: {PUBLISHED} holds whole tables only; give the --out that this one was written to")
    table = TABLES[name](request)
    if folder and arguments.check:
        _check(table, folder, [ending] if ending else list(FORMATS))
    elif ending or folder is None:
        print(FORMATS[ending or "md"](table), end="")
    else:
        _write(table, folder)
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
        raise BenchError(f"not what the records give: {', '.join(stale)}; render again without --check")
    say(f"{len(paths)} files of {table.name} are what the records give")


def _check_everything(arguments: Namespace, chosen: str | None) -> int:
    if chosen or arguments.protocol or arguments.datasets or arguments.letters or arguments.leave_out_older:
        raise UsageError("--check without --name looks at all that is rendered; give --name to narrow a table down")
    from fave_bench.published import check  # it renders the tables of this module, among others

    folder = arguments.out or PUBLISHED
    say(f"{check(arguments.results, folder)} files below {folder} are what the records give")
    return 0


def _parser() -> Parser:
    parser = Parser("table", __doc__ or "", "python -m fave_bench.table --name overall --format md")
    parser.add_argument("--name", help=f"which table: {', '.join(TABLES)} (default overall)")
    parser.add_argument("--format", choices=FORMATS, help="print this format and write nothing; default: write all")
    parser.add_argument("--protocol", choices=PROTOCOLS, help="only this one (default: all)")
    parser.add_argument("--datasets", nargs="+", default=[], metavar="DATASET", help="only these")
    parser.add_argument("--letters", action="store_true", help="overall: raise the letters of the rows a cell beats")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help=f"where files are written (default: {PUBLISHED}, and a table narrowed down is printed only)",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; fail if a file is not what it should be: of the table named, or of all that is rendered",
    )
    add_leave_out_older(parser)
    add_results(parser)
    add_json(parser)
    return parser


if __name__ == "__main__":
    entry(main)
