"""A CSV file as a header and numbered lines, or one sentence that says what is wrong with it."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from fave_bench.errors import BenchError


class Line(NamedTuple):
    number: int
    fields: dict[str, str]
    """Column -> text, stripped."""


@dataclass(frozen=True)
class CsvFile:
    path: Path
    columns: tuple[str, ...]
    lines: tuple[Line, ...]


def read_csv(path: Path) -> CsvFile:
    """All lines that are not blank.

    Raises BenchError for a file that cannot be read, that is empty or no CSV in UTF-8, for a column that is there
    twice, and for a line with more or fewer fields than the header.
    """
    if path.is_char_device():  # as /dev/zero, which has no end
        raise BenchError(f"{path}: cannot be read: a device")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file, strict=True)
            columns = tuple(name.strip() for name in next(rows, ()))
            _check(path, columns)
            return CsvFile(path, columns, tuple(_lines(path, columns, rows)))
    except OSError as error:
        raise BenchError(f"{path}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise BenchError(f"{path}: not a CSV file in UTF-8: {error}") from None


def _check(path: Path, columns: Sequence[str]) -> None:
    if not any(columns):
        raise BenchError(f"{path}: empty, or without a header on line 1")
    twice = [name for name in columns if columns.count(name) > 1]
    if twice:
        raise BenchError(f"{path}: line 1: column '{twice[0]}' is there twice")


def _lines(path: Path, columns: Sequence[str], rows: Iterator[list[str]]) -> Iterator[Line]:
    number = 1
    for row in rows:
        first, number = number + 1, rows.line_num  # type: ignore[attr-defined]  # csv.reader is an opaque type
        if not any(field.strip() for field in row):
            continue
        if len(row) != len(columns):
            raise BenchError(f"{path}: line {first} has {len(row)} fields where the header has {len(columns)}")
        yield Line(first, {name: field.strip() for name, field in zip(columns, row, strict=True)})
