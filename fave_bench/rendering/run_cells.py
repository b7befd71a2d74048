"""Cells that say of one line's runs what they gave, how many there were, and how they went."""

from fave_bench.rendering.summary import Summary, Value
from fave_bench.rendering.table_model import NOTHING, Cell, Mark, Text

CUT_SHORT = "†"
UNTRAINED = {"closed-form", "external"}
"""Ends that no epoch of ours came before."""


def estimate(value: Value | None, *, mark: Mark = "", truncated: bool = False, raised: str = "") -> Cell:
    """Ours with its spread over seeds, or, of a single seed, the sampling error of its users."""
    return value.cell(mark, CUT_SHORT if truncated else "", raised) if value else NOTHING


def seeds(summary: Summary | None) -> Cell:
    if summary is None:
        return NOTHING
    count = len(summary.records)
    return Text(str(count) if count > 1 else "single seed")


def stopped(summary: Summary | None) -> Cell:
    """Why training ended, and at which epoch it was best."""
    if summary is None:
        return NOTHING
    low, high = summary.best_epochs
    epochs = f"best epoch {low}" if low == high else f"best epochs {low}–{high}"
    why = summary.stopped_because
    words = [why, *([] if why in UNTRAINED else [epochs]), *(["still rising"] if summary.still_rising else [])]
    return Text(", ".join(words))
