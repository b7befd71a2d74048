"""How diverse the lists are, next to those of the models a paper compares with."""

from fave_bench.rendering.claims.claim import Claim, Row, Verdict, gap_error, mean
from fave_bench.rendering.contents import Contents
from fave_bench.rendering.printed_diversity import PrintedDiversity
from fave_bench.rendering.table_model import signed

METRIC = "ILD@20"
SPACES = ("genres", "co-occurrence")
"""Those that all models share; distances in a model's own space cannot be compared between models."""


def list_claims(contents: Contents, papers: PrintedDiversity, own: str) -> list[Claim]:
    """One per model that the table prints beside `own`: whose lists are the more diverse."""
    printed = {(model, dataset): ild for (model, dataset, metric), ild in papers.items() if metric == METRIC}
    return [
        _order(contents, own, other, dataset, printed[own, dataset] - ild)
        for (other, dataset), ild in printed.items()
        if other != own and (own, dataset) in printed
    ]


def _order(contents: Contents, own: str, other: str, dataset: str, printed: float) -> Claim:
    words = "more" if printed > 0 else "less"
    text = f"{own}'s lists on {dataset} are {words} diverse than {other}'s (ILD {signed(printed)})"
    pairs = {
        space: (ours, theirs)
        for space in SPACES
        if (ours := _best(contents, own, dataset, space)) and (theirs := _best(contents, other, dataset, space))
    }
    if not pairs:
        return Claim("diversity", text, "open", f"{own} and {other} did not both run to their end on {dataset}")
    signs = {_sign(*pair) * (1 if printed > 0 else -1) for pair in pairs.values()}
    said = "; ".join(f"{space} {mean(ours):.3f} and {mean(theirs):.3f}" for space, (ours, theirs) in pairs.items())
    verdict: Verdict = "holds" if signs == {1} else "fails" if signs == {-1} else "undecided"
    against = "; the two say the opposite, each beyond its error" * (signs == {1, -1})
    return Claim("diversity", text, verdict, f"in shared spaces: {said}{against}")


def _sign(ours: Row, theirs: Row) -> int:
    """1 or -1 where the difference is beyond its error, else 0."""
    difference, error = mean(ours) - mean(theirs), gap_error(ours, theirs)
    return 0 if abs(difference) <= error else 1 if difference > 0 else -1


def _best(contents: Contents, title: str, dataset: str, space: str) -> Row | None:
    """The row of the model that ranks best by N@20, of those that ran to their end and have lists."""
    rows = contents.rows("diversity", title=title, dataset=dataset, metric=METRIC, space=space, truncated=False)
    accurate = {
        row["configuration"]: mean(row)
        for row in contents.rows("diversity", title=title, dataset=dataset, metric="N@20", protocol="released")
        if row["ours_mean"] is not None
    }
    found = [row for row in rows if row["ours_mean"] is not None]
    return max(found, key=lambda row: accurate.get(row["configuration"], 0.0), default=None)
