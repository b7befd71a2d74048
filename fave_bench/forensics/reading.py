"""Printed tables from files: the papers' own, and anybody's."""

import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from fave_bench.errors import BenchError
from fave_bench.forensics.csv_file import read_csv
from fave_bench.forensics.layouts import EXPECTED, RENDERED, Field, fields
from fave_bench.forensics.printed_table import Cell, PrintedTable, rate
from fave_bench.rendering.printed import OUT_OF_MEMORY, OVERALL, REFERENCE

TITLES = dict(OVERALL) | {
    "table2_ablation.csv": "FAVE, Table 2",
    "table4_diversity.csv": "FAVE, Table 4",
    "fmrec_table3_v_prediction.csv": "FMRec, Table 3",
}
"""The tables of hit rates and NDCGs that come with this program."""
NOT_PRINTED = ("", "-", "–", "—", OUT_OF_MEMORY)
NUMBER = re.compile(r"\d+(\.\d+)?(e-\d{1,2})?")
"""Not negative; how Python writes what is below 0.0001 is understood."""
IMPROVEMENT = re.compile(r"improv.*", re.IGNORECASE)
"""A row named like this says in percent what the best gains over the second best."""


def shipped() -> list[PrintedTable]:
    """The papers' tables in paper_tables/reference/."""
    return [read_table(REFERENCE / name) for name in TITLES]


def read_table(path: Path) -> PrintedTable:
    """The rates of one file, and the improvements it claims; what is not printed (empty, –, OOM) is left out.

    Raises BenchError, naming file, line and column, for what `read_csv` and `fields` refuse, a value that is no
    percentage between 0 and 100, a cell that is there twice, and a file without any number.
    """
    file = read_csv(path)
    found = list(fields(file))
    _refuse_twice(path, found)
    printed = [field for field in found if field.text not in NOT_PRINTED]
    claims = [field for field in printed if IMPROVEMENT.fullmatch(field.cell.model)]
    rates = {field.cell: rate(_percentage(path, field)) for field in printed if field not in claims}
    if not rates:
        raise BenchError(f"{path}: no percentage is printed in it; {EXPECTED}")
    own = path.name in TITLES and path.resolve().parent == REFERENCE
    return PrintedTable(
        file=path.name if own else str(path),
        title=TITLES[path.name] if own else str(path),
        rates=rates,
        improvements={field.cell: _improvement(path, field) for field in claims},
        half_ranks=RENDERED in file.columns,
    )


def _refuse_twice(path: Path, found: Sequence[Field]) -> None:
    lines: dict[Cell, int] = {}
    for field in found:
        if field.cell in lines:
            raise BenchError(
                f"{path}: line {field.line}: column '{field.column}': {' '.join(filter(None, field.cell))} is already "
                f"on line {lines[field.cell]}; remove one of the two"
            )
        lines[field.cell] = field.line


def _percentage(path: Path, field: Field) -> Decimal:
    number = _number(path, field, field.text)
    if number > 100:
        raise BenchError(f"{path}: line {field.line}: column '{field.column}': {field.text} is above 100 percent")
    return number


def _improvement(path: Path, field: Field) -> Decimal:
    """May have a sign and a percent sign."""
    size = _number(path, field, field.text.lstrip("+-−").rstrip("% "))
    return -size if field.text[0] in "-−" else size


def _number(path: Path, field: Field, text: str) -> Decimal:
    if not NUMBER.fullmatch(text):
        raise BenchError(f"{path}: line {field.line}: column '{field.column}': '{field.text}' is not a percentage")
    return Decimal(text)
