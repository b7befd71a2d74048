"""What each variant of a family of ablations is worth."""

from collections.abc import Iterable, Iterator

from fave_bench.rendering.blocks.words import METRICS, family_named, numbers
from fave_bench.rendering.claims.claim import PROTOCOL, Row, number
from fave_bench.rendering.contents import Contents
from fave_bench.rendering.markdown import escape
from fave_bench.rendering.table_model import Scalar, signed


def effects(contents: Contents, family: str) -> str:
    """What each variant of a family is worth in the setting it varies, a row per dataset and variant.

    Of several full models of a dataset the one that ran to its end is taken, or, for a variant that was not run beside
    it, one that it was run beside.
    """
    wanted = {"family": family, "setting": family_named(family).setting, "protocol": PROTOCOL}
    per_metric = [list(contents.rows("ablation", **wanted, metric=metric)) for metric in METRICS]
    pairs: dict[tuple[Scalar, Scalar], list[tuple[tuple[Row, ...], tuple[Row, ...]]]] = {}
    for full, *lines in _studies(zip(*per_metric, strict=True)):
        for line in lines:
            pairs.setdefault((line[0]["dataset"], line[0]["variant"]), []).append((line, full))
    rows = [_effect(*max(candidates, key=_worth)) for candidates in pairs.values()]
    if not rows:
        return "None yet."
    return numbers(["dataset", "variant", "change", *(f"{metric} Δ" for metric in METRICS), "epochs"], rows, words=3)


def _studies(lines: Iterable[tuple[Row, ...]]) -> Iterator[list[tuple[Row, ...]]]:
    """Rows of the flat table, one per metric, cut where a full model begins."""
    found: list[tuple[Row, ...]] = []
    for line in lines:
        if line[0]["full"] and found:
            yield found
            found = []
        found.append(line)
    if found:
        yield found


def _worth(pair: tuple[tuple[Row, ...], tuple[Row, ...]]) -> tuple[bool, bool]:
    """What was compared before what was not, then a full model that ran to its end before one cut short."""
    (variant, *_), (full, *_) = pair
    return variant["change_from_full"] is not None, not full["truncated"]


def _effect(line: tuple[Row, ...], full: tuple[Row, ...]) -> list[str]:
    first, ran = line[0], line[0]["epochs"] is not None
    cut = " †" * bool(ran and (first["truncated"] or full[0]["truncated"]))
    epochs = f"{number(first['epochs']):.3g}" if ran else "not run"
    about = [str(first["dataset"]), f"{first['variant']}{cut}", str(first["change"])]
    return [*map(escape, about), *map(_change, line), epochs]


def _change(row: Row) -> str:
    """``+1.20 (+0.40 to +1.99)``: percent, with its 95 % interval."""
    if row["change_from_full"] is None:
        return "–"
    change, low, high = (signed(number(row[key])) for key in ("change_from_full", "change_low", "change_high"))
    return f"{change} ({low} to {high})"
