"""Printed improvements over the second best, computed again."""

from collections.abc import Iterator
from decimal import Decimal
from math import inf

from fave_bench.forensics.finding import Finding
from fave_bench.forensics.leads import Lead, lead
from fave_bench.forensics.printed_table import PrintedTable


def wrong_improvements(table: PrintedTable) -> Iterator[Finding]:
    """`wrong_improvement` where a claim is the best over the second best neither in percent nor in points.

    A negative claim says that the paper's own row is not the best, and is compared with nothing.
    """
    for cell, claim in table.improvements.items():
        found = lead(table, cell.dataset, cell.metric)
        if found and claim >= 0 and not _follows(claim, found):
            detail = f"{found}, but the table prints {claim}"
            yield Finding("wrong_improvement", table.file, table.title, cell.dataset, (found.winner,), detail)


def _follows(claim: Decimal, found: Lead) -> bool:
    """Whether some numbers that are printed like these two give it, to its own last digit."""
    best, second = found.best, found.second
    points = best.low - second.high, best.high - second.low
    percent = (
        100 * (best.low / second.high - 1),
        100 * (best.high / second.low - 1) if second.low else inf,
    )
    digit = 10.0 ** int(claim.as_tuple().exponent)
    return any(low - digit <= float(claim) <= high + digit for low, high in (points, percent))
