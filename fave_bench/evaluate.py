"""Verb: rank what any other program scores, or has learned, under the same protocols, and record it like a run."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fave_bench.cli import Parser, add_device, add_json, add_results, entry, say
from fave_bench.errors import UsageError

if TYPE_CHECKING:
    from fave_bench.external.evaluation import Evaluation

ACCEPTED = """\
accepted: a dense matrix, users × items (.npy, best for a large one, which is never read at once; .npz or .safetensors
with one array); a sparse matrix of scipy.sparse.save_npz, in which what is not stored scores 0; top-K lists as CSV or
TSV with a header that names user, item and score or rank, plain or gzipped. Row u of a matrix is canonical user u,
columns are items 1 to N, or 0 to N with padding as item 0; `python -m fave_bench.prepare --export` says who is who.

Or weights that the public code of a model's authors has saved (a state_dict of torch.save; nothing in it is run): then
the model itself is asked, in setting `released` of the dataset's preset. FAVE, FMRec and DiffuRec can read theirs.
--published fetches those of FAVE's authors, and the sequences that number their items."""


def parser() -> Parser:
    p = Parser(
        "evaluate",
        f"Rank scores that another program computed, and write one record under results/.\n\n{ACCEPTED}",
        'python -m fave_bench.evaluate --dataset ml-100k --scores scores.npy --title "My model"\n'
        "  python -m fave_bench.evaluate --dataset beauty --model fave --published",
    )
    p.add_argument("--dataset", required=True, metavar="NAME", help="catalogue name, or your own with --from")
    p.add_argument("--from", dest="source", type=Path, metavar="PATH", help="file or folder to read the data from")
    files = p.add_mutually_exclusive_group(required=True)
    files.add_argument("--scores", type=Path, metavar="FILE", help="for the test targets")
    files.add_argument("--weights", type=Path, metavar="FILE", help="instead: of a model of the authors' public code")
    files.add_argument("--published", action="store_true", help="instead: of the weights that the authors publish")
    p.add_argument("--model", metavar="NAME", help="of weights: whose they are, such as fave")
    p.add_argument("--stage", metavar="NAME", help="of weights: which training stage they come from (FAVE: finetune)")
    p.add_argument("--set", action="append", metavar="KEY=VALUE", help="of weights: e.g. model.steps=1; repeatable")
    p.add_argument("--validation-scores", type=Path, metavar="FILE", help="for the validation targets")
    p.add_argument("--title", metavar="TEXT", help="how tables call the row (of weights: MODEL, published weights)")
    p.add_argument("--ids", metavar="WHOSE", help="of lists: original (the source's) or canonical (prepare --export's)")
    p.add_argument("--history", choices=("kept", "removed"),
                   help="whether items of the user's history still compete (default: removed where no list holds one, "
                        "or one scores -inf)")  # fmt: skip
    p.add_argument("--ties-listed", action="store_true",
                   help="of lists: what scores like a last entry is all listed, so last entries count")  # fmt: skip
    p.add_argument("--note", default="", metavar="TEXT", help="a sentence for readers of the numbers")
    p.add_argument("--seed", type=int, default=0, metavar="N", help="that the model was trained with (default 0)")
    p.add_argument("--split", default="leave-one-out", metavar="NAME", help="leave-one-out (default) or temporal")
    add_device(p)
    add_results(p)
    add_json(p)
    return p


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    from fave_bench.external.evaluation import summary  # here, so that --help does not wait for torch
    from fave_bench.records import Store
    from fave_bench.records.run_file import dumps

    record = (_scores(arguments) if arguments.scores else _weights(arguments)).execute(Store(arguments.results))
    if arguments.json:
        print(dumps(record), end="")
    else:
        say(summary(record))
    return 0


def _scores(arguments: Namespace) -> "Evaluation":
    from fave_bench.external.evaluation import Evaluation, Spec
    from fave_bench.external.judging import Reading

    _refuse(arguments, ("model", "stage", "set"), "--weights or --published")
    if not arguments.title:
        raise UsageError("--title: say how tables are to call the row")
    files = {"test": arguments.scores, "validation": arguments.validation_scores}
    return Evaluation(
        Spec(
            title=arguments.title,
            files={phase: path for phase, path in files.items() if path},
            reading=Reading(arguments.ids, arguments.history, arguments.ties_listed),
            **_data(arguments),
        )
    )


def _weights(arguments: Namespace) -> "Evaluation":
    from fave_bench.external.weights import WeightsEvaluation, WeightsSpec
    from fave_bench.models import registry
    from fave_bench.presets import parse_overrides

    _refuse(arguments, ("validation_scores", "ids", "history", "ties_listed"), "--scores")
    if not arguments.model:
        raise UsageError(f"--{'published' if arguments.published else 'weights'}: say with --model whose they are")
    overrides = parse_overrides(arguments.set or [])
    for key in overrides:
        if not key.startswith("model."):
            raise UsageError(f"--set '{key}': weights are trained already; write model.KEY=VALUE")
    if arguments.published:
        _fetch(arguments)
    return WeightsEvaluation(
        WeightsSpec(
            title=arguments.title
            or ", ".join(filter(None, (registry.load(arguments.model).title, "published weights", arguments.stage))),
            files={"weights": arguments.weights},
            network=arguments.model,
            stage=arguments.stage,
            overrides=overrides,
            device=arguments.device,
            **_data(arguments),
        )
    )


def _fetch(arguments: Namespace) -> None:
    """Lay the authors' weights and sequences where the user has named none."""
    from fave_bench.external.published import offered

    found = offered(arguments.dataset, arguments.model, arguments.stage)
    arguments.weights = found.weights()
    arguments.source = arguments.source or found.data()
    arguments.note = arguments.note or f"weights from {found.url}"


def _data(arguments: Namespace) -> dict[str, Any]:
    """What is the same of both."""
    if not arguments.note.isprintable():
        raise UsageError("--note: give printable characters")
    names = ("dataset", "note", "seed", "split", "source")
    return {name: getattr(arguments, name) for name in names}


def _refuse(arguments: Namespace, options: Sequence[str], belongs_to: str) -> None:
    for option in options:
        if getattr(arguments, option):
            raise UsageError(f"--{option.replace('_', '-')}: only with {belongs_to}")


if __name__ == "__main__":
    entry(main)
