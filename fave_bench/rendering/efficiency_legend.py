"""What a reader of the efficiency table must know to read it right."""

from collections.abc import Sequence

from fave_bench.rendering.printed_efficiency import SOURCE, Efficiency
from fave_bench.rendering.sheets import BATCH, Sheet

UNITS = (
    "Cost is multiply-accumulates of scoring one user, in billions (G); one fused multiply-add counts as one. Times "
    "are wall-clock after warm-up. ↓ lower is better, ↑ higher is better, – not measured, or not printed."
)
COUNTS = (
    "Papers' count: linear layers only, sampler loop and the training-only history decoder included, attention "
    "products and item scoring left out; this is what the papers call FLOPs. Every product: all that a prediction "
    "needs, attention and the scores of the whole catalogue included, without that decoder."
)
PAPER = (
    f"Paper: {SOURCE}. Its times were taken on the authors' card (an NVIDIA L40), so milliseconds of another device "
    "say little beside them and ratios say more. Printed numbers stand beside a model's own number of steps."
)
STEPS = (
    "Steps are network evaluations of the sampler, – for a model without one: a generative model at its own number and "
    "at one step, the comparison that the paper leaves out."
)
EXECUTIONS = (
    "Execution: released is what the public code does (noise drawn on the host, decoder run and thrown away), eager "
    "leaves both out, optimised is compiled or captured as a graph."
)
TIMES = (
    f"One user: from a history on the device to the 20 best items, median (p50) and tail of the calls. {BATCH} users: "
    "the same for a batch. Test set: exact ranks of all its users, end to end."
)
WEIGHTS = "Speed was measured on untrained weights of the published sizes: what the weights are does not change it."
SYNTHETIC = (
    "SYNTHETIC data were made by this program; a stand-in has the size of the dataset whose printed numbers stand "
    "beside it."
)


def legend(sheets: Sequence[Sheet], papers: Efficiency) -> tuple[str, ...]:
    """Sentences, in reading order; those about a mark appear only where the mark does."""
    said = [
        (True, UNITS),
        (True, COUNTS),
        (True, PAPER),
        (True, STEPS),
        (any(sheet.timings for sheet in sheets), EXECUTIONS),
        (any(sheet.timings for sheet in sheets), TIMES),
        (bool(papers.references), _ratios(papers)),
        (any(sheet.timings for sheet in sheets), WEIGHTS),
        (any(sheet.synthetic for sheet in sheets), SYNTHETIC),
    ]
    return tuple(sentence for needed, sentence in said if needed)


def _ratios(papers: Efficiency) -> str:
    names = " or ".join(papers.references)
    return (
        f"× as fast as {names}: that model's p50 for one user over the row's, both on the same dataset and device and "
        "in the same execution, that model in its first setting and its own number of steps."
    )
