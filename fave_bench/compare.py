"""python -m fave_bench.compare: are two rows different? Paired over the test users, from their recorded ranks."""

from collections.abc import Sequence

from fave_bench.cli import Parser, add_json, add_results, entry
from fave_bench.data.splits import SPLITS
from fave_bench.errors import UsageError
from fave_bench.evaluation.protocols import PROTOCOLS

METRICS = ("H@20", "N@20")


def main(argv: Sequence[str] | None = None) -> int:
    """Test every pair of rows in every metric, and print a table, or pairs for a program."""
    arguments = _parser().parse_args(argv)
    for option in ("permutations", "resamples"):
        given = getattr(arguments, option)
        if given is not None and given < 100:
            raise UsageError(f"--{option} must be at least 100, not {given}")
    if arguments.seed < 0:
        raise UsageError(f"--seed must not be negative, and is {arguments.seed}")
    from fave_bench.evaluation.significance import compare  # here, so that --help waits for nothing
    from fave_bench.records import Store
    from fave_bench.rendering.formats import FORMATS
    from fave_bench.rendering.one_board import one_board
    from fave_bench.rendering.paired import PairedComparison, outcomes_of
    from fave_bench.rendering.printed import read_overall

    store, protocol = Store(arguments.results), PROTOCOLS[arguments.protocol]
    board = one_board(
        store.records(), arguments.dataset, read_overall(), models=arguments.models, split=arguments.split
    )
    found = outcomes_of(board.lines, protocol, list(dict.fromkeys(arguments.metrics)), store.ranks)
    tests = compare(found, arguments.seed, flips=arguments.permutations, resamples=arguments.resamples)
    comparison = PairedComparison(board, protocol, len(found.weights), arguments.seed, tests)
    print(comparison.as_json() if arguments.json else FORMATS[arguments.format](comparison.table()), end="")
    return 0


def _parser() -> Parser:
    p = Parser("compare", __doc__ or "", "python -m fave_bench.compare --dataset ml-100k --models sasrec markov")
    p.add_argument("--dataset", required=True, metavar="NAME", help="whose rows are compared")
    p.add_argument("--models", nargs="+", default=[], metavar="ROW",
                   help="MODEL, MODEL:SETTING, MODEL:SETTING:VARIANT or a run's key (default: every row)")  # fmt: skip
    p.add_argument("--metrics", nargs="+", default=METRICS, metavar="METRIC",
                   help=f"H@K, N@K or MRR (default {' '.join(METRICS)})")  # fmt: skip
    p.add_argument("--protocol", choices=PROTOCOLS, default="filtered", help="(default filtered)")
    p.add_argument("--split", choices=SPLITS, help="only runs of this split")
    p.add_argument("--seed", type=int, default=0, metavar="N", help="of the sign patterns and resamples (default 0)")
    p.add_argument("--permutations", type=int, metavar="N",
                   help="sign patterns of a Monte Carlo test (default: 100 a test, at least 10,000)")  # fmt: skip
    p.add_argument("--resamples", type=int, default=10_000, metavar="N", help="bootstrap resamples (default 10,000)")
    p.add_argument("--format", choices=("md", "tex", "csv", "html"), default="md", help="of the table (default md)")
    add_results(p)
    add_json(p)
    return p


if __name__ == "__main__":
    entry(main)
