"""Titles and genres of ml-100k, from the publisher's u.item where it lies beside the data."""

from collections.abc import Iterator
from pathlib import Path

from fave_bench.data import cache, catalogue, locate
from fave_bench.data.source import Source, in_zip, is_zip
from fave_bench.errors import BenchError

FILE = "u.item"
GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip
"""In the order of u.item's flags (the archive's u.genre)."""


def read_titles(name: str, source: Path | None = None) -> dict[str, str]:
    """Item label -> title; empty where there is no u.item."""
    return {fields[0]: fields[1] for fields in _rows(name, source)}


def read_genres(name: str, source: Path | None = None) -> dict[str, tuple[str, ...]]:
    """Item label -> genres, often several; empty where there is no u.item."""
    return {
        fields[0]: tuple(genre for genre, flag in zip(GENRES, fields[-len(GENRES) :], strict=True) if flag == "1")
        for fields in _rows(name, source)
    }


def _rows(name: str, source: Path | None) -> Iterator[list[str]]:
    found = _find(name, source) if name == "ml-100k" else None
    if found is None:
        return
    for number, line in found.numbered():
        fields = line.decode("latin-1").split("|")
        if len(fields) != 5 + len(GENRES):
            raise found.error(number, f"expected {5 + len(GENRES)} fields separated by '|'")
        yield fields


def _find(name: str, source: Path | None) -> Source | None:
    fetched = (cache.folder(name) / download.file for download in catalogue.get(name).downloads)
    places = (source, locate.data_folder(name), cache.remembered_source(name), *fetched)
    return next((found for place in places if place and place.exists() and (found := _beside(place))), None)


def _beside(place: Path) -> Source | None:
    """u.item in a folder, in the folder of a file, or in a zip file given or lying in that folder."""
    folder = place if place.is_dir() else place.parent
    if (folder / FILE).is_file():
        return Source(folder / FILE)
    archive = place if place.is_file() else folder / "ml-100k.zip"
    if not archive.is_file() or not is_zip(archive):
        return None
    try:
        return in_zip(archive, (FILE,))
    except BenchError:
        return None  # an archive without titles is as good as none
