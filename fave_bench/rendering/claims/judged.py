"""All claims, decided ones first, and the table of them."""

from fave_bench.rendering.claims.claim import VERDICTS, Claim
from fave_bench.rendering.claims.cost import cost_claims
from fave_bench.rendering.claims.leads import lead_claims
from fave_bench.rendering.claims.lists import list_claims
from fave_bench.rendering.claims.parts import part_claims
from fave_bench.rendering.contents import Contents
from fave_bench.rendering.printed import read_overall
from fave_bench.rendering.printed_ablation import read_ablation
from fave_bench.rendering.printed_diversity import read_diversity
from fave_bench.rendering.printed_efficiency import read_efficiency
from fave_bench.rendering.table_model import Block, Column, Table, Text
from fave_bench.studies.catalogue import families

MEANING = (
    "holds and fails: beyond the 95 % error of what was measured here. undecided: within it, or one measure says the "
    "opposite of another. open: the runs it takes have not been made, or were stopped by a budget.",
    "Accuracy is judged under protocol released, with each model's best setting and variant of those that ran to "
    "their end; a model is judged by itself here, not by whether its printed number was reproduced (table overall).",
)


def claims(contents: Contents) -> tuple[Claim, ...]:
    """Who leads, what each part is worth, what a prediction costs, who answers faster, whose lists are diverse."""
    efficiency = read_efficiency()
    found = [
        *lead_claims(contents, read_overall()),
        *cost_claims(contents, efficiency),
        *part_claims(contents, families(), {name: read_ablation(family) for name, family in families().items()}),
        *list_claims(contents, read_diversity(), efficiency.models[-1]),
    ]
    return tuple(sorted(found, key=lambda claim: VERDICTS.index(claim.verdict)))


def claims_table(contents: Contents) -> Table:
    """A row per claim, a block per verdict."""
    found = claims(contents)
    columns = (Column("claim", numeric=False), Column("why", numeric=False))
    blocks = [
        Block(verdict, columns, tuple((Text(c.text), Text(c.because)) for c in found if c.verdict == verdict))
        for verdict in VERDICTS
    ]
    return Table(
        name="claims",
        title="Which of the papers' claims hold here",
        legend=MEANING,
        blocks=tuple(block for block in blocks if block.rows),
        columns=("kind", "claim", "verdict", "because"),
        rows=tuple({"kind": c.kind, "claim": c.text, "verdict": c.verdict, "because": c.because} for c in found),
    )
