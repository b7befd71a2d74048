"""Cells that both halves of the efficiency table use."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from fave_bench.records.row import Row
from fave_bench.rendering.sheets import Sheet
from fave_bench.rendering.table_model import NOTHING, Cell, Column, Number, Quantity, Text

T = TypeVar("T")
WHO = tuple(Column(name, numeric=False) for name in ("model", "setting", "variant"))


def who(row: Row) -> tuple[Cell, ...]:
    """As many cells as WHO has columns."""
    return Text(row.title), Text(row.setting), Text(row.variant) if row.variant else NOTHING


def nobody(title: str) -> tuple[Cell, ...]:
    """WHO for a model that only the paper has numbers of."""
    return Text(title), NOTHING, NOTHING


def quantity(value: float | None) -> Cell:
    return NOTHING if value is None else Quantity(value)


def printed(value: float | None) -> Cell:
    """A paper's number, to its two decimals."""
    return NOTHING if value is None else Number(value)


def count(value: int | None) -> Cell:
    return NOTHING if value is None else Text(str(value))


def with_printed(rows: Sequence[T], titles: Sequence[str], papers: Sequence[str]) -> Iterator[T | str]:
    """The rows, the papers' models first and in their order; one of them without a row of its own as a bare title.

    `titles` are those of `rows`, which are in order already.
    """
    for name in papers:
        yield from (row for row, found in zip(rows, titles, strict=True) if found == name)
        if name not in titles:
            yield name
    yield from (row for row, found in zip(rows, titles, strict=True) if found not in papers)


def title(sheet: Sheet, *parts: str) -> str:
    """The block's heading: the dataset, what it is, then `parts`."""
    beside = f" beside the paper's {sheet.paper}" if sheet.paper and sheet.paper != sheet.dataset else ""
    marked = [f"SYNTHETIC data{beside}"] if sheet.synthetic else []
    return " · ".join([sheet.dataset, *marked, *parts])


def tidy(value: float | None) -> float | None:
    """Six significant digits: far below any timer's error, and free of the last bit's noise."""
    return None if value is None else float(f"{value:.6g}")
