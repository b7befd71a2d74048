"""Every form of a file leads to the same sequences, or to one sentence."""

import gzip
import json
import os
from pathlib import Path

import pytest
from data_helpers import EVENTS, WRITERS, by_user, unpacked, write_u_data

from fave_bench import data
from fave_bench.data.locate import given
from fave_bench.data.readers import detect
from fave_bench.data.readers.times import seconds
from fave_bench.errors import BenchError, UsageError

EXPECTED = {str(user): [str(item) for item in items] for user, items in by_user(EVENTS).items()}


@pytest.mark.parametrize("name", WRITERS)
def test_all_routes_give_the_same_sequences_labels_and_fingerprint(tmp_path: Path, name: str) -> None:
    reference = data.load("mine", write_u_data(tmp_path / "u.data", EVENTS))
    found = data.load("ml-100k", WRITERS[name](tmp_path / name, EVENTS))
    assert unpacked(found) == EXPECTED
    assert found.fingerprint == reference.fingerprint
    assert str(tmp_path) not in found.source


@pytest.mark.parametrize("name", ["u.data", "ratings.csv", "table.csv", "text.txt", "pairs.txt"])
def test_a_gzipped_file_is_the_same_dataset(tmp_path: Path, name: str) -> None:
    plain = WRITERS[name](tmp_path / name, EVENTS)
    packed = tmp_path / f"packed-{name}.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert unpacked(data.load("mine", packed)) == EXPECTED


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("u.data", "MovieLens u.data"),
        ("ml-100k.zip", "MovieLens u.data"),
        ("ratings.csv", "ratings without a header, as Amazon 2014"),
        ("reviews.json.gz", "Amazon 2014 reviews"),
        ("table.csv", "CSV or TSV table"),
        ("table.tsv.gz", "CSV or TSV table"),
        ("text.txt", "user-per-line text"),
        ("pairs.txt", "user-item pairs"),
        ("dataset.pkl", "dataset pickle"),
    ],
)
def test_formats_are_told_apart_by_content(tmp_path: Path, name: str, words: str) -> None:
    written = WRITERS[name](tmp_path / name, EVENTS)
    renamed = written if name in ("ml-100k.zip", "dataset.pkl") else written.rename(tmp_path / "renamed")
    assert detect(given(renamed, ("u.data",))).name == words


def test_yelp_reviews(tmp_path: Path) -> None:
    path = tmp_path / "reviews.json"
    when = {"b1": "2018-07-07 22:30:00", "b2": "2018-07-07 22:10:00", "b3": "2018-07-07 22:20:00"}
    rows = ({"user_id": "u1", "business_id": item, "stars": 5, "date": date} for item, date in when.items())
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert unpacked(data.load("mine", path)) == {"u1": ["b2", "b3", "b1"]}


def test_named_columns_win_over_usual_names(tmp_path: Path) -> None:
    path = tmp_path / "clicks.csv"
    path.write_text("user,visitor,thing,when,item\n" + "".join(f"x,v,t{k},2024-01-0{3 - k},y\n" for k in range(3)))
    found = data.load("mine", path, user_column="Visitor", item_column="thing", time_column="when")
    assert unpacked(found) == {"v": ["t2", "t1", "t0"]}


@pytest.mark.parametrize(
    ("text", "histories"),
    [
        ("a,x1\na,x2\na,x3\n", {"a": ["x1", "x2", "x3"]}),
        ("a;x;30\na;y;20\na;z;10\n", {"a": ["z", "y", "x"]}),
        ("a|x|1|2024-01-02T00:00:00Z\na|y|1|2024-01-01\n", {"a": ["y", "x"]}),
        ('\ufeffuser,item\n"a, b",x\n"a, b",y\n', {"a, b": ["x", "y"]}),
    ],
)
def test_columns_are_found_by_position_where_there_is_no_header(
    tmp_path: Path, text: str, histories: dict[str, list[str]]
) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(text)
    assert unpacked(data.load("mine", path)) == histories


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("881250949", 881250949),
        ("881250949.9", 881250949),
        ("-5", -5),
        ("1970-01-02", 86400),
        ("1970-01-01 00:01:00", 60),
        ("1970-01-01T02:00:00+02:00", 0),
    ],
)
def test_times_are_unix_seconds_in_utc(text: str, moment: int) -> None:
    assert seconds(text) == moment


