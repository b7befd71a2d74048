"""Verb: fill the marked blocks of documents written by hand, so that no number in them is copied."""

import re
from collections.abc import Sequence
from pathlib import Path

from fave_bench.cli import Parser, add_results, entry, say
from fave_bench.errors import BenchError
from fave_bench.files import write_text

DOCUMENTS = (Path("README.md"), Path("REPRODUCTION.md"))
BLOCK = re.compile(r"(<!-- rendered: (\w+) ([\w-]+) -->\n).*?(<!-- /rendered -->)", re.DOTALL)


def parser() -> Parser:
    p = Parser(
        "documents",
        "Render the blocks between `<!-- rendered: NAME WHAT -->` and `<!-- /rendered -->` again, from the records:\n"
        "headline, verdicts, explained and unfinished of a dataset, claims of a kind (accuracy, parts, cost,\n"
        "diversity), effects and learning of a family of ablations, speed on a dataset, run and looks of a key.",
        "python -m fave_bench.documents --check",
    )
    p.add_argument("documents", nargs="*", type=Path, default=DOCUMENTS, metavar="FILE", help="default: this project's")
    p.add_argument("--check", action="store_true", help="write nothing; fail if a block is not what the records give")
    add_results(p)
    return p


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    stale = []
    for path in arguments.documents:
        before = _read(path)
        after = filled(before, arguments.results, path)
        if after != before:
            stale.append(str(path))
            if not arguments.check:
                write_text(path, after)
    if arguments.check and stale:
        raise BenchError(f"not what the records give: {', '.join(stale)}; render again without --check")
    say(f"{len(arguments.documents)} documents say what the records give" + f", {len(stale)} anew" * bool(stale))
    return 0


def filled(text: str, results: Path, path: Path) -> str:
    """The document with every block rendered; BenchError for a block that is not known."""
    from fave_bench.rendering.blocks.catalogue import BLOCKS
    from fave_bench.views import contents

    if not BLOCK.search(text):
        return text
    shown = contents(results)

    def render(found: re.Match[str]) -> str:
        begin, name, what, end = found.groups()
        if name not in BLOCKS:
            raise BenchError(f"{path}: no block is called {name}; there are {', '.join(BLOCKS)}")
        return f"{begin}{BLOCKS[name](shown, what)}\n{end}"

    return BLOCK.sub(render, text)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise BenchError(f"{path}: the document cannot be read: {error}") from None


if __name__ == "__main__":
    entry(main)
