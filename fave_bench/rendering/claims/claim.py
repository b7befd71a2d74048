"""A claim with its verdict, and what kinds of claims share."""

from dataclasses import dataclass
from typing import Literal

from fave_bench.evaluation.paired import Z
from fave_bench.rendering.table_model import Scalar

Verdict = Literal["fails", "holds", "undecided", "open"]
Kind = Literal["accuracy", "parts", "cost", "diversity"]
VERDICTS: tuple[Verdict, ...] = ("fails", "holds", "undecided", "open")
"""In the order they are shown."""
PROTOCOL = "released"
"""The one under which printed numbers that can be traced were made."""
Row = dict[str, Scalar]


@dataclass(frozen=True)
class Claim:
    """`holds` and `fails` are what measurements say; `undecided` is within their error, or where they contradict each
    other; `open` lacks the runs."""

    kind: Kind
    text: str
    verdict: Verdict
    because: str


def mean(row: Row) -> float:
    return number(row["ours_mean"])


def gap_error(one: Row, other: Row) -> float:
    """Half a 95 % interval of the difference of two rows, from their users' and their seeds' spread."""
    return Z * (_variance(one) + _variance(other)) ** 0.5


def number(value: Scalar) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _variance(row: Row) -> float:
    """Of the users and over seeds together."""
    return number(row["sampling_error"]) ** 2 + number(row["ours_sd"]) ** 2
