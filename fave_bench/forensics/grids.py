"""How the users behind a table's hit rates were averaged, and rows that no averaging of them gives."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from fave_bench.evaluation.protocols import RELEASED
from fave_bench.forensics.chance import RARE, at_least
from fave_bench.forensics.finding import Finding, odds
from fave_bench.forensics.lattice import Grid
from fave_bench.forensics.printed_table import PrintedTable, Rate

Rows = Mapping[str, Mapping[int, Rate]]
"""Model -> cut-off -> hit rate."""
Users = Mapping[str, Sequence[int]]
"""Dataset -> the numbers of users that a run over it may have had."""


@dataclass(frozen=True)
class _Match:
    grid: Grid
    models: tuple[str, ...]
    """Whose hit rates all lie on the grid."""
    rows: int
    chance: float
    """That as many of `rows` random rows would."""


def grid_findings(table: PrintedTable, users: Users) -> Iterator[Finding]:
    """Per dataset with a known number of users: `grid`s that explain rows, `off_grid` rows, `uninformative` grids."""
    for dataset in table.datasets:
        rows = table.hit_rates(dataset)
        matches = [_match(grid, rows) for grid in grids(users.get(dataset, ()))]
        for match in _surprising(matches):
            yield Finding("grid", table.file, table.title, dataset, match.models, _sentence(match), match.chance)
        silent = [match for match in matches if match.chance > RARE and match.models and not match.grid.truncated]
        if silent:
            detail = "; ".join(map(_sentence, silent))
            yield Finding("uninformative", table.file, table.title, dataset, (), detail)
        for model in rows if matches else ():
            if not any(model in match.models for match in matches):
                detail = f"{_shown(rows[model])} cannot come from one run over {_counts(users[dataset])} users"
                yield Finding("off_grid", table.file, table.title, dataset, (model,), detail)


def grids(users: Sequence[int]) -> list[Grid]:
    """The plain mean, and the mean of batch means of the authors' code; rounded, and cut off after the last digit."""
    sizes = (None, RELEASED.batch)
    return [
        Grid(count, batch, truncated)
        for truncated, count, batch in product((False, True), users, sizes)
        if batch is None or count > batch
    ]


def on_grid(rates: Mapping[int, Rate], grid: Grid) -> bool:
    """Whether one run could have given all these hit rates."""
    return all(map(grid.fits, rates.values()))


def _match(grid: Grid, rows: Rows) -> _Match:
    models = tuple(model for model, rates in rows.items() if on_grid(rates, grid))
    chances = [prod(map(grid.chance, rates.values())) for rates in rows.values()]
    return _Match(grid, models, len(rows), at_least(len(models), chances))


def _surprising(matches: Sequence[_Match]) -> Iterator[_Match]:
    """Matches beyond chance, the most surprising first; one whose rows are all explained already is left out."""
    explained: set[str] = set()
    for match in sorted(matches, key=lambda match: match.chance):
        if match.chance <= RARE and not explained.issuperset(match.models):
            yield match
            explained.update(match.models)


def _sentence(match: _Match) -> str:
    return (
        f"{len(match.models)} of {match.rows} rows fit {match.grid}; "
        f"the chance that as many random rows would is {odds(match.chance)}"
    )


def _shown(rates: Mapping[int, Rate]) -> str:
    return ", ".join(f"H@{cutoff} {rate.percent:.{rate.decimals}f}" for cutoff, rate in rates.items())


def _counts(users: Sequence[int]) -> str:
    return " or ".join(f"{count:,}" for count in users)
