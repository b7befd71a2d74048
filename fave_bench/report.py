"""Verb: everything that was measured as one HTML page, complete in itself: no script or picture is fetched."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from fave_bench.cli import Parser, add_json, add_results, entry, say
from fave_bench.errors import BenchError
from fave_bench.files import write_text

FILE = "report.html"


def parser() -> Parser:
    p = Parser(
        "report",
        "Write one HTML page with every table, figure, dataset card and record, and which claims hold.",
        "python -m fave_bench.report --results my-results --out my-tables",
    )
    p.add_argument("--out", type=Path, default=Path("paper_tables"), metavar="DIR", help=f"where {FILE} is written")
    p.add_argument("--check", action="store_true", help="write nothing; fail if the page is not what it should be")
    add_results(p)
    add_json(p)
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page and print its path, or with --json print what it says first: claims and verdicts."""
    arguments = parser().parse_args(argv)
    from fave_bench.rendering.page.assembly import assemble  # here, so that --help waits for nothing
    from fave_bench.rendering.page.headline import headline
    from fave_bench.views import contents

    found, path = contents(arguments.results), arguments.out / FILE
    if arguments.json and not arguments.check:
        print(json.dumps(asdict(headline(found)), ensure_ascii=False))
        return 0
    page = assemble(found)
    if not arguments.check:
        write_text(path, page)
        print(path)
    elif not path.is_file() or path.read_bytes() != page.encode():
        raise BenchError(f"not what the records give: {path}; render again without --check")
    else:
        say(f"{path} is what the records give")
    return 0


if __name__ == "__main__":
    entry(main)
