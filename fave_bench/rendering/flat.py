"""A table as flat rows for programs: CSV, and JSON with real numbers."""

import csv
import io
import json

from fave_bench.rendering.table_model import Scalar, Table


def as_csv(table: Table) -> str:
    """One line a row; null is empty, truth is true or false."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows([_field(row[column]) for column in table.columns] for row in table.rows)
    return text.getvalue()


def as_json(table: Table) -> str:
    """``{"columns": [...], "rows": [{column: value}]}``, one row a line so that a diff can be read."""
    columns, *rows = (json.dumps(part, ensure_ascii=False, allow_nan=False) for part in (table.columns, *table.rows))
    return f'{{"columns": {columns},\n"rows": [\n' + ",\n".join(rows) + "\n]}\n"


def _field(value: Scalar) -> Scalar:
    return str(value).lower() if isinstance(value, bool) else value
