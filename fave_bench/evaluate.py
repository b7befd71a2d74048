"""Verb: rank the scores of any other program under the same protocols, and record them like a run."""

from collections.abc import Sequence
from pathlib import Path

from fave_bench.cli import Parser, add_json, add_results, entry, say

ACCEPTED = """\
accepted: a dense matrix, users × items (.npy, best for a large one, which is never read at once; .npz or .safetensors
with one array); a sparse matrix of scipy.sparse.save_npz, in which what is not stored scores 0; top-K lists as CSV or
TSV with a header that names user, item and score or rank, plain or gzipped. Row u of a matrix is canonical user u,
columns are items 1 to N, or 0 to N with padding as item 0; `python -m fave_bench.prepare --export` says who is who."""


def parser() -> Parser:
    p = Parser(
        "evaluate",
        f"Rank scores that another program computed, and write one record under results/.\n\n{ACCEPTED}",
        'python -m fave_bench.evaluate --dataset ml-100k --scores scores.npy --title "My model"',
    )
    p.add_argument("--dataset", required=True, metavar="NAME", help="catalogue name, or your own with --from")
    p.add_argument("--from", dest="source", type=Path, metavar="PATH", help="file or folder to read the data from")
    p.add_argument("--scores", required=True, type=Path, metavar="FILE", help="for the test targets")
    p.add_argument("--validation-scores", type=Path, metavar="FILE", help="for the validation targets")
    p.add_argument("--title", required=True, metavar="TEXT", help="how tables call the row")
    p.add_argument("--ids", metavar="WHOSE", help="of lists: original (the source's) or canonical (prepare --export's)")
    p.add_argument("--history", choices=("kept", "removed"),
                   help="whether items of the user's history still compete (default: removed where no list holds one, "
                        "or one scores -inf)")  # fmt: skip
    p.add_argument("--ties-listed", action="store_true",
                   help="of lists: what scores like a last entry is all listed, so last entries count")  # fmt: skip
    p.add_argument("--note", default="", metavar="TEXT", help="a sentence for readers of the numbers")
    p.add_argument("--seed", type=int, default=0, metavar="N", help="that the model was trained with (default 0)")
    p.add_argument("--split", default="leave-one-out", metavar="NAME", help="leave-one-out (default) or temporal")
    add_results(p)
    add_json(p)
    return p


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    from fave_bench.external.evaluation import Evaluation, Spec, summary  # here, so that --help does not wait for torch
    from fave_bench.external.judging import Reading
    from fave_bench.records import Store
    from fave_bench.records.run_file import dumps

    files = {"test": arguments.scores, "validation": arguments.validation_scores}
    spec = Spec(
        dataset=arguments.dataset,
        title=arguments.title,
        files={phase: path for phase, path in files.items() if path},
        reading=Reading(arguments.ids, arguments.history, arguments.ties_listed),
        note=arguments.note,
        seed=arguments.seed,
        split=arguments.split,
        source=arguments.source,
    )
    record = Evaluation(spec).execute(Store(arguments.results))
    if arguments.json:
        print(dumps(record), end="")
    else:
        say(summary(record))
    return 0


if __name__ == "__main__":
    entry(main)
