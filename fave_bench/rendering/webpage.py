"""A table as one self-contained HTML page: no script, nothing fetched."""

from html import escape

from fave_bench.rendering.columns import spans
from fave_bench.rendering.table_model import NOTHING, Block, Cell, Column, Difference, Table, Text, parts

EMPHASIS = {"best": "strong", "second": "u"}
SENTENCE = 60
"""Characters from which a text is broken into lines."""
BODY_STYLE = """\
body { font: 15px/1.5 system-ui, sans-serif; color: #1b1f24; background: #fff; margin: 2rem auto; max-width: 110rem; padding: 0 1rem }"""  # noqa: E501
GRID_STYLE = """\
.block { overflow-x: auto; margin: 2rem 0 }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; white-space: nowrap }
caption { text-align: left; font-weight: 600; font-size: 15px; padding: .4rem 0 }
th, td { padding: .25rem .6rem; text-align: left }
thead th { border-bottom: 1px solid #8c959f; font-weight: 600 }
thead tr:first-child th[colspan] { text-align: center }
tbody th { font-weight: 500; position: sticky; left: 0; background: #fff }
tbody tr:nth-child(even) > * { background: #f6f8fa }
.number { text-align: right }
.words { white-space: normal; min-width: 22rem; max-width: 60rem }
.first { border-left: 1px solid #d0d7de }
.reproduced { color: #116329 } .lower { color: #a40e26 } .higher { color: #0550ae } .quiet { color: #59636e }"""
PRINT_STYLE = "@media print { .block { overflow: visible } body { margin: 0 } }"


def webpage(table: Table) -> str:
    """Title, legend and one grid a block; every name is escaped."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(table.title)}</title>
<style>
{BODY_STYLE}
{GRID_STYLE}
{PRINT_STYLE}
</style>
</head>
<body>
<h1>{escape(table.title)}</h1>
{_fragment(table)}
</body>
</html>
"""


def _fragment(table: Table) -> str:
    legend = "\n".join(f"<li>{escape(sentence)}</li>" for sentence in table.legend)
    return f'<ul class="legend">\n{legend}\n</ul>\n' + "\n".join(grid(block) for block in table.blocks)


def grid(block: Block) -> str:
    """One grid with its caption, to stand in any page that brings GRID_STYLE."""
    starts = _starts(block.columns)
    body = "\n".join(_row(row, block.columns, starts) for row in block.rows)
    return f"""<div class="block">
<table>
<caption>{escape(block.title)}</caption>
<thead>
{_heading(block.columns, starts)}
</thead>
<tbody>
{body}
</tbody>
</table>
</div>"""


def _starts(columns: tuple[Column, ...]) -> set[int]:
    """The columns that open a group, where a line is drawn."""
    places = range(1, len(columns))
    return {place for place in places if columns[place].group != columns[place - 1].group}


def _heading(columns: tuple[Column, ...], starts: set[int]) -> str:
    names = "".join(
        f'<th scope="col"{_class(column, place in starts)}>{escape(column.name)}</th>'
        for place, column in enumerate(columns)
    )
    if not any(column.group for column in columns):
        return f"<tr>{names}</tr>"
    groups = "".join(
        f'<th scope="colgroup" colspan="{width}" class="first">{escape(group)}</th>' if group else "<td></td>" * width
        for group, width in spans(columns)
    )
    return f"<tr>{groups}</tr>\n<tr>{names}</tr>"


def _row(row: tuple[Cell, ...], columns: tuple[Column, ...], starts: set[int]) -> str:
    cells = [f'<th scope="row">{_cell(row[0])}</th>'] + [
        f"<td{_class(column, place in starts, cell)}>{_cell(cell)}</td>"
        for place, (cell, column) in enumerate(zip(row[1:], columns[1:], strict=True), start=1)
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _class(column: Column, starts: bool, cell: Cell = NOTHING) -> str:
    sentence = isinstance(cell, Text) and len(cell.text) >= SENTENCE
    names = ["number"] * column.numeric + ["first"] * starts + ["words"] * sentence
    return f' class="{" ".join(names)}"' if names else ""


def _cell(cell: Cell) -> str:
    value, mark, raised, rest = (escape(part) for part in parts(cell))
    if isinstance(cell, Difference):
        tone = cell.verdict if cell.verdict in ("reproduced", "lower", "higher") else "quiet"
        return f'{value}<span class="{tone}">{rest}</span>'
    letters = f"<sup>{raised}</sup>" if raised else ""
    return (f"<{EMPHASIS[mark]}>{value}</{EMPHASIS[mark]}>" if mark else value) + letters + rest
