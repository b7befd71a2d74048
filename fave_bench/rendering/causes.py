"""Rows of Table 1 that differ from what is printed for them by more than noise, and what is known of why."""

from dataclasses import dataclass

from fave_bench.rendering.blocks.words import spaced
from fave_bench.rendering.claims.claim import PROTOCOL
from fave_bench.rendering.contents import Contents

DIFFERENT = ("lower", "higher")
UNKNOWN = "No cause is known."


@dataclass(frozen=True)
class Cause:
    """One per row, in the order of the table."""

    row: str
    """As notes call it: model:setting or model:setting:variant."""
    title: str
    """As people read it."""
    verdict: str
    """`lower`, `higher` or `lower and higher`: what the row is in the metrics that were not reproduced."""
    note: str
    """What the results folder notes of the row."""


def causes(contents: Contents, dataset: str) -> tuple[Cause, ...]:
    """What explains each row of `dataset` that was not reproduced; a row of which nothing is noted says that."""
    found: dict[tuple[str, str], set[str]] = {}
    for row in contents.rows("overall", dataset=dataset, protocol=PROTOCOL):
        rest = [str(row[key]) for key in ("setting", "variant") if row[key]]
        row_and_title = ":".join([str(row["model"]), *rest]), ", ".join([str(row["title"]), *map(spaced, rest)])
        found.setdefault(row_and_title, set()).update({str(row["verdict"])} & {*DIFFERENT})
    known = contents.notes.get(dataset, {})
    return tuple(
        Cause(row, title, " and ".join(sorted(verdicts, key=DIFFERENT.index)), known.get(row, UNKNOWN))
        for (row, title), verdicts in found.items()
        if verdicts
    )
