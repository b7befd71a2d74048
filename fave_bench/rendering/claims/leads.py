"""Who is best, by dataset and metric."""

from fave_bench.rendering.claims.claim import PROTOCOL, Claim, Row, gap_error, mean
from fave_bench.rendering.contents import Contents
from fave_bench.rendering.printed import Overall

METRICS = ("H@20", "N@20")


def lead_claims(contents: Contents, papers: Overall) -> list[Claim]:
    """One per dataset and metric of the printed table: its best model is the best here too."""
    return [_lead(contents, papers, name, metric) for name in papers.datasets for metric in METRICS]


def _lead(contents: Contents, papers: Overall, dataset: str, metric: str) -> Claim:
    known = {model: papers.get(model, dataset, metric) for model in papers.models}
    printed = {model: number.percent for model, number in known.items() if number}
    first = max(printed, key=lambda model: printed[model])
    text = f"{first} has the highest {metric} on {dataset} ({printed[first]:.2f}\u00a0%)"
    ours = {model: row for model in printed if (row := _best(contents, model, dataset, metric))}
    own, missing = ours.pop(first, None), [model for model in printed if model != first and model not in ours]
    if own is None:
        return Claim("accuracy", text, "open", f"no run of {first} on {dataset} went to its end")
    if not ours:
        return Claim("accuracy", text, "open", f"no other model's run on {dataset} went to its end")
    rival = max(ours, key=lambda model: mean(ours[model]))
    lead, error = mean(own) - mean(ours[rival]), gap_error(own, ours[rival])
    because = (
        f"{first} {mean(own):.2f}\u00a0%, {rival} {mean(ours[rival]):.2f}\u00a0%; 95 % error of the gap {error:.2f}"
    )
    if lead < -error:
        return Claim("accuracy", text, "fails", because)
    if missing:
        return Claim("accuracy", text, "open", f"{because}; not run to the end: {', '.join(missing)}")
    return Claim("accuracy", text, "holds" if lead > error else "undecided", because)


def _best(contents: Contents, title: str, dataset: str, metric: str) -> Row | None:
    """The model's best row of settings and variants, of those that ran to their end."""
    rows = contents.rows("overall", title=title, dataset=dataset, metric=metric, protocol=PROTOCOL, truncated=False)
    return max((row for row in rows if row["ours_mean"] is not None), key=mean, default=None)
