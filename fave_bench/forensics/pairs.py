"""Hit rates and NDCGs that no ranking gives together, one relevant item per user."""

import math
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import NamedTuple

from fave_bench.forensics.finding import Finding
from fave_bench.forensics.printed_table import PrintedTable, Rate

ROUND_OFF = 1e-9
NOTHING = Rate(0, 0)
"""Every metric at cut-off 0."""


class _Growth(NamedTuple):
    """What a metric gains between two cut-offs, in points: as printed, and the least and most that can stand for."""

    printed: float
    low: float
    high: float


class Breach(NamedTuple):
    """How far from possible the growth between two cut-offs is, in points; possible where not positive."""

    excess: float
    between: str
    what: str

    @property
    def sentence(self) -> str:
        return f"{self.between} {self.what}"


def impossible_pairs(table: PrintedTable) -> Iterator[Finding]:
    """One finding a row, `impossible_pair`, its worst breach first."""
    for dataset in table.datasets:
        for model, row in table.rows(dataset).items():
            found = breaches(row, ties=table.half_ranks)
            if found:
                detail = found[0].sentence + "".join(f"; likewise {breach.between}" for breach in found[1:])
                yield Finding("impossible_pair", table.file, table.title, dataset, (model,), detail)


def breaches(row: Mapping[str, Rate], *, ties: bool = False) -> list[Breach]:
    """What is impossible between any two cut-offs, the largest excess first; empty for a possible row.

    A user who ranks in j+1..k counts at cut-off k but not at j, and adds 1/log2(rank + 1) to NDCG. Linear, so it holds
    for every average. Each number may be anything that is printed like it. Where `ties` count as half a rank, a user
    may be at rank j + 1/2.
    """
    cutoffs = sorted({int(metric[2:]) for metric in row if "@" in metric})
    found = [_breach(row, j, k, ties) for j, k in combinations([0, *cutoffs], 2)]
    return [breach for breach in sorted(found, reverse=True) if breach.excess > ROUND_OFF]


def _breach(row: Mapping[str, Rate], j: int, k: int, ties: bool) -> Breach:
    hits, gain = (_growth(row, kind, j, k) for kind in "HN")
    between = f"between cut-offs {j} and {k}" if j else f"up to cut-off {k}"
    fall = max((-growth.high for growth in (hits, gain) if growth), default=0.0)
    if fall > 0 or not (hits and gain):
        return Breach(
            fall, between, f"a metric falls by at least {fall:.4f} points, though a longer list can only gain"
        )
    best_rank = j + (0.5 if ties and j else 1.0)
    least, most = 1 / math.log2(k + 1), 1 / math.log2(best_rank + 1)
    return Breach(
        max(least * hits.low - gain.high, gain.low - most * hits.high),
        between,
        f"the hit rate grows by {hits.printed:.4f} points and NDCG by {gain.printed:.4f}, which must lie "
        f"between {least * hits.printed:.4f} and {most * hits.printed:.4f}",
    )


def _growth(row: Mapping[str, Rate], kind: str, j: int, k: int) -> _Growth | None:
    before, after = row.get(f"{kind}@{j}") if j else NOTHING, row.get(f"{kind}@{k}")
    if before is None or after is None:
        return None
    low, high = (before.low, before.high) if j else (0.0, 0.0)
    return _Growth(after.percent - before.percent, after.low - high, after.high - low)
