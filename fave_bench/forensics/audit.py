"""Every check over several tables."""

from collections.abc import Sequence

from fave_bench.data import catalogue
from fave_bench.forensics.copies import copies
from fave_bench.forensics.finding import KINDS, Finding
from fave_bench.forensics.gains import gains
from fave_bench.forensics.grids import Users, grid_findings
from fave_bench.forensics.improvements import wrong_improvements
from fave_bench.forensics.pairs import impossible_pairs
from fave_bench.forensics.printed_table import PrintedTable
from fave_bench.forensics.user_counts import user_counts


def findings(tables: Sequence[PrintedTable], users: Users | None = None) -> list[Finding]:
    """Everything the tables give away, the worst kind first, within a kind in the order of the tables.

    `users` says how many users a run over a dataset has; without it, what the catalogue knows. Two tables of one paper
    should agree, those of two papers should not; nothing else joins them.
    """
    counts = known_users() if users is None else users
    found = list(copies(tables, counts))
    for table in tables:
        found += [
            *impossible_pairs(table),
            *wrong_improvements(table),
            *grid_findings(table, counts),
            *user_counts(table, counts),
            *gains(table, counts),
        ]
    order = list(KINDS)
    return sorted(found, key=lambda finding: order.index(finding.kind))


def known_users() -> dict[str, tuple[int, ...]]:
    """Dataset -> user counts of the catalogue: the printed one, and that of the public sequences where it differs."""
    return {
        name: tuple(count for count in (entry.users, entry.public_users) if count)
        for name, entry in catalogue.entries().items()
        if entry.users and not entry.synthetic
    }
