"""Ids of formats that demand integers."""

from collections.abc import Sequence

from fave_bench.data.source import Source

DIGITS = 18
"""More cannot be an id or a time in 64 bits."""


def is_whole(field: bytes) -> bool:
    """Whether these bytes are a non-negative integer, written plainly."""
    return field.isdigit() and len(field) <= DIGITS


def whole_numbers(source: Source, number: int, fields: Sequence[bytes], expected: str) -> list[int]:
    """A user id and item ids. Raises BenchError unless all are non-negative integers and items start at 1."""
    if len(fields) < 2 or not all(map(is_whole, fields)):
        raise source.error(number, f"{expected}, all non-negative integers")
    values = [int(field) for field in fields]
    if 0 in values[1:]:
        raise source.error(number, "item id 0 is reserved for padding")
    return values
