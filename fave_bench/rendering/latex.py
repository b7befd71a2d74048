"""A table as LaTeX: one table* a block, for a document that loads booktabs and graphicx."""

import re

from fave_bench.rendering.columns import spans
from fave_bench.rendering.table_model import Block, Cell, Column, Table, parts

EMPHASIS = {"best": r"\textbf{", "second": r"\underline{"}
REPLACEMENTS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "±": r"$\pm$", "−": r"$-$", "–": "--", "↑": r"$\uparrow$", "↓": r"$\downarrow$",
    "×": r"$\times$", "†": r"\dag{}", "‡": r"\ddag{}", "≤": r"$\le$", "²": r"$^2$", "·": r"$\cdot$",
    "Δ": r"$\Delta$", "α": r"$\alpha$", "β": r"$\beta$", "δ": r"$\delta$", "λ": r"$\lambda$",
}  # fmt: skip
"""Characters with a meaning in LaTeX, and those of our own that its default fonts lack."""


def latex(table: Table) -> str:
    """The blocks, then the legend as a paragraph; every name is escaped."""
    head = "% needs \\usepackage{booktabs,graphicx}\n"
    legend = " ".join(escape(sentence) for sentence in table.legend)
    return head + "\n".join(_block(block) for block in table.blocks) + f"\n\\noindent{{\\footnotesize {legend}}}\n"


def escape(text: str) -> str:
    """Any text, to be typeset as it reads."""
    return "".join(REPLACEMENTS.get(character, character) for character in re.sub(r"\s+", " ", text))


def _block(block: Block) -> str:
    body = "\n".join(_line([_cell(cell) for cell in row]) for row in block.rows)
    return rf"""\begin{{table*}}
\centering
\caption{{{escape(block.title)}}}
\resizebox{{\textwidth}}{{!}}{{%
\begin{{tabular}}{{{"".join("r" if column.numeric else "l" for column in block.columns)}}}
\toprule
{_heading(block.columns)}
\midrule
{body}
\bottomrule
\end{{tabular}}}}
\end{{table*}}
"""


def _heading(columns: tuple[Column, ...]) -> str:
    names = _line([escape(column.name) for column in columns])
    if not any(column.group for column in columns):
        return names
    groups, rules, first = [], [], 1
    for group, width in spans(columns):
        groups += [rf"\multicolumn{{{width}}}{{c}}{{{escape(group)}}}"] if group else [""] * width
        rules += [rf"\cmidrule(lr){{{first}-{first + width - 1}}}"] if group else []
        first += width
    return "\n".join([_line(groups), " ".join(rules), names])


def _line(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _cell(cell: Cell) -> str:
    value, mark, raised, rest = parts(cell)
    letters = rf"\textsuperscript{{{escape(raised)}}}" if raised else ""
    return (EMPHASIS[mark] + escape(value) + "}" if mark else escape(value)) + letters + escape(rest)
