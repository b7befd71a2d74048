"""The fewest users that all hit rates of a row can come from, searched among all counts."""

from collections.abc import Iterator, Mapping

import numpy as np

from fave_bench.forensics.chance import RARE
from fave_bench.forensics.finding import Finding, odds
from fave_bench.forensics.grids import Users, grids, on_grid
from fave_bench.forensics.lattice import Integers
from fave_bench.forensics.printed_table import PrintedTable, Rate

MOST = 30_000
"""Counts from here on fit four printed decimals too easily to be searched."""


def user_counts(table: PrintedTable, users: Users) -> Iterator[Finding]:
    """`other_users` for rows on no grid of the known counts, `implied_users` where none is known.

    Silent where chance would fit as well.
    """
    for dataset in table.datasets:
        known = grids(users.get(dataset, ()))
        for model, rates in table.hit_rates(dataset).items():
            if any(on_grid(rates, grid) for grid in known):
                continue
            fitting = counts_that_fit(rates)
            chance = chance_of_any(int(fitting[0]), rates) if len(fitting) else 1.0
            if chance <= RARE:
                kind = "other_users" if known else "implied_users"
                detail = _sentence([int(count) for count in fitting], rates, chance)
                yield Finding(kind, table.file, table.title, dataset, (model,), detail, chance)


def counts_that_fit(rates: Mapping[int, Rate]) -> Integers:
    """Every n below MOST for which each rate is some k/n, rounded to its printed digits; rising."""
    counts = np.arange(1, MOST)
    fit = np.ones(len(counts), bool)
    for rate in rates.values():  # (2 units - 1) / scale <= k / n <= (2 units + 1) / scale for some whole k
        scale = 2 * 100 * 10**rate.decimals
        fit &= (2 * rate.units + 1) * counts // scale >= -((1 - 2 * rate.units) * counts // scale)
    return counts[fit]


def chance_of_any(largest: int, rates: Mapping[int, Rate]) -> float:
    """An upper bound of the chance that some n up to `largest` fits random rates: the sum of each n's own."""
    counts = np.arange(1, largest + 1)
    shares = [np.minimum(1.0, (counts + 1) / (100 * 10**rate.decimals + 1)) for rate in rates.values()]
    return min(1.0, float(np.prod(shares, axis=0).sum()))


def _sentence(fitting: list[int], rates: Mapping[int, Rate], chance: float) -> str:
    fewest, others = fitting[0], fitting[1:]
    hits = ", ".join(f"{round(rate.percent * fewest / 100):,}" for rate in rates.values())
    multiples = all(count % fewest == 0 for count in others)
    only = f"only {fewest:,}{' and its multiples fit' if others else ' fits'}" if multiples else f"{fewest:,} fits"
    return (
        f"of all user counts below {MOST:,}, {only} its hit rates at {', '.join(map(str, rates))} ({hits} hits); "
        f"that some count up to it fits random numbers has a chance of at most {odds(chance)}"
    )
