"""Verb: what a recorded run recommends after a history, or to one of the dataset's users."""

import json
from collections.abc import Sequence
from pathlib import Path

from fave_bench.cli import Parser, add_device, add_json, add_results, entry
from fave_bench.errors import UsageError

EXAMPLE = "python -m fave_bench.recommend --run a1455a --history 50,172,181 -k 10"
IDS = "Items and users go by the ids of the file that the dataset is read from (for MovieLens, those of u.data)."


def parser() -> Parser:
    p = Parser("recommend", f"Recommend with the kept weights of a run.\n\n{IDS}", EXAMPLE)
    p.add_argument("--run", required=True, metavar="KEY", help="key of the run, or its first digits")
    asked = p.add_mutually_exclusive_group(required=True)
    asked.add_argument("--history", metavar="ID,ID,…", help="items, oldest first, separated by commas")
    asked.add_argument("--user", metavar="ID", help="a test user: history, target and list side by side")
    p.add_argument("-k", type=int, default=10, metavar="K", help="how many items (default 10)")
    p.add_argument("--from", dest="source", type=Path, metavar="PATH", help="file or folder to read the data from")
    add_device(p)
    add_results(p)
    add_json(p)
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Print the answer: for people, or with --json for programs."""
    arguments = parser().parse_args(argv)
    if arguments.k < 1:
        raise UsageError(f"-k {arguments.k}: give a positive number of items")
    from fave_bench import data  # here, so that --help does not wait for torch
    from fave_bench.data.items import titles
    from fave_bench.efficiency.environment import device_name, resolve_device
    from fave_bench.randomness import seed_of
    from fave_bench.recommending.answer import recommend
    from fave_bench.recommending.question import Questions
    from fave_bench.recommending.words import document, lines
    from fave_bench.records import Store
    from fave_bench.restore import restore

    device, store = resolve_device(arguments.device), Store(arguments.results)
    record = store.find(arguments.run)
    name = record.dataset.name
    sequences = data.load(name, arguments.source)
    questions = Questions(sequences, titles(sequences, arguments.source))
    if arguments.user is None:
        asked = questions.of_history(arguments.history)
    else:
        asked = questions.of_user(arguments.user, store, record)
    candidates = sequences.num_items - len(set(asked.history))
    if arguments.k > candidates:
        raise UsageError(f"-k {arguments.k}: {name} has {candidates:,} items outside this history")
    model = restore(store, record, sequences, device)
    seed = seed_of(record.seed, "draw", "test")
    answer = recommend(model, asked, arguments.k, seed=seed, device=device)
    told = (record, asked, answer, questions, device_name(device))
    print(json.dumps(document(*told), ensure_ascii=False, indent=1) if arguments.json else "\n".join(lines(*told)))
    return 0


if __name__ == "__main__":
    entry(main)
