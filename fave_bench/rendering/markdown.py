"""A table as GitHub-flavoured Markdown."""

import re

from fave_bench.rendering.table_model import Block, Cell, Column, Table, parts

EMPHASIS = {"best": "**", "second": "*", "": ""}


def markdown(table: Table) -> str:
    """Title, legend and one grid a block; every name is escaped."""
    legend = "\n".join(f"- {escape(sentence)}" for sentence in table.legend)
    blocks = "\n\n".join(_block(block) for block in table.blocks)
    return f"# {escape(table.title)}\n\n{legend}\n\n{blocks}\n"


def escape(text: str) -> str:
    """Characters that Markdown or a table would take for its own."""
    return re.sub(r"([\\`*_\[\]|<>])", r"\\\1", re.sub(r"\s+", " ", text))


def _block(block: Block) -> str:
    lines = [
        _line([_heading(column) for column in block.columns]),
        _line(["---:" if column.numeric else "---" for column in block.columns]),
        *(_line([_cell(cell) for cell in row]) for row in block.rows),
    ]
    return f"## {escape(block.title)}\n\n" + "\n".join(lines)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _heading(column: Column) -> str:
    return escape(f"{column.group} {column.name}" if column.group else column.name)


def _cell(cell: Cell) -> str:
    value, mark, raised, rest = parts(cell)
    letters = f"<sup>{escape(raised)}</sup>" if raised else ""
    return EMPHASIS[mark] + escape(value) + EMPHASIS[mark] + letters + escape(rest)
