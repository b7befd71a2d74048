"""A table as GitHub-flavoured Markdown."""

import re
from collections.abc import Iterable, Sequence

from fave_bench.rendering.table_model import Block, Cell, Column, Table, parts

EMPHASIS = {"best": "**", "second": "*", "": ""}


def markdown(table: Table) -> str:
    """Title, legend and one grid a block; every name is escaped."""
    legend = "\n".join(f"- {escape(sentence)}" for sentence in table.legend)
    blocks = "\n\n".join(_block(block) for block in table.blocks)
    return f"# {escape(table.title)}\n\n{legend}\n\n{blocks}\n"


def grid(heads: Sequence[str], rows: Iterable[Sequence[str]], *, numeric: Sequence[bool]) -> str:
    """A table of cells that are Markdown already; numeric columns stand to the right."""
    sides = ["---:" if right else "---" for right in numeric]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, sides, *rows))


def escape(text: str) -> str:
    """Characters that Markdown or a table would take for its own."""
    return re.sub(r"([\\`*_\[\]|<>])", r"\\\1", re.sub(r"\s+", " ", text))


def _block(block: Block) -> str:
    heads = [_heading(column) for column in block.columns]
    rows = ([_cell(cell) for cell in row] for row in block.rows)
    return f"## {escape(block.title)}\n\n" + grid(heads, rows, numeric=[column.numeric for column in block.columns])


def _heading(column: Column) -> str:
    return escape(f"{column.group} {column.name}" if column.group else column.name)


def _cell(cell: Cell) -> str:
    value, mark, raised, rest = parts(cell)
    letters = f"<sup>{escape(raised)}</sup>" if raised else ""
    return EMPHASIS[mark] + escape(value) + EMPHASIS[mark] + letters + escape(rest)
