"""Anybody's CSV or TSV: the user, item and time columns by name, by usual names, or by position."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass

from fave_bench.data.interactions import Collector, Interactions
from fave_bench.data.readers.times import seconds
from fave_bench.data.source import Source
from fave_bench.errors import BenchError, UsageError

USUAL = {
    "user": ("user", "user_id", "userid", "uid", "username", "reviewerid", "customer_id", "visitor_id", "session_id"),
    "item": ("item", "item_id", "itemid", "iid", "asin", "parent_asin", "product_id", "movie_id", "movieid",
             "business_id", "track_id", "article_id"),
    "time": ("time", "timestamp", "ts", "unixreviewtime", "unix_time", "datetime", "date"),
}  # fmt: skip
DELIMITERS = "\t,;|"


@dataclass(frozen=True)
class Columns:
    """Header names that the user gave; None means detect."""

    user: str | None = None
    item: str | None = None
    time: str | None = None

    @property
    def given(self) -> bool:
        return any(astuple(self))


@dataclass(frozen=True)
class Layout:
    """Where things stand in a row."""

    user: int
    item: int
    time: int | None
    header: bool

    @property
    def width(self) -> int:
        """Fields that a row must have at least."""
        return 1 + max(self.user, self.item, self.time or 0)


def read(source: Source, columns: Columns | None = None) -> Interactions:
    """All rows in file order; without a time column, file order is time order.

    Raises UsageError for a named column that the header lacks, BenchError naming the line for a row that is too
    short, has an empty id, or a time that is neither a number nor an ISO date.
    """
    given = rows(source)
    first = next(given, None)
    if first is None:
        raise BenchError(f"{source.name}: the file is empty")
    layout = layout_of(source, first[1], columns or Columns())
    collected = Collector()
    for number, row in given if layout.header else _again(first, given):
        if len(row) < layout.width or not row[layout.user] or not row[layout.item]:
            raise source.error(number, f"expected at least {layout.width} columns with a user and an item")
        _collect(source, collected, number, row, layout)
    return collected.done()


def _collect(source: Source, collected: Collector, number: int, row: Sequence[str], layout: Layout) -> None:
    user, item = row[layout.user], row[layout.item]
    if layout.time is None:
        collected.extend(user, [item])
        return
    try:
        collected.add(user, item, seconds(row[layout.time]))
    except ValueError as error:
        raise source.error(number, f"'{row[layout.time][:40]}' is not a time") from error


def rows(source: Source) -> Iterator[tuple[int, list[str]]]:
    """Non-empty rows with the number of the line on which each ends."""
    head = source.head().split(b"\n")[0].decode("utf-8", "replace")
    delimiter = max(DELIMITERS, key=head.count)
    # strict: a quote that nothing closes would take all lines up to the next one for a single field
    reader = csv.reader(_text(source), delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise source.error(reader.line_num, str(error)) from error


def _text(source: Source) -> Iterator[str]:
    for number, line in enumerate(source.lines(), 1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8") + "\n"
        except UnicodeDecodeError as error:
            raise source.error(number, "not UTF-8 text") from error


def _again(first: tuple[int, list[str]], rest: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    yield first
    yield from rest


def layout_of(source: Source, row: Sequence[str], columns: Columns) -> Layout:
    """Read the first row as a header if it names a user and an item, else as user, item[, …, time] by position."""
    names = [plain(field) for field in row]
    found = {kind: _find(source, names, kind, getattr(columns, kind)) for kind in USUAL}
    user, item = found["user"], found["item"]
    if user is not None and item is not None:
        return Layout(user, item, found["time"], header=True)
    if user is None and item is None and not columns.given and _positional(row):
        return Layout(0, 1, len(row) - 1 if len(row) > 2 else None, header=False)
    raise BenchError(
        f"{source.name}: cannot tell the user and item columns from '{', '.join(row)[:80]}'; "
        "name them with --user-column, --item-column and --time-column"
    )


def _find(source: Source, names: Sequence[str], kind: str, given: str | None) -> int | None:
    if given is None:
        return next((names.index(name) for name in USUAL[kind] if name in names), None)
    wanted = plain(given)
    if wanted not in names:
        raise UsageError(f"{source.name}: no column '{given}'; the columns are {', '.join(names)[:200]}")
    return names.index(wanted)


def plain(title: str) -> str:
    """A column's title without case, spaces and type: RecBole writes ``user_id:token``."""
    return title.strip().partition(":")[0].lower()


def _positional(row: Sequence[str]) -> bool:
    """Two to four columns that look like data: the last is a time, or, of two, one has a digit and so is no title."""
    if len(row) == 2:
        return any(character.isdigit() for character in "".join(row))
    try:
        seconds(row[-1])
    except ValueError:
        return False
    return 3 <= len(row) <= 4
