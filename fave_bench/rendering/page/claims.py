"""What the papers claim in numbers, held against what was measured here: a verdict and its reason per claim."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fave_bench.evaluation.paired import Z
from fave_bench.rendering.efficiency_speed import speedup_column
from fave_bench.rendering.page.contents import Contents
from fave_bench.rendering.printed import Overall
from fave_bench.rendering.printed_efficiency import FLOPS, Efficiency
from fave_bench.rendering.table_model import Scalar, significant

Verdict = Literal["fails", "holds", "undecided", "open"]
VERDICTS: tuple[Verdict, ...] = ("fails", "holds", "undecided", "open")
"""In the order of the page."""
METRICS = ("H@20", "N@20")
PROTOCOL = "released"
"""The one under which printed numbers that can be traced were made."""
HALF_A_DIGIT = 0.005 + 1e-9
"""Billions: FLOPs are printed with two decimals."""
Row = dict[str, Scalar]


@dataclass(frozen=True)
class Claim:
    """`holds` and `fails` are what measurements say; `undecided` is within their error; `open` lacks the runs."""

    text: str
    verdict: Verdict
    because: str


def claims(contents: Contents, accuracy: Overall, efficiency: Efficiency) -> tuple[Claim, ...]:
    """Who leads on each dataset and metric, what a prediction costs, and who answers faster; decided ones first."""
    leads = (_lead(contents, accuracy, name, metric) for name in accuracy.datasets for metric in METRICS)
    faster = (_faster(contents, efficiency, over) for over in efficiency.references)
    return tuple(
        sorted((*leads, _cost(contents, efficiency), *faster), key=lambda claim: VERDICTS.index(claim.verdict))
    )


def _lead(contents: Contents, papers: Overall, dataset: str, metric: str) -> Claim:
    known = {model: papers.get(model, dataset, metric) for model in papers.models}
    printed = {model: number.percent for model, number in known.items() if number}
    first = max(printed, key=lambda model: printed[model])
    text = f"{first} has the highest {metric} on {dataset} ({printed[first]:.2f}\u00a0%)"
    ours = {model: row for model in printed if (row := _best(contents, model, dataset, metric))}
    own, missing = ours.pop(first, None), [model for model in printed if model != first and model not in ours]
    if own is None:
        return Claim(text, "open", f"no run of {first} on {dataset} went to its end")
    if not ours:
        return Claim(text, "open", f"no other model's run on {dataset} went to its end")
    rival = max(ours, key=lambda model: _mean(ours[model]))
    lead, error = _mean(own) - _mean(ours[rival]), Z * (_variance(own) + _variance(ours[rival])) ** 0.5
    because = (
        f"{first} {_mean(own):.2f}\u00a0%, {rival} {_mean(ours[rival]):.2f}\u00a0%; 95 % error of the gap {error:.2f}"
    )
    if abs(lead) <= error:
        return Claim(text, "undecided", because)
    if lead > 0 and missing:
        return Claim(text, "open", f"{because}; not run to the end: {', '.join(missing)}")
    return Claim(text, "holds" if lead > 0 else "fails", because)


def _best(contents: Contents, title: str, dataset: str, metric: str) -> Row | None:
    """The model's best row of settings and variants, of those that ran to their end."""
    rows = contents.rows("overall", title=title, dataset=dataset, metric=metric, protocol=PROTOCOL, truncated=False)
    full = [row for row in rows if row["ours_mean"] is not None and row["split"] == "leave-one-out"]
    return max(full, key=_mean, default=None)


def _mean(row: Row) -> float:
    return _number(row["ours_mean"])


def _variance(row: Row) -> float:
    """Of the users and over seeds together."""
    return _number(row["sampling_error"]) ** 2 + _number(row["ours_sd"]) ** 2


def _number(value: Scalar) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _cost(contents: Contents, papers: Efficiency) -> Claim:
    agrees: dict[tuple[str, str], bool] = {}
    for row in contents.rows("efficiency", part="cost", own_steps=True):
        key = str(row["title"]), str(row["printed_for"])
        printed = papers.get(*key, FLOPS)
        if printed is not None:
            equal = abs(_number(row["paper_gmacs"]) - printed) <= HALF_A_DIGIT
            agrees[key] = equal or agrees.get(key, False)
    cells, counted, right = len(papers.models) * len(papers.datasets), len(agrees), sum(agrees.values())
    text = f"A prediction costs the FLOPs that are printed ({cells} numbers)"
    if not counted:
        return Claim(text, "open", "nothing was counted here")
    verdict: Verdict = "fails" if right < counted else "holds" if counted == cells else "open"
    return Claim(text, verdict, f"{right} of {counted} that were counted here agree to the printed digit")


def _faster(contents: Contents, papers: Efficiency, over: str) -> Claim:
    own, column = papers.models[-1], speedup_column(over)
    printed = [ratio for name in papers.datasets if (ratio := papers.speedup(own, over, name))]
    text = f"{own} answers one user faster than {over} (printed: {_span(printed)})"
    rows = [
        row
        for row in contents.rows("efficiency", part="speed", title=own, own_steps=True)
        if row[column] and row["printed_for"]
    ]
    found = [_number(row[column]) for row in rows]
    if not found:
        return Claim(text, "open", f"{own} and {over} were not timed in one place")
    places = sorted({str(row["device"]) for row in rows})
    because = f"measured: {_span(found)}, over datasets, settings and executions on {', '.join(places)}"
    return Claim(text, "holds" if min(found) > 1 else "fails" if max(found) < 1 else "undecided", because)


def _span(ratios: Sequence[float]) -> str:
    low, high = (significant(end(ratios)) for end in (min, max))
    return f"{low}\u00a0×" if low == high else f"{low} to {high}\u00a0×"
