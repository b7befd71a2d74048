"""A table as somebody printed it: percentages with the digits they were given."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

FINEST = 6
"""Decimals that are told apart; more are rounded away, which widens what the number may stand for."""
METRIC = re.compile(r"(?:(?P<hit>HR?|HIT)|(?P<gain>N|NDCG))@(?P<cutoff>[1-9]\d*)|(?P<other>MRR)", re.IGNORECASE)


class Cell(NamedTuple):
    """Where a number stands. A table of one unnamed dataset leaves `dataset` empty."""

    model: str
    dataset: str
    metric: str


@dataclass(frozen=True)
class Rate:
    """A percentage as printed: so many units of its last digit."""

    units: int
    decimals: int

    @property
    def percent(self) -> float:
        return self.units / 10**self.decimals

    @property
    def unit(self) -> float:
        """One of the last digit, in percent."""
        return 10.0**-self.decimals

    @property
    def low(self) -> float:
        """The least this can stand for, in percent: it may have been rounded, or cut off after its last digit."""
        return max(0.0, self.percent - self.unit / 2)

    @property
    def high(self) -> float:
        return min(100.0, self.percent + self.unit)


def rate(number: Decimal) -> Rate:
    """The printed number, with as many decimals as it shows, FINEST at most."""
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    decimals = min(max(0, -exponent), FINEST)
    kept = number.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN)
    return Rate(int(kept.scaleb(decimals)), decimals)


def metric_name(text: str) -> str | None:
    """H@K, N@K or MRR, from those and from HR@K, Hit@K and NDCG@K in any case; None for anything else."""
    found = METRIC.fullmatch(text.strip())
    if not found:
        return None
    return "MRR" if found["other"] else f"{'H' if found['hit'] else 'N'}@{found['cutoff']}"


@dataclass(frozen=True)
class PrintedTable:
    """Rates by place, in the order of the file."""

    file: str
    title: str
    """`Paper, Table n` for the tables that come with this program, else the file."""
    rates: Mapping[Cell, Rate]
    improvements: Mapping[Cell, Decimal] = field(default_factory=dict)
    """What the table says its best row gains over the second best, in percent."""
    half_ranks: bool = False
    """Whether its ranks count ties as half, as ours do; whoever cuts a sorted list off has whole ranks."""

    @property
    def paper(self) -> str:
        return self.title.partition(",")[0]

    @property
    def datasets(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(cell.dataset for cell in self.rates))

    def rows(self, dataset: str) -> dict[str, dict[str, Rate]]:
        """Model -> metric -> rate."""
        rows: dict[str, dict[str, Rate]] = {}
        for cell, printed in self.rates.items():
            if cell.dataset == dataset:
                rows.setdefault(cell.model, {})[cell.metric] = printed
        return rows

    def hit_rates(self, dataset: str) -> dict[str, dict[int, Rate]]:
        """Model -> cut-off, rising -> rate; models without a hit rate are left out."""
        found = {
            model: {int(metric[2:]): printed for metric, printed in row.items() if metric.startswith("H@")}
            for model, row in self.rows(dataset).items()
        }
        return {model: dict(sorted(rates.items())) for model, rates in found.items() if rates}
