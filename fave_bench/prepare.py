"""Verb: find or fetch a dataset, verify and cache it, and print its card."""

import json
from collections.abc import Sequence
from pathlib import Path

from fave_bench.cli import Parser, add_json, entry, say

EXAMPLE = "python -m fave_bench.prepare --dataset mine --from clicks.csv --user-column visitor --min-user 3"
FORMATS = """\
accepted: MovieLens u.data (also in the publisher's zip), Amazon 2014 ratings (CSV) and reviews (JSON lines), Steam and
Yelp reviews, dataset.pkl, text with one user a line (user item item ...) or one action a line (user item), CSV and TSV
with user, item and optional time columns; all but dataset.pkl plain or gzipped"""


def parser() -> Parser:
    p = Parser("prepare", f"Fetch or read a dataset, verify and cache it, print its card.\n\n{FORMATS}", EXAMPLE)
    p.add_argument("--dataset", required=True, metavar="NAME", help="catalogue name, or a new one with --from")
    p.add_argument("--from", dest="source", type=Path, metavar="PATH", help="file or folder to read the data from")
    for column in ("user", "item", "time"):
        p.add_argument(f"--{column}-column", metavar="NAME", help=f"header of the {column} column of a CSV or TSV")
    p.add_argument("--min-user", type=int, metavar="K", help="drop users with fewer actions (iterated k-core)")
    p.add_argument("--min-item", type=int, metavar="K", help="drop items with fewer actions (iterated k-core)")
    p.add_argument("--deduplicate", action="store_true", default=None, help="keep the earliest of repeated pairs")
    p.add_argument("--export", type=Path, metavar="DIR", help="also write users.csv, items.csv and interactions.csv")
    p.add_argument("--split", default="leave-one-out", metavar="NAME", help="of the export; or temporal")
    add_json(p)
    return p


def main(argv: Sequence[str] | None = None) -> int:
    arguments = vars(parser().parse_args(argv))
    from fave_bench.data import cache, loading, locate, synthetic  # here, so that --help does not wait for numpy
    from fave_bench.data.card import card_of
    from fave_bench.data.card_text import document, render
    from fave_bench.data.splits import SPLITS
    from fave_bench.errors import unknown

    name, source, as_json, out, split = (arguments.pop(key) for key in ("dataset", "source", "json", "export", "split"))
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    options, known = loading.Options(**arguments), loading.entry_of(name)
    if known.synthetic:
        synthetic.refuse_source(name, source, changed=options != loading.DEFAULT)
        prepared, sequences = None, synthetic.generate(name)
    else:
        prepared = loading.prepare(name, source, options)
        sequences = prepared.sequences
    card = card_of(sequences)
    if prepared:  # only now is it known that the data can be split
        cache.remember(name, prepared.key, source or cache.remembered_source(name))
        if (source or options != loading.DEFAULT) and loading.means_another(name, sequences):
            say(
                f"{name}: commands without --from will read {locate.data_folder(name)}, which comes before what was "
                "prepared here and is not the same; prepare this under another name to use it"
            )
    if out:
        from fave_bench.data.export import export  # pandas takes a while to import, and is rarely needed

        say(f"wrote {', '.join(map(str, export(sequences, SPLITS[split](sequences), out)))}")
    if as_json:
        print(json.dumps(document(known, sequences, card, prepared), indent=1, sort_keys=True))
    else:
        print(render(known, sequences, card, prepared))
    return 0


if __name__ == "__main__":
    entry(main)
