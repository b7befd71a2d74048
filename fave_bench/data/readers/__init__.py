"""One reader per file format, and telling formats apart: by a name that allows one form only, else by content."""

import importlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from fave_bench.data.interactions import Interactions
from fave_bench.data.source import Source
from fave_bench.errors import BenchError


@dataclass(frozen=True)
class Format:
    """A file format and who reads it."""

    name: str
    """In words, fit for a record."""
    reader: str
    """``module`` or ``module:function`` in this package; imported when a file needs it."""
    raw: bool = True
    """Whether a dataset's filtering rule still applies; False for files that hold final sequences."""

    def read(self) -> Callable[[Source], Interactions]:
        module, _, function = self.reader.partition(":")
        return getattr(importlib.import_module(f"{__name__}.{module}"), function or "read")


PICKLE = Format("dataset pickle", "pickled", raw=False)
U_DATA = Format("MovieLens u.data", "movielens")
RATINGS = Format("ratings without a header, as Amazon 2014", "amazon:read_ratings")
REVIEWS = Format("Amazon 2014 reviews", "amazon:read_reviews")
STEAM = Format("Steam reviews", "steam")
YELP = Format("Yelp reviews", "yelp")
PER_LINE = Format("user-per-line text", "user_per_line", raw=False)
PAIRS = Format("user-item pairs", "pairs", raw=False)
CSV = Format("CSV or TSV table", "table")

BY_NAME = {"u.data": U_DATA, "dataset.pkl": PICKLE}
JSON_FIELDS = ((REVIEWS, {"reviewerID", "asin", "unixReviewTime"}), (YELP, {"user_id", "business_id", "date"}))
TEXT_FORMS = (
    (U_DATA, re.compile(rb"\d+\t\d+\t\d\t\d+")),
    (RATINGS, re.compile(rb"\w+,\w+,\d(\.\d)?,\d+")),
)
NUMBERS = re.compile(rb"[-+.\w]+( +[-+.\w]+)+ *")


def detect(source: Source) -> Format:
    """The format of a file. Raises BenchError for an empty file and for one that fits no format."""
    head = source.head()
    if not head.strip():
        raise BenchError(f"{source.name}: the file is empty")
    named = BY_NAME.get(source.name.rpartition(":")[2])
    if named:
        return named
    if head[:1] == b"\x80":  # the opcode that begins every pickle of protocol 2 and later
        return PICKLE
    lines = [line.rstrip(b"\r") for line in head.split(b"\n")]
    complete = [line for line in lines[:-1] if line] or lines[:1]
    found = _of_objects(complete[0]) if complete[0][:1] == b"{" else _of_text(complete)
    if found is None:
        raise BenchError(f"{source.name}: not one of the accepted formats (see --help)")
    return found


def _of_objects(line: bytes) -> Format | None:
    try:
        keys = set(json.loads(line))
    except (ValueError, RecursionError):
        return STEAM if b"'product_id'" in line else None
    return next((kind for kind, fields in JSON_FIELDS if fields <= keys), None)


def _of_text(lines: list[bytes]) -> Format | None:
    for kind, form in TEXT_FORMS:
        if form.fullmatch(lines[0]):
            return kind
    if NUMBERS.fullmatch(lines[0]):
        return PAIRS if all(len(line.split()) == 2 for line in lines) else PER_LINE
    return CSV if any(mark in lines[0] for mark in b"\t,;|") else None
