"""Verb: take over records from another machine."""

import json
from collections.abc import Sequence
from pathlib import Path

from fave_bench.cli import Parser, add_json, add_results, entry, say
from fave_bench.errors import UsageError


def parser() -> Parser:
    p = Parser(
        "merge",
        "Bring the records and measurements of an archive, as `./run_all.sh --pack FILE` writes it, or of another\n"
        "results folder into this one. Every record is verified; what is here already stays as it is.",
        "python -m fave_bench.merge slice.zip",
    )
    p.add_argument("sources", nargs="+", type=Path, metavar="FILE", help="archives, or results folders")
    add_results(p)
    add_json(p)
    return p


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    from fave_bench.records import Store
    from fave_bench.records.packing import merge

    store, sentences, names = Store(arguments.results), list[str](), list[str]()
    for source in arguments.sources:
        if not source.exists():
            raise UsageError(f"{source}: there is no such file or folder")
        names += merge(source, store, sentences.append)
    for sentence in sentences:
        say(sentence)
    if arguments.json:
        print(json.dumps({"merged": names, "left_out": sentences}, indent=1))
    else:
        print("\n".join([*names, f"{len(names)} new in {store.root}/"]))
    return int(bool(sentences))


if __name__ == "__main__":
    entry(main)
