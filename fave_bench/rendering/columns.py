"""Headings that several columns share."""

from collections.abc import Sequence
from itertools import groupby

from fave_bench.rendering.table_model import Column


def spans(columns: Sequence[Column]) -> list[tuple[str, int]]:
    """(group, how many neighbouring columns it covers), left to right; ungrouped columns form groups named ''."""
    return [(group, len(list(members))) for group, members in groupby(columns, key=lambda column: column.group)]
