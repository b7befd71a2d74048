"""python -m fave_bench.audit: what the arithmetic of hit rates and NDCG says of printed tables."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from fave_bench.cli import Parser, add_json, entry, say
from fave_bench.errors import UsageError, unknown
from fave_bench.forensics.audit import findings, known_users
from fave_bench.forensics.finding import KINDS
from fave_bench.forensics.printed_table import PrintedTable
from fave_bench.forensics.reading import read_table, shipped
from fave_bench.rendering.audit_table import audit_table, facts
from fave_bench.rendering.audit_text import text

DESCRIPTION = """\
What the arithmetic of hit rates and NDCG says of printed tables: pairs that no run can give, hit rates that do not come
from the dataset's users, how users were averaged, improvements that do not follow, leads within sampling error, and
numbers that stand in two tables. Without a file, the papers' tables that come with this program.

A table is a CSV file with the columns model (or variant or method), dataset, metric (H@K, N@K) and value_percent, or
with a column per metric, in percent; what `table --name overall --format csv` writes is read too. A row named
Improvement says what the best gains over the second best. Write numbers with all their printed digits."""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the verdict; the exit status says whether the tables could be audited, not how they fared."""
    arguments = _parser().parse_args(argv)
    tables = _tables(arguments.files)
    for table in tables:
        if max(rate.percent for rate in table.rates.values()) <= 1:
            say(f"{table.file}: no number is above 1, so these look like fractions; they are taken for percent")
    found = findings(tables, known_users() | _given_users(arguments.users, tables))
    if arguments.json:
        audited = [{"file": table.file, "table": table.title, "numbers": len(table.rates)} for table in tables]
        print(json.dumps({"tables": audited, "findings": [facts(finding) for finding in found]}, indent=1))
    else:
        print(text(audit_table(tables, found, everything=arguments.all)), end="")
        hidden = sum(not KINDS[finding.kind].notable for finding in found)
        if hidden and not arguments.all:
            say(f"{hidden} findings that only inform are left out; --all shows them")
    return 0


def _tables(files: Sequence[Path]) -> list[PrintedTable]:
    places = [path.resolve() for path in files]
    for path, place in zip(files, places, strict=True):
        if places.count(place) > 1:
            raise UsageError(f"{path} is given twice; a table is not compared with itself")
    return [read_table(path) for path in files] or shipped()


def _given_users(options: Sequence[str], tables: Sequence[PrintedTable]) -> dict[str, tuple[int, ...]]:
    known = {dataset for table in tables for dataset in table.datasets if dataset}
    given: dict[str, tuple[int, ...]] = {}
    for option in options:
        dataset, _, count = option.rpartition("=")
        if not (dataset and re.fullmatch(r"[1-9][0-9]{0,6}", count)):  # more would leave the grids' 64-bit integers
            raise UsageError(f"--users: '{option}' is not DATASET=N with a whole number N of users, as in mine=1200")
        if dataset not in known:
            raise unknown("dataset", dataset, known)
        given[dataset] = (*given.get(dataset, ()), int(count))
    return given


def _parser() -> Parser:
    parser = Parser("audit", DESCRIPTION, "python -m fave_bench.audit their_table2.csv --users mine=1200")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE.csv", help="tables to audit, and to compare")
    parser.add_argument(
        "--users", action="append", default=[], metavar="DATASET=N", help="users of a run over a dataset"
    )
    parser.add_argument("--all", action="store_true", help="show what only informs as well")
    add_json(parser)
    return parser


if __name__ == "__main__":
    entry(main)
