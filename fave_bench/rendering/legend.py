"""What a reader of the overall table must know to read it right."""

from fave_bench.evaluation.protocols import Protocol
from fave_bench.rendering.boards import Board
from fave_bench.rendering.letters import LETTERS
from fave_bench.rendering.printed import OVERALL, Overall

UNITS = "Test metrics in percent, ↑ higher is better. H@K is the hit rate and N@K is NDCG, with one target per user."
PAPER = (
    f"Paper: {OVERALL[0][1]}; where it prints nothing, {OVERALL[1][1]}. Printed numbers that can be traced to a "
    "protocol were made with released: only there is like compared with like. Every setting and variant of a model is "
    "compared with the one number its paper prints."
)
OURS = (
    "Ours: mean ± standard deviation over seeds; a single seed shows (± the sampling error of its users) instead. "
    "The best is bold, the second best underlined or in italics; rows that print alike are marked together."
)
VERDICT = (
    "Verdict: with d = ours − paper and s² = (sampling error of the users)² + (standard deviation over our seeds)², "
    "reproduced means |d| ≤ 1.96 s; otherwise ours is higher or lower. The printed value's own sampling error is "
    "unknown: it comes from the same test users, in another run."
)
CUT_SHORT = "† stopped by a budget of time or passes: no verdict, no mark, never averaged with full runs."
IMPOSSIBLE = "‡ the papers' hit rates and NDCGs for this model (cut-offs 5, 10, 20) cannot all come from one run."
EXTERNAL = (
    "External: another program trained it, and it was ranked here from its scores or weights; – is a metric that its "
    "lists are too short for, or a protocol whose candidates they leave out, and such a row has no letter."
)
SYNTHETIC = "SYNTHETIC data were made by this program; the oracle is the best that any model can expect on them."
STUDIES = "Variants of ablations and sweeps are not rows here: see the table ablation and the figure hyperparameters."


def legend(protocols: list[Protocol], shown: list[Board], papers: Overall, *, studies: bool) -> tuple[str, ...]:
    """Sentences, in reading order; those about a mark appear only where the mark does.

    `studies`: whether variants of ablations and sweeps were left out.
    """
    lines = [line for board in shown for line in board.lines]
    missing = [name for name in papers.datasets if name not in {board.dataset for board in shown}]
    said = [
        (True, UNITS),
        *((True, f"Protocol {p.name}, version {p.version}: {p.description}.") for p in protocols),
        (True, PAPER),
        (True, OURS),
        (True, VERDICT),
        (any(line.letter for line in lines), LETTERS),
        (any(line.truncated for line in lines), CUT_SHORT),
        (any(papers.impossible(line.title, b.dataset) for b in shown if b.as_printed for line in b.lines), IMPOSSIBLE),
        (any(line.external for line in lines), EXTERNAL),
        (any(board.synthetic for board in shown), SYNTHETIC),
        (studies, STUDIES),
        (bool(missing), f"Printed by the paper, not run here: {', '.join(missing)}."),
    ]
    return tuple(sentence for needed, sentence in said if needed)
