"""Best and second best of a column, as a reader would see them: at the precision that is printed."""

from collections.abc import Sequence

from fave_bench.rendering.table_model import Mark


def marks(values: Sequence[float | None], decimals: int = 2) -> list[Mark]:
    """`best` or `second` per row, larger being better; rows equal at `decimals` are marked together.

    None takes no part. One row alone is no contest and gets no mark.
    """
    shown = [None if value is None else round(value, decimals) for value in values]
    contestants = [value for value in shown if value is not None]
    if len(contestants) < 2:
        return [""] * len(shown)
    best, *rest = sorted(set(contestants), reverse=True)
    return ["best" if value == best else "second" if rest and value == rest[0] else "" for value in shown]
