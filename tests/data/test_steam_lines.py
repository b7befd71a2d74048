"""Laws of the Steam reader: what it reads is what Python would, and what it cannot read it names."""

import ast
import time
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fave_bench.data.steam_lines import parse
from fave_bench.errors import BenchError

DECOY = "u'username': u'x', 'date': '1999-01-01', \"product_id\": \"7\"}"
PIECES = st.sampled_from(
    ["'", '"', "\\", "\\'", '\\"', "\n", "\t", "é", "世", "\U0001f600", "}", "{", ", ", DECOY, "u'"]
)
TEXT = st.lists(PIECES | st.text(max_size=5), max_size=8).map("".join)
VALUES = TEXT | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.none()
KEYS = st.sampled_from(["text", "hours", "user", "dates", "it's", 'a"b', "back\\"]) | TEXT
DAYS = st.dates(min_value=date(1000, 1, 1))


@st.composite
def reviews(draw: st.DrawFn) -> dict[str, Any]:
    """A review with decoys, its keys in any order."""
    fields = draw(st.dictionaries(KEYS, VALUES, max_size=6))
    fields |= {"username": draw(TEXT), "product_id": draw(TEXT), "date": draw(DAYS).isoformat()}
    return dict(draw(st.permutations(list(fields.items()))))


def written(fields: dict[str, Any], prefix: str = "", show: Any = repr) -> bytes:
    """The literal as Python writes it, with `prefix` before every string."""
    parts = {name: prefix * isinstance(value, str) + show(value) for name, value in fields.items()}
    return ("{" + ", ".join(f"{prefix}{show(name)}: {part}" for name, part in parts.items()) + "}").encode()


def evaluated(line: bytes) -> tuple[str, str, int]:
    fields = ast.literal_eval(line.decode())
    return fields["username"], fields["product_id"], int(datetime.fromisoformat(fields["date"] + "T00Z").timestamp())


@given(reviews(), st.sampled_from(["", "u"]), st.sampled_from([repr, ascii]), st.sampled_from([b"", b"\n", b"\r\n"]))
def test_a_line_means_what_python_says(fields: dict[str, Any], prefix: str, show: Any, end: bytes) -> None:
    line = written(fields, prefix, show)
    assert list(parse([line + end])) == [evaluated(line)]


@given(reviews(), st.data())
def test_a_line_cut_anywhere_is_refused(fields: dict[str, Any], data: st.DataObject) -> None:
    line = written(fields)
    cut = data.draw(st.integers(0, len(line) - 1))
    with pytest.raises(BenchError, match=r"^steam reviews, line 1: "):
        list(parse([line[:cut]]))


@given(reviews(), st.sampled_from(["username", "product_id", "date"]), VALUES.filter(lambda v: not isinstance(v, str)))
def test_a_field_that_is_missing_or_no_string_is_named_with_its_line(
    fields: dict[str, Any], name: str, value: object
) -> None:
    whole = written(fields)
    absent = {key: kept for key, kept in fields.items() if key != name}
    for bad in (absent, fields | {name: value}):
        with pytest.raises(BenchError, match=r"line 3: expected the fields username, product_id, date"):
            list(parse([whole, whole, written(bad)]))


@given(reviews(), reviews())
def test_the_last_of_equal_keys_counts(first: dict[str, Any], last: dict[str, Any]) -> None:
    line = written(first)[:-1] + b", " + written(last)[1:]
    assert list(parse([line])) == [evaluated(line)]


def test_spacing_numbers_and_quotes_of_other_writers() -> None:
    line = rb"""  {"username" :'a', 'h':-1.5e-3,'n': .5 , 'long': 12L, "date": "1970-01-02", "product_id":u"1",}  """
    assert list(parse([line])) == [("a", "1", 86_400)]


BASE = b"{'username': '%s', 'product_id': '1', 'date': '%s'}"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b"{}",
        BASE % (b"a", b"2017-13-01"),
        BASE % (b"a", b"20170101"),
        BASE % (b"a", b"2017-W01-1"),
        BASE % (b"a", b""),
        BASE % (b"\xff", b"2017-01-01"),
        BASE % (rb"\x4", b"2017-01-01"),
        BASE % (rb"\UFFFFFFFF", b"2017-01-01"),
        BASE % (b"a", b"2017-01-01") + b" #",
        BASE % (b"a' 'b", b"2017-01-01"),
        BASE % (b"a", b"2017-01-01'.upper() + '"),
        BASE.replace(b"'1'", b"__import__('os')") % (b"a", b"2017-01-01"),
    ],
)
def test_what_is_no_dictionary_of_plain_values_is_refused(line: bytes) -> None:
    with pytest.raises(BenchError, match=r"^reviews\.json, line 1: "):
        list(parse([line], "reviews.json"))


def test_hostile_lines_cost_linear_time() -> None:
    pair = rb"'username': 'a\\', 'x': '\'', "
    started = time.perf_counter()
    for hostile in (b"{" + pair * 30_000, b"{'username': '" + b"\\" * 1_000_001 + b"'}", b"{" + b"u'" * 500_000):
        with pytest.raises(BenchError):
            list(parse([hostile]))
    assert time.perf_counter() - started < 5


def test_lines_are_read_one_at_a_time() -> None:
    def lines() -> Any:
        yield BASE % (b"a", b"2017-01-01")
        raise AssertionError("asked for a line that nobody wanted")

    expected = int(datetime(2017, 1, 1, tzinfo=UTC).timestamp())
    assert next(parse(lines())) == ("a", "1", expected)
