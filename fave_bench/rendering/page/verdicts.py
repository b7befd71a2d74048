"""How many printed numbers were reproduced here, dataset by dataset, and why others were not."""

from collections import Counter
from dataclasses import dataclass

from fave_bench.rendering.causes import Cause, causes
from fave_bench.rendering.claims.claim import PROTOCOL
from fave_bench.rendering.contents import Contents

VERDICTS = ("reproduced", "higher", "lower", "not converged", "not run")
"""In the order of the page."""


@dataclass(frozen=True)
class Tally:
    """Cells of Table 1 that hold a printed number: one per model, setting, variant and metric."""

    dataset: str
    counts: dict[str, int]
    """Verdict -> cells, for all of VERDICTS."""
    causes: tuple[Cause, ...]

    @property
    def cells(self) -> int:
        return sum(self.counts.values())


def tallies(contents: Contents) -> tuple[Tally, ...]:
    """One per dataset that a paper prints, in the order of Table 1."""
    found: dict[str, Counter[str]] = {}
    for row in contents.rows("overall", protocol=PROTOCOL):
        if row["paper_value"] is not None:
            found.setdefault(str(row["dataset"]), Counter())[str(row["verdict"])] += 1
    return tuple(
        Tally(name, {verdict: counts[verdict] for verdict in VERDICTS}, causes(contents, name))
        for name, counts in found.items()
    )
