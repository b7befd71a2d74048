"""The three layouts of a table to audit: a number a line, a metric a column, and a rendered overall.csv."""

from collections.abc import Iterator
from typing import NamedTuple

from fave_bench.errors import BenchError
from fave_bench.forensics.csv_file import CsvFile, Line
from fave_bench.forensics.printed_table import Cell, metric_name

NAMES = ("model", "variant", "method")
"""Columns that may say whose numbers these are; the first that is there does."""
METRIC, VALUE, DATASET = "metric", "value_percent", "dataset"
RENDERED = "ours_mean"
"""Only `table --name overall --format csv` writes a column of this name."""
EXPECTED = (
    f"a table to audit has the columns model (or variant or method), {DATASET}, {METRIC} and {VALUE}, "
    "or one column per metric, such as H@10 or NDCG@20"
)


class Field(NamedTuple):
    """One number of a file, not yet read as a number."""

    line: int
    column: str
    cell: Cell
    text: str


def fields(file: CsvFile) -> Iterator[Field]:
    """Every number of the file with its place; BenchError for a missing column or an unknown metric."""
    if RENDERED in file.columns:
        return _rendered(file)
    if METRIC in file.columns or VALUE in file.columns:
        return _long(file)
    return _wide(file)


def _long(file: CsvFile) -> Iterator[Field]:
    name = _name_column(file)
    _require(file, DATASET, METRIC, VALUE)
    for line in file.lines:
        metric = _metric(file, line.number, METRIC, line.fields[METRIC])
        yield Field(line.number, VALUE, _cell(file, line, name, metric), line.fields[VALUE])


def _wide(file: CsvFile) -> Iterator[Field]:
    """Columns without an @ are something else and stay out; a dataset need not be named."""
    shown = {
        column: _metric(file, 1, column, column.removesuffix("_percent")) for column in file.columns if "@" in column
    }
    if not shown:
        raise BenchError(f"{file.path}: line 1 names no metric; {EXPECTED}")
    name = _name_column(file)
    for line in file.lines:
        for column, metric in shown.items():
            yield Field(line.number, column, _cell(file, line, name, metric), line.fields[column])


def _rendered(file: CsvFile) -> Iterator[Field]:
    """Our own numbers; a protocol is part of the dataset's name, for only within one is like compared with like."""
    parts = ("title", "setting", "variant", "configuration", "truncated")
    _require(file, DATASET, "split", "fingerprint", "protocol", METRIC, "seeds", *parts)
    for number, row in file.lines:
        if row["seeds"] in ("", "0"):  # printed by a paper and not run, or a generator's own expectation
            continue
        model = ", ".join(filter(None, (*(row[part] for part in parts[:-1]), "†" * (row["truncated"] == "true"))))
        dataset = ", ".join((row[DATASET], row["split"], row["fingerprint"][:8], row["protocol"]))
        metric = _metric(file, number, METRIC, row[METRIC])
        yield Field(number, RENDERED, Cell(model, dataset, metric), row[RENDERED])


def _cell(file: CsvFile, line: Line, name: str, metric: str) -> Cell:
    model, dataset = line.fields[name], line.fields.get(DATASET, "")
    if not model or (DATASET in file.columns and not dataset):
        raise BenchError(f"{file.path}: line {line.number}: column '{DATASET if model else name}' is empty")
    return Cell(model, dataset, metric)


def _metric(file: CsvFile, line: int, column: str, text: str) -> str:
    metric = metric_name(text)
    if metric is None:
        raise BenchError(
            f"{file.path}: line {line}: column '{column}': unknown metric '{text}'; known are H@K (HR@K), N@K (NDCG@K) "
            "for any cut-off K, and MRR"
        )
    return metric


def _name_column(file: CsvFile) -> str:
    for name in NAMES:
        if name in file.columns:
            return name
    raise BenchError(f"{file.path}: line 1: column '{NAMES[0]}' is missing; {EXPECTED}")


def _require(file: CsvFile, *columns: str) -> None:
    for column in columns:
        if column not in file.columns:
            raise BenchError(f"{file.path}: line 1: column '{column}' is missing; {EXPECTED}")
