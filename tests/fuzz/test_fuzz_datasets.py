"""Whatever lies in a dataset's file, its reader gives interactions or one sentence."""

import gzip
from pathlib import Path
from typing import Any

import pytest
from data_helpers import EVENTS, WRITERS
from hostile import answers, hostile, many
from hypothesis import given
from hypothesis import strategies as st

from fave_bench.data import item_texts
from fave_bench.data.filters import EVERYTHING
from fave_bench.data.interactions import to_sequences
from fave_bench.data.readers import CSV, PAIRS, PER_LINE, PICKLE, RATINGS, REVIEWS, STEAM, U_DATA, YELP, Format, detect
from fave_bench.data.source import Source

STEAM_LINE = "{{u'username': u'{0}', 'hours': 1, u'product_id': u'{1}', 'text': u\"it's\", u'date': u'2017-12-17'}}\n"
YELP_LINE = '{{"user_id": "{0}", "business_id": "{1}", "date": "2017-12-17 10:00:00", "stars": 4.0}}\n'
FILM = "{1}|Film, The (1995)|01-Jan-1995||http://x|" + "|".join("01" * 9 + "0") + "\n"
READERS = {
    "u.data": U_DATA, "ratings.csv": RATINGS, "reviews.json.gz": REVIEWS, "table.csv": CSV, "table.tsv.gz": CSV,
    "text.txt": PER_LINE, "pairs.txt": PAIRS, "dataset.pkl": PICKLE, "steam.json": STEAM, "yelp.json": YELP,
}  # fmt: skip


def valid(folder: Path, name: str) -> bytes:
    """The small log in that form, decompressed."""
    if name in WRITERS:
        content = WRITERS[name](folder / name, EVENTS).read_bytes()
        return gzip.decompress(content) if name.endswith(".gz") else content
    line = {"steam.json": STEAM_LINE, "yelp.json": YELP_LINE, "u.item": FILM}[name]
    return "".join(line.format(user, item) for user, item, _ in EVENTS).encode()


def sequences(source: Source, kind: Format) -> object:
    return to_sequences(EVERYTHING.apply(kind.read()(source)), "fuzzed", source.name)


@pytest.mark.parametrize("name", READERS)
def test_an_unspoilt_file_is_read_by_the_reader_that_is_spoilt_below(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(valid(tmp_path, name))
    assert detect(Source(tmp_path / name)) is READERS[name]
    assert answers(lambda: sequences(Source(tmp_path / name), READERS[name]))


@pytest.mark.parametrize("name", READERS)
@many
@given(data=st.data())
def test_a_spoilt_dataset_gives_sequences_or_one_sentence(tmp_path: Path, name: str, data: Any) -> None:
    content = data.draw(hostile(valid(tmp_path, name), text=name != "dataset.pkl"))
    source = Source(tmp_path / name)
    source.path.write_bytes(gzip.compress(content, 0) if data.draw(st.booleans()) else content)
    answers(lambda: sequences(source, detect(source)))
    answers(lambda: sequences(source, READERS[name]))


@many
@given(data=st.data())
def test_a_spoilt_u_item_gives_titles_and_genres_or_one_sentence(tmp_path: Path, data: Any) -> None:
    (tmp_path / item_texts.FILE).write_bytes(data.draw(hostile(valid(tmp_path, "u.item"))))
    answers(lambda: item_texts.read_titles("ml-100k", tmp_path))
    answers(lambda: item_texts.read_genres("ml-100k", tmp_path))
