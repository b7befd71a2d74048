"""What a reader of the ablations must know to read them right."""

from fave_bench.evaluation.protocols import Protocol
from fave_bench.rendering.ablation_data import Ablation
from fave_bench.rendering.legend import UNITS

OURS = (
    "Ours: mean ± standard deviation over seeds; a single seed shows (± the sampling error of its users) instead. A "
    "variant differs from the full model of its block in what the column change says and in nothing else."
)
CHANGE = (
    "Δ: variant − full model, paired user by user over the seeds that both have, with its 95 % interval over users "
    "(normal), bold where that leaves out zero. It says what other users would change, and nothing of other seeds; of "
    "many intervals one in twenty leaves out zero by chance."
)
CUT_SHORT = (
    "† stopped by a budget of time or passes, or compared with a full model that was: how fast it learns, not what it "
    "is worth. Epochs are passes over the samples, all stages together; how many a budget of time buys depends on how "
    "busy the machine was."
)
SYNTHETIC = "SYNTHETIC data were made by this program."


def legend(protocols: list[Protocol], shown: list[Ablation]) -> tuple[str, ...]:
    """Sentences, in reading order; those about a mark appear only where the mark does."""
    sources = dict.fromkeys(one.family.source for one in shown if one.printed)
    said = [
        (True, UNITS),
        *((True, f"Protocol {p.name}, version {p.version}: {p.description}.") for p in protocols),
        (bool(sources), f"Paper: {'; '.join(sources)}; paper Δ is its variant minus its full model."),
        (True, OURS),
        (True, CHANGE),
        (any(line.truncated for one in shown for line in one.lines), CUT_SHORT),
        (any(one.sample.dataset.synthetic for one in shown), SYNTHETIC),
    ]
    return tuple(sentence for needed, sentence in said if needed)
