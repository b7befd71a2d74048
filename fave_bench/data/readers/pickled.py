"""The public dataset.pkl of FAVE, FMRec and DiffuRec: dictionaries of integer lists, and nothing else."""

import pickle
from collections.abc import Hashable, Mapping
from typing import Any, NoReturn

from fave_bench.data.interactions import Collector, Interactions
from fave_bench.data.source import Source
from fave_bench.errors import BenchError

PARTS = ("train", "val", "test")


class _Plain(pickle.Unpickler):
    """Builds containers, numbers and strings; anything that would import a name ends the reading."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"it refers to {module}.{name}, and only plain containers are accepted")


def read(source: Source) -> Interactions:
    """Each user's train, val and test lists joined, which is their sequence (models.md 1.3).

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
    actions = collected.done(lambda key: str(key))
    return Interactions(
        actions.users,
        actions.items,
        None,
        user_labels=[str(users.get(key, key)) for key in collected.user_codes],
        item_labels=[str(items.get(key, key)) for key in collected.item_codes],
    )


def _load(source: Source) -> dict[str, Any]:
    with source.open() as file:
        try:
            tables = _Plain(file).load()
        except MemoryError as error:
            raise BenchError(f"{source.name}: refused, because it asks for more memory than there is") from error
        except Exception as error:  # a damaged pickle can make the unpickler raise almost anything
            raise BenchError(f"{source.name}: not a readable dataset pickle: {error}") from error
    if not isinstance(tables, dict) or not all(isinstance(tables.get(part), dict) for part in PARTS):
        raise BenchError(f"{source.name}: expected a dictionary with train, val and test, each user -> items")
    for part in PARTS:
        for user, items in tables[part].items():
            _check(source, part, user, items)
    return tables


def _check(source: Source, part: str, user: Hashable, items: object) -> None:
    if not isinstance(user, int | str) or (isinstance(user, int) and user < 0):
        raise BenchError(f"{source.name}: a user id in '{part}' is neither a non-negative integer nor a string")
    if not isinstance(items, list) or any(type(item) is not int or item < 1 for item in items):
        raise BenchError(f"{source.name}: '{part}' of user {str(user)[:40]} is not a list of integers from 1")


def _own_ids(source: Source, tables: Mapping[str, Any], key: str) -> dict[Hashable, Hashable]:
    """Id in the pickle -> the source's own id, from the pickle's map the other way round."""
    own = tables.get(key, {})
    plain = isinstance(own, dict) and all(isinstance(x, int | str) for pair in own.items() for x in pair)
    if not plain or len(set(own.values())) != len(own):
        raise BenchError(f"{source.name}: '{key}' is not a one-to-one map of ids")
    return {value: label for label, value in own.items()}
