"""What the page says first: which claims hold, and how many printed numbers were reproduced."""

from dataclasses import dataclass

from fave_bench.rendering.claims.claim import Claim
from fave_bench.rendering.claims.judged import claims
from fave_bench.rendering.contents import Contents
from fave_bench.rendering.page.verdicts import Tally, tallies


@dataclass(frozen=True)
class Headline:
    """All of it computed from records and printed numbers."""

    runs: int
    full: int
    """Runs that no budget stopped."""
    claims: tuple[Claim, ...]
    verdicts: tuple[Tally, ...]


def headline(contents: Contents) -> Headline:
    return Headline(
        runs=len(contents.records),
        full=sum(not record.truncated for record in contents.records),
        claims=claims(contents),
        verdicts=tallies(contents),
    )
