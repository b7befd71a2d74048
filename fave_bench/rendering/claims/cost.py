"""What a prediction costs, and who answers faster."""

from collections.abc import Sequence

from fave_bench.rendering.claims.claim import Claim, Verdict, number
from fave_bench.rendering.contents import Contents
from fave_bench.rendering.efficiency_speed import speedup_column
from fave_bench.rendering.printed_efficiency import FLOPS, Efficiency
from fave_bench.rendering.table_model import significant

HALF_A_DIGIT = 0.005 + 1e-9
"""Billions: FLOPs are printed with two decimals."""


def cost_claims(contents: Contents, papers: Efficiency) -> list[Claim]:
    """The printed FLOPs, and the paper's model faster than each one it is compared with."""
    return [_cost(contents, papers), *(_faster(contents, papers, over) for over in papers.references)]


def _cost(contents: Contents, papers: Efficiency) -> Claim:
    agrees: dict[tuple[str, str], bool] = {}
    for row in contents.rows("efficiency", part="cost", own_steps=True):
        key = str(row["title"]), str(row["printed_for"])
        printed = papers.get(*key, FLOPS)
        if printed is not None:
            equal = abs(number(row["paper_gmacs"]) - printed) <= HALF_A_DIGIT
            agrees[key] = equal or agrees.get(key, False)
    cells, counted, right = len(papers.models) * len(papers.datasets), len(agrees), sum(agrees.values())
    text = f"A prediction costs the FLOPs that are printed ({cells} numbers)"
    if not counted:
        return Claim("cost", text, "open", "nothing was counted here")
    verdict: Verdict = "fails" if right < counted else "holds" if counted == cells else "open"
    return Claim("cost", text, verdict, f"{right} of {counted} that were counted here agree to the printed digit")


def _faster(contents: Contents, papers: Efficiency, over: str) -> Claim:
    own, column = papers.models[-1], speedup_column(over)
    printed = [ratio for name in papers.datasets if (ratio := papers.speedup(own, over, name))]
    text = f"{own} answers one user faster than {over} (printed: {_span(printed)})"
    rows = [
        row
        for row in contents.rows("efficiency", part="speed", title=own, own_steps=True)
        if row[column] and row["printed_for"]
    ]
    found = [number(row[column]) for row in rows]
    if not found:
        return Claim("cost", text, "open", f"{own} and {over} were not timed in one place")
    places = sorted({str(row["device"]) for row in rows})
    because = f"measured: {_span(found)}, over datasets, settings and executions on {', '.join(places)}"
    return Claim("cost", text, "holds" if min(found) > 1 else "fails" if max(found) < 1 else "undecided", because)


def _span(ratios: Sequence[float]) -> str:
    low, high = (significant(end(ratios)) for end in (min, max))
    return f"{low}\u00a0×" if low == high else f"{low} to {high}\u00a0×"
