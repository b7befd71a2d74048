"""A table of sentences for the terminal: one paragraph a row, wrapped, under its block's title."""

import shutil
import textwrap

from fave_bench.rendering.table_model import Block, Table, parts


def text(table: Table, width: int | None = None) -> str:
    """The legend, then the blocks; a row's last cell is its sentence, the others say where it applies."""
    columns = width or min(120, shutil.get_terminal_size((120, 24)).columns)
    legend = "\n".join(_wrap(sentence, columns) for sentence in table.legend)
    blocks = "\n\n".join(_block(block, columns) for block in table.blocks)
    return f"{table.title.upper()}\n\n{legend}\n\n{blocks}\n"


def _block(block: Block, width: int) -> str:
    rows = [["".join(parts(cell)) for cell in row] for row in block.rows]
    lines = [f"{' · '.join(place)}: {sentence}" for *place, sentence in rows]
    return "\n".join([block.title, *(_wrap(line, width, "  ", "      ") for line in lines)])


def _wrap(line: str, width: int, first: str = "", others: str = "") -> str:
    return textwrap.fill(line, width, initial_indent=first, subsequent_indent=others, break_on_hyphens=False)
