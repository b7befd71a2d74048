"""The public dataset.pkl of FAVE, FMRec and DiffuRec: dictionaries of integer lists, and nothing else."""

from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any

from fave_bench.data.interactions import Collector, Interactions
from fave_bench.data.source import Source
from fave_bench.data.unpickle import load_plain
from fave_bench.errors import BenchError

PARTS = ("train", "val", "test")
LARGEST = 1 << 63


def read(source: Source) -> Interactions:
    """Each user's train, val and test lists joined, which is their sequence.

    Ids that `smap` (items) and `umap` (users) translate are given back as the source's own.
    """
    tables = _load(source)
    train, *held_out = (tables[part] for part in PARTS)
    if any(part.keys() != train.keys() for part in held_out):
        raise BenchError(f"{source.name}: train, val and test must list the same users")
    collected = Collector()
    for user, items in train.items():
        collected.extend(user, [*items, *(item for part in held_out for item in part[user])])
    items, users = _own_ids(source, tables, "smap"), _own_ids(source, tables, "umap")
    return replace(
        collected.done(),
        user_labels=[str(users.get(key, key)) for key in collected.user_codes],
        item_labels=[str(items.get(key, key)) for key in collected.item_codes],
    )


def _load(source: Source) -> dict[str, Any]:
    if source.is_packed:
        raise BenchError(f"{source.name}: unpack the pickle first; inside an archive it is not read")
    tables = load_plain(source.path)
    if not isinstance(tables, dict) or not all(isinstance(tables.get(part), dict) for part in PARTS):
        raise BenchError(f"{source.name}: expected a dictionary with train, val and test, each user -> items")
    for part in PARTS:
        for user, items in tables[part].items():
            _check(source, part, user, items)
    return tables


def _check(source: Source, part: str, user: Hashable, items: object) -> None:
    if not _is_id(user):
        raise BenchError(f"{source.name}: a user id in '{part}' is neither a non-negative integer nor a string")
    if not isinstance(items, list) or any(type(item) is not int or not 0 < item < LARGEST for item in items):
        raise BenchError(f"{source.name}: '{part}' of user {str(user)[:40]} is not a list of integers from 1")


def _is_id(value: object) -> bool:
    return isinstance(value, str) or (type(value) is int and 0 <= value < LARGEST)


def _own_ids(source: Source, tables: Mapping[str, Any], key: str) -> dict[Hashable, Hashable]:
    """Id in the pickle -> the source's own id, from the pickle's map the other way round."""
    own = tables.get(key, {})
    plain = isinstance(own, dict) and all(_is_id(value) for pair in own.items() for value in pair)
    if not plain or len(set(own.values())) != len(own):
        raise BenchError(f"{source.name}: '{key}' is not a one-to-one map of ids")
    return {value: label for label, value in own.items()}
