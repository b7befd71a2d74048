"""What a reader of the diversity table must know to read it right."""

from collections.abc import Sequence

from fave_bench.evaluation.protocols import FILTERED, PROTOCOLS
from fave_bench.rendering.boards import Board
from fave_bench.rendering.legend import CUT_SHORT
from fave_bench.rendering.printed_diversity import DATASET, SOURCE

LISTS = (
    f"Everything but N@20 is of the test users' lists: their 20 best candidates under protocol {FILTERED.name}. "
    "N@20 is in percent, with one target per user."
)
ARROWS = (
    "↑ and ↓ point to the more accurate or the more diverse, which is not always the better. – not printed, not "
    "applicable, or the run is older than these measures."
)
DISTANCE = (
    "ILD@20, intra-list distance: 1 − cosine of two items, averaged over the 190 pairs of a list, then over users; "
    "0 all alike, 1 unrelated."
)
OWN = (
    "Own: between the item vectors that the model scores by, as the paper has it; each model has its own space, so "
    "these numbers are not comparable between models. – for a model without item vectors."
)
GENRES = "Genres: between the publisher's genre flags of the items, one space for all models."
CO_OCCURRENCE = (
    "Co-occurrence: between item vectors from the training interactions alone, one space for all models: the 64 "
    "leading singular directions of the user-item matrix with each item's column at length 1."
)
EXPOSURE = (
    "Coverage: items that occur in some list, of all items. Gini: how unequally often items are shown, 0 equally, "
    "towards 1 a few get everything. Popularity: training interactions of an item, averaged over all places of all "
    "lists. Overlap: how much of a list another user's list holds too, averaged over all pairs of users."
)
PAPER = (
    f"Paper: {SOURCE}, which names no dataset; its N@20 are those of Table 1 for {DATASET}. Its ILD is taken to be "
    "that of 20 items in the model's own space; its lists may have been those of protocol released, with seen items."
)
OURS = (
    "Ours: mean ± standard deviation over seeds; a single seed shows, for N@20 and ILD, (± the sampling error of its "
    "users) instead."
)
SYNTHETIC = "SYNTHETIC data were made by this program."


def legend(shown: Sequence[Board], spaces: set[str]) -> tuple[str, ...]:
    """Sentences, in reading order; those about a mark or a space appear only where it does."""
    said = [
        (True, LISTS),
        *((True, f"Protocol {p.name}, version {p.version}: {p.description}.") for p in PROTOCOLS.values()),
        (True, DISTANCE),
        (True, OWN),
        ("genres" in spaces, GENRES),
        ("co_occurrence" in spaces, CO_OCCURRENCE),
        (True, EXPOSURE),
        (True, ARROWS),
        (any(board.dataset == DATASET for board in shown), PAPER),
        (True, OURS),
        (any(line.truncated for board in shown for line in board.lines), CUT_SHORT),
        (any(board.synthetic for board in shown), SYNTHETIC),
    ]
    return tuple(sentence for needed, sentence in said if needed)