@pytest.mark.parametrize("text", ["", "soon", "nan", "inf", "1e300", "9" * 5000, "2024-13-01"])
def test_what_is_no_time_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        seconds(text)


BAD = {
    "empty.csv": (b"", "the file is empty"),
    "blank.txt": (b"\n\n", "the file is empty"),
    "prose.txt": (b"nothing\nto see\n", "not one of the accepted formats"),
    "u.data": (b"1\t2\t3\t4\n1\t-2\t3\t4\n", "line 2: expected four non-negative integers"),
    "huge/u.data": (b"1\t2\t3\t" + b"9" * 5000, "line 1: expected four non-negative integers"),
    "columns/u.data": (b"1\t2\t3\n", "line 1: expected four non-negative integers"),
    "letters.txt": (b"1 2 3\n2 4 x\n", "line 2: expected 'user item item …', all non-negative integers"),
    "negative.txt": (b"1 2 -3\n", "line 1"),
    "padding.txt": (b"1 2 0\n", "item id 0 is reserved for padding"),
    "twice.txt": (b"1 2 3\n2 3 4\n1 4 5\n", "line 3: user 1 has a line already"),
    "pairs.txt": (b"1 2\n1 3\n" * 20_000 + b"1 4 5\n", "line 40001: expected 'user item', found 3 numbers"),
    "ratings.csv": (b"A,B,5.0,100\nA,B\n", "line 2: expected user,item,rating,seconds"),
    "reviews.json": (
        b'{"reviewerID": "a", "asin": "b", "unixReviewTime": 1}\n{"asin": "b"}\n',
        "line 2: expected a JSON",
    ),
    "cut.json": (b'{"reviewerID": "a", "asin": "b", "unixReviewTime": 1}\n{"reviewerI', "line 2: expected a JSON"),
    "number.json": (b'{"reviewerID": 5, "asin": "b", "unixReviewTime": 1}\n', "must be non-empty strings"),
    "other.json": (b'{"a": 1}\n', "not one of the accepted formats"),
    "short.csv": (b"user,item,time\na,b,1\na\n", "line 3: expected at least 3 columns"),
    "noid.csv": (b"user,item,time\na,,1\n", "line 2: expected at least 3 columns with a user and an item"),
    "when.csv": (b"user,item,time\na,b,yesterday\n", "line 2: 'yesterday' is not a time"),
    "header.csv": (b"person,thing,mark\na,b,1\n", "cannot tell the user and item columns"),
    "latin.csv": (b"user,item\na,b\n\xe9,c\n", "line 3: not UTF-8 text"),
    "field.csv": (b"user,item\na," + b"x" * 200_000 + b"\n", "field larger than field limit"),
    "fake.gz": (b"\x1f\x8bnot a gzip at all", "the archive cannot be read"),
    "fake.zip": (b"PK\x03\x04not a zip at all", "the archive cannot be read"),
    "truncated.gz": (gzip.compress(os.urandom(5000).hex().encode())[:-3000], "the file is truncated"),
    "bomb.gz": (gzip.compress(b"1 2 3\n" + b"\0" * (18 << 20)), "unpack from less than a 100th"),
    "long.gz": (gzip.compress(b"1 2 3\n" + b"\0" * (17 << 20), 0), "a line is longer than 16 MiB"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_sentence_that_names_it(tmp_path: Path, name: str) -> None:
    content, sentence = BAD[name]
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    with pytest.raises(BenchError) as caught:
        data.load("mine", path)
    assert sentence in str(caught.value) and path.name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_column_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("user,item\na,b\n")
    with pytest.raises(UsageError, match="no column 'clicker'; the columns are user, item"):
        data.load("mine", path, user_column="clicker")


def test_columns_of_a_form_without_columns_are_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no named columns"):
        data.load("mine", write_u_data(tmp_path / "u.data", EVENTS), item_column="x")
