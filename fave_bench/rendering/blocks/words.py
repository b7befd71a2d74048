"""What the blocks share."""

from collections.abc import Sequence

from fave_bench.errors import unknown
from fave_bench.rendering.contents import Contents
from fave_bench.rendering.markdown import grid
from fave_bench.rendering.printed import read_overall
from fave_bench.studies.catalogue import Family, families

METRICS = ("H@20", "N@20")
ORDER = (("released", "H@20"), ("released", "N@20"), ("filtered", "H@20"), ("filtered", "N@20"))


def numbers(heads: Sequence[str], rows: Sequence[Sequence[str]], *, words: int = 1) -> str:
    """A table with words in its first columns and numbers to the right of them."""
    return grid(heads, rows, numeric=[place >= words for place in range(len(heads))])


def spaced(variant: str) -> str:
    """A variant's name that can break over lines."""
    return ", ".join(part.strip() for part in variant.split(","))


def require_dataset(contents: Contents, name: str) -> None:
    """Raises UsageError for what neither the papers nor any record calls a dataset."""
    known = {*read_overall().datasets, *(record.dataset.name for record in contents.records)}
    if name not in known:
        raise unknown("dataset", name, known)


def family_named(name: str) -> Family:
    """The family of ablations; UsageError where there is none."""
    if name not in families():
        raise unknown("family", name, families())
    return families()[name]
