"""The dataset card for people and for programs, and the lines that say how the data differ from the paper's."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from fave_bench.data.cache import Prepared
from fave_bench.data.card import Card, Order
from fave_bench.data.catalogue import Entry
from fave_bench.data.sequences import Sequences

COUNTS = ("users", "items", "actions")


def differences(entry: Entry, sequences: Sequences, card: Card) -> list[str]:
    """One line for each way in which these data are not the paper's; empty where nothing is known to differ."""
    off = other_counts(entry, {count: getattr(card, count) for count in COUNTS})
    found = [off] if off else []
    if entry.fingerprint and entry.fingerprint != sequences.fingerprint:
        found.append("not the public sequences behind the paper's tables" + _likely_cause(card, same_counts=not off))
    return found


def other_counts(entry: Entry, counts: Mapping[str, int]) -> str:
    """Which of COUNTS are not the paper's, and what is known of the reason; empty where all that is printed agrees."""
    printed = {count: getattr(entry, count) for count in COUNTS}
    off = [
        f"{counts[count]:,} {count}, the paper prints {number:,}"
        for count, number in printed.items()
        if number is not None and number != counts[count]
    ]
    return "; ".join(off) + (f" ({entry.note})" if off and entry.note else "")


def _likely_cause(card: Card, *, same_counts: bool) -> str:
    if not same_counts or card.order is None:
        return ""
    return (
        f"; the counts agree, but {card.order.tied_pairs:.1%} of neighbouring actions have the same time, "
        "which leaves their order open"
    )


def document(entry: Entry, sequences: Sequences, card: Card, prepared: Prepared | None) -> dict[str, Any]:
    """The card as JSON values: what `Card` documents, with the names and hashes around it."""
    return {
        "dataset": sequences.name,
        "title": entry.title,
        "source": sequences.source,
        "sha256": prepared and prepared.sha256,
        "fingerprint": sequences.fingerprint,
        "synthetic": sequences.synthetic,
        "oracle": sequences.oracle,
        "paper": None if sequences.synthetic else {count: getattr(entry, count) for count in COUNTS},
        "differences": differences(entry, sequences, card),
        "other_rules": [dict(zip(("rule", *COUNTS), row, strict=True)) for row in _other_counts(prepared)],
        **asdict(card),
    }


def _other_counts(prepared: Prepared | None) -> tuple[tuple[str, int, int, int], ...]:
    return prepared.other_counts if prepared else ()


def render(entry: Entry, sequences: Sequences, card: Card, prepared: Prepared | None) -> str:
    """Aligned lines; synthetic data say so first."""
    rows = list(_rows(entry, sequences, card, prepared))
    width = max(len(label) for label, _ in rows)
    return "\n".join(f"{label:<{width}}  {value}" for label, value in rows)


def _rows(entry: Entry, s: Sequences, card: Card, prepared: Prepared | None) -> Iterator[tuple[str, str]]:
    yield "dataset", entry.title
    if s.synthetic:
        yield "SYNTHETIC", "generated data; never compare with results on real data"
    yield "source", s.source
    if prepared:
        known = dict(entry.checksums).get(prepared.sha256)
        yield "SHA-256", prepared.sha256 + (f"  ({known})" if known else "")
    yield "fingerprint", s.fingerprint
    for count in COUNTS:
        expected = getattr(entry, count)
        paper = "" if expected is None or s.synthetic else f"  (paper {expected:,})"
        yield count, f"{getattr(card, count):,}{paper}"
    if entry.fingerprint == s.fingerprint:
        yield "equal to", "the public sequences behind the paper's tables"
    for line in differences(entry, s, card):
        yield "differs", line
    for rule, *counts in _other_counts(prepared):
        yield "other rule", f"{rule}: " + ", ".join(f"{n:,} {c}" for c, n in zip(COUNTS, counts, strict=True))
    yield "sparsity", f"{card.sparsity:.2%}"
    yield "actions per user", ", ".join(f"{name} {value:,.4g}" for name, value in card.lengths.items())
    yield "repeated actions", f"{card.repeated_actions:.2%}"
    yield "targets in own history", f"{card.repeated_validation_targets} validation, {card.repeated_test_targets} test"
    yield "test targets never trained", f"{card.unseen_test_targets:,}"
    yield from _order_rows(card.order, card.users)
    for metric, value in s.oracle.items():
        yield f"oracle {metric}", f"{100 * value:.2f} %"


def _order_rows(order: Order | None, users: int) -> Iterator[tuple[str, str]]:
    if order is None:
        yield "times", "none, so no temporal split and no leakage figure"
        return
    yield "times", f"{_day(order.first)} to {_day(order.last)}"
    decided = f"{order.tied_test_targets:,} test and {order.tied_validation_targets:,} validation targets of {users:,}"
    yield "tied times", f"{order.tied_pairs:.1%} of neighbouring actions; file order alone decides {decided}"
    yield "leakage", f"{order.leaking_targets:.1%} of test targets lie before some training interaction"
    yield "", f"{order.later_training:.1%} of training lies after a test target, on average over the targets"


def _day(moment: int) -> str:
    """The date of a time in Unix seconds; the number itself where it must be counted in something else."""
    try:
        return datetime.fromtimestamp(moment, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return f"{moment:,}"
