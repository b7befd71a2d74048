"""Top-K lists as text: CSV or TSV, plain or gzipped, with a header that names user, item and score or rank."""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from fave_bench.data.interactions import INTEGER
from fave_bench.data.readers.table import USUAL, plain, rows
from fave_bench.data.sequences import Sequences
from fave_bench.data.source import Source
from fave_bench.errors import BenchError

TITLES = {"user": USUAL["user"], "item": USUAL["item"], "score": ("score", "prediction"), "rank": ("rank",)}
IDS = ("canonical", "original")


@dataclass(frozen=True)
class Lists:
    """L entries, every user's together and best first, equal scores by item."""

    name: str
    """File name, for messages."""
    users: NDArray[np.int64]
    """(L,) canonical."""
    items: NDArray[np.int64]
    """(L,) in 0..N; 0 is padding, where a program let it compete."""
    scores: NDArray[np.float64]
    """(L,) higher is better; for ranks, minus the rank."""
    ranked: bool
    """Ranks were given, so nothing ties."""


def read(source: Source, sequences: Sequences, ids: str) -> Lists:
    """All lists of a file; `ids` says whose numbers it speaks, one of IDS.

    Raises BenchError, naming the line or the user, for a header that lacks a column, an unknown user or item, a score
    that is no number, an item that is listed twice, and ranks of a user that are not 1, 2, 3, …
    """
    given = rows(source)
    user, item, value, ranked = _columns(source, next(given, (1, []))[1])
    user_of, item_of = _numbers(sequences, ids)
    users, items, values = array("q"), array("q"), array("d")
    for number, row in given:
        try:
            users.append(user_of(row[user]))
            items.append(item_of(row[item]))
            values.append(_value(row[value]))
        except (ValueError, IndexError) as error:
            why = error if isinstance(error, ValueError) else "expected as many fields as the header has"
            raise source.error(number, str(why)) from None
    if not users:
        raise BenchError(f"{source.name}: there is nothing below the header")
    found = _sorted(source.name, np.array(users), np.array(items), np.array(values), ranked)
    _check(found, sequences)
    return found


def _columns(source: Source, header: Sequence[str]) -> tuple[int, int, int, bool]:
    """Where user, item and score or rank stand, and whether it is the rank. A score is taken where both are there."""
    names = [plain(field) for field in header]
    place = {kind: next((names.index(t) for t in titles if t in names), None) for kind, titles in TITLES.items()}
    value = place["rank"] if place["score"] is None else place["score"]
    if place["user"] is None or place["item"] is None or value is None:
        raise BenchError(
            f"{source.name}: neither a matrix (.npy, .npz, .safetensors) nor text with a header that names user, item "
            f"and score or rank; it begins with '{','.join(header)[:60]}'"
        )
    return place["user"], place["item"], value, place["score"] is None


def _numbers(sequences: Sequences, ids: str) -> tuple[Callable[[str], int], Callable[[str], int]]:
    """From an id in the file to the canonical number; they raise ValueError for one that there is not."""
    if ids == "original":
        users = {label: number for number, label in enumerate(sequences.user_labels)}
        items = {label: number for number, label in enumerate(sequences.item_labels, 1)}
        return _named("user", users), _named("item", items)
    return _within("user", sequences.num_users - 1), _within("item", sequences.num_items)


def _named(kind: str, known: dict[str, int]) -> Callable[[str], int]:
    def number(text: str) -> int:
        found = known.get(text)
        if found is None:
            raise ValueError(f"'{text[:40]}' is no {kind} of the data, by the ids of its source")
        return found

    return number


def _within(kind: str, largest: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not INTEGER.fullmatch(text) or not 0 <= int(text) <= largest:
            raise ValueError(f"'{text[:40]}' is no {kind} of the data, whose canonical numbers end at {largest}")
        return int(text)

    return number


def _value(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise ValueError(f"'{text[:40]}' is not a finite number")
    return value


def _sorted(
    name: str, users: NDArray[np.int64], items: NDArray[np.int64], values: NDArray[np.float64], ranked: bool
) -> Lists:
    scores = -values if ranked else values
    order = np.lexsort((items, -scores, users))
    return Lists(name, users[order], items[order], scores[order], ranked)


def _check(lists: Lists, sequences: Sequences) -> None:
    def refuse(entry: np.intp, what: str) -> NoReturn:
        label = sequences.user_labels[lists.users[entry]]
        raise BenchError(f"{lists.name}: user '{label}' {what}")

    cells = lists.users * (sequences.num_items + 1) + lists.items
    first = np.unique(cells, return_index=True)[1]
    if len(first) < len(cells):
        entry = np.setdiff1d(np.arange(len(cells)), first)[0]
        item = lists.items[entry]
        refuse(entry, f"lists item {repr(sequences.item_labels[item - 1]) if item else 'padding'} twice")
    place = np.arange(len(cells)) - np.searchsorted(lists.users, lists.users)
    wrong = np.flatnonzero(lists.ranked & (-lists.scores != place + 1))
    if len(wrong):
        refuse(wrong[0], "has ranks that are not 1, 2, 3, … without gaps and ties; give scores where there are ties")
