"""Numbers that stand in two tables digit for digit."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from math import pi, sqrt

from fave_bench.forensics.chance import RARE, at_least
from fave_bench.forensics.finding import Finding, odds
from fave_bench.forensics.grids import Users
from fave_bench.forensics.printed_table import Cell, PrintedTable, Rate

Shared = Mapping[Cell, tuple[Rate, Rate]]
"""What each of two tables prints in a cell of both."""


def copies(tables: Sequence[PrintedTable], users: Users) -> Iterator[Finding]:
    """Per pair of tables that share cells: `copied` across papers; `restated`, or `contradiction`, within one."""
    for earlier, later in combinations(tables, 2):
        shared = shared_cells(earlier, later)
        if earlier.paper == later.paper:
            yield from _within_one_paper(earlier, later, shared)
        else:
            yield from _copied(earlier, later, shared, users)


def shared_cells(one: PrintedTable, other: PrintedTable) -> Shared:
    """The cells that both print, with both numbers."""
    first, second = _named(one, other), _named(other, one)
    return {cell: (rate, second[cell]) for cell, rate in first.items() if cell in second}


def coincidence(rate: Rate, users: int) -> float:
    """The chance that two independent runs over `users`, both truly at `rate`, print the same hit rate.

    Their difference is about normal with variance 2 p (1 - p) / n, so two of a grid of width w agree with a chance of
    w / (2 sqrt(pi) sigma); w is 1/n, or the printed digit if that is wider.
    """
    deviation = sqrt(rate.percent * (100 - rate.percent) / users)
    width = max(100 / users, rate.unit)
    return min(1.0, width / (2 * sqrt(pi) * deviation)) if deviation else 1.0


def _named(table: PrintedTable, other: PrintedTable) -> Mapping[Cell, Rate]:
    """A table that does not name its dataset is taken to be about the one on which it agrees most with `other`."""
    if table.datasets != ("",):
        return table.rates
    readings = [
        {cell._replace(dataset=dataset): rate for cell, rate in table.rates.items()} for dataset in other.datasets
    ]
    return max(readings, key=lambda rates: sum(other.rates.get(cell) == rate for cell, rate in rates.items()))


def _within_one_paper(earlier: PrintedTable, later: PrintedTable, shared: Shared) -> Iterator[Finding]:
    differing = [cell for cell, pair in shared.items() if not _agree(*pair)]
    for cell in differing:
        one, other = (f"{rate.percent:.{rate.decimals}f}" for rate in shared[cell])
        detail = f"{cell.metric} is {one} in {earlier.title} and {other} in {later.title}"
        yield _finding("contradiction", earlier, later, [cell], detail)
    if shared and not differing:
        yield _finding("restated", earlier, later, list(shared), f"all that both print agrees ({len(shared)})")


def _copied(earlier: PrintedTable, later: PrintedTable, shared: Shared, users: Users) -> Iterator[Finding]:
    """Rows that agree in every cell, if chance would not make so many agree in one hit rate of each row.

    A row's metrics rise and fall together, so no more than one of them counts; a row without a hit rate, or of a
    dataset of unknown size, counts for nothing. Where no row counts, all of several must agree.
    """
    rows = _rows(shared)
    taken = [row for row, cells in rows.items() if all(_agree(*shared[cell]) for cell in cells)]
    rates = {row: _hit_rate(cells, shared) for row, cells in rows.items() if users.get(row[1])}
    chances = {row: coincidence(rate, users[row[1]][0]) for row, rate in rates.items() if rate}
    chance = at_least(sum(row in chances for row in taken), chances.values()) if chances else None
    if chance <= RARE if chance is not None else len(taken) == len(rows) > 1:
        cells = [cell for row in taken for cell in rows[row]]
        detail = f"{len(cells)} of the {len(shared)} cells that both print agree digit for digit"
        detail += "" if chance is None else f"; by chance {odds(chance)}"
        yield _finding("copied", earlier, later, cells, detail, chance)


def _rows(shared: Shared) -> dict[tuple[str, str], list[Cell]]:
    """(Model, dataset) -> cells."""
    rows: dict[tuple[str, str], list[Cell]] = {}
    for cell in shared:
        rows.setdefault((cell.model, cell.dataset), []).append(cell)
    return rows


def _agree(one: Rate, other: Rate) -> bool:
    """In every digit that is not a zero at the end."""
    return one.percent == other.percent


def _hit_rate(row: Sequence[Cell], shared: Shared) -> Rate | None:
    """That of the longest list."""
    hits = [cell for cell in row if cell.metric.startswith("H@")]
    return shared[max(hits, key=lambda cell: int(cell.metric[2:]))][0] if hits else None


def _finding(
    kind: str,
    earlier: PrintedTable,
    later: PrintedTable,
    cells: Sequence[Cell],
    detail: str,
    chance: float | None = None,
) -> Finding:
    datasets, models = {cell.dataset for cell in cells}, tuple(dict.fromkeys(cell.model for cell in cells))
    title = f"{earlier.title} and {later.title}"
    return Finding(kind, earlier.file, title, datasets.pop() if len(datasets) == 1 else "", models, detail, chance)
