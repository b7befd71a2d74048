"""Grids against enumeration with exact fractions."""

from fractions import Fraction
from math import ceil, floor

import pytest
from audit_helpers import printed, ranks
from hypothesis import given, settings
from hypothesis import strategies as st

from fave_bench.forensics.lattice import Grid
from fave_bench.forensics.printed_table import Rate

small = st.builds(Grid, st.integers(1, 40), st.none() | st.integers(1, 20), st.booleans())


def values(grid: Grid) -> set[Fraction]:
    """Every mean that 0/1 outcomes of users in order can have, in percent."""
    sizes = [grid.users]
    if grid.batch:
        sizes = [min(grid.batch, grid.users - first) for first in range(0, grid.users, grid.batch)]
    sums = {Fraction(0)}
    for size in sizes:
        sums = {total + Fraction(hits, size) for total in sums for hits in range(size + 1)}
    return {100 * total / len(sizes) for total in sums}


def units(value: Fraction, places: int, cut: bool) -> set[int]:
    """What a value may be printed as; one that lies on a boundary may fall to either side of it."""
    exact = value * 10**places + (0 if cut else Fraction(1, 2))
    return {max(0, ceil(exact) - 1), min(floor(exact), 100 * 10**places)}


@settings(max_examples=40)
@given(small, st.integers(0, 1))
def test_what_fits_is_what_can_be_printed(grid: Grid, places: int) -> None:
    possible = set().union(*(units(value, places, grid.truncated) for value in values(grid)))
    assert {unit for unit in range(100 * 10**places + 1) if grid.fits(Rate(unit, places))} == possible


@settings(max_examples=40)
@given(small, st.integers(0, 1))
def test_the_chance_is_the_share_of_printable_values_that_fit(grid: Grid, places: int) -> None:
    if grid.batch is None and grid.users > 100 * 10**places:
        return
    possible = set().union(*(units(value, places, False) for value in values(grid)))
    expected = len(possible) / (100 * 10**places + 1)  # with so few digits every value is a neighbour
    if grid.batch:
        assert grid.chance(Rate(50 * 10**places, places)) == pytest.approx(expected)
    else:  # the closed form does not count a tie's second printing
        exact = (grid.users + 1) / (100 * 10**places + 1)
        assert grid.chance(Rate(50, places)) == pytest.approx(exact) and exact <= expected + 1e-12


@settings(max_examples=50)
@given(ranks, st.integers(0, 6), st.booleans())
def test_every_run_fits_its_own_grid(higher: list[int], places: int, cut: bool) -> None:
    for protocol, batch in (("filtered", None), ("released", 512)):
        digits = printed(higher, protocol, places, cut)
        for cutoff in (5, 10, 20):
            unit = int(digits[f"H@{cutoff}"].replace(".", ""))
            assert Grid(len(higher), batch, cut).fits(Rate(unit, places))


def test_the_batch_grid_of_ml_100k() -> None:
    grid = Grid(943, 512)
    assert grid.fits(Rate(261340, 4)) and not grid.fits(Rate(261341, 4))  # (131/512 + 115/431)/2
    assert "512 a batch, the last 431" in str(grid)
    assert Grid(943).fits(Rate(135737, 4)) and not Grid(943).fits(Rate(261340, 4))  # 128 hits


def test_the_chance_of_ml_100k_is_known() -> None:
    """A value p below a half has about 512 * 431 * 4 p pairs of hits within one of its printed units of 1e-6."""
    for percent in (10, 16, 25):
        expected = 512 * 431 * 4 * percent / 100 * 1e-6
        assert Grid(943, 512).chance(Rate(percent * 10**4, 4)) == pytest.approx(expected, rel=0.15)
    assert Grid(943).chance(Rate(1, 4)) == pytest.approx(943e-6, rel=0.01)


def test_many_batches_fit_everything() -> None:
    assert Grid(22363, 512).chance(Rate(80000, 4)) == 1
    assert Grid(281428).chance(Rate(80000, 4)) == pytest.approx(0.2814, rel=1e-3)
