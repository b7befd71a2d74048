"""What a check has to say, and what sort of thing that is."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A sort of finding. One that is not `notable` reassures or informs, and is shown only on request."""

    heading: str
    meaning: str
    notable: bool = True


KINDS = {
    "impossible_pair": Kind(
        "No run can give these",
        "A user who enters the list between two cut-offs adds between 1/log2(k + 1) and 1/log2(j + 2) to NDCG. "
        "No averaging over users, batches or seeds escapes that.",
    ),
    "contradiction": Kind("Different numbers for the same thing", "Two tables of one paper disagree."),
    "wrong_improvement": Kind(
        "Improvements that do not follow", "The printed improvement is not what the printed numbers give."
    ),
    "off_grid": Kind(
        "Not one run over the dataset's users",
        "These hit rates are neither a mean over the users nor a mean of batch means, rounded or cut off. A mean over "
        "several runs, another test set or a slip of the pen would look like this.",
    ),
    "other_users": Kind(
        "Another number of users",
        "Hit rates over n users are multiples of 1/n. These fit no average over the dataset's users, but another n.",
    ),
    "copied": Kind(
        "The same digits in two papers",
        "Evidently taken over, not run again. Chance: two runs whose hits are independent print the same hit rates.",
    ),
    "gain_within_error": Kind(
        "Leads within sampling error",
        "At some cut-off the best beats the second best by less than 1.96 standard errors of a difference of two "
        "independent hit rates. A paired test on per-user ranks, which tables do not print, may be sharper.",
    ),
    "grid": Kind(
        "How users were averaged",
        "These hit rates fit one grid too well for chance; the chance is that of so many random rows fitting.",
    ),
    "gain_beyond_error": Kind(
        "Leads beyond sampling error", "At every cut-off the lead is 1.96 standard errors or more.", notable=False
    ),
    "implied_users": Kind(
        "User counts that hit rates imply", "Nobody said how many users there are; this is the fewest.", notable=False
    ),
    "restated": Kind("The same numbers again", "Two tables of one paper agree.", notable=False),
    "uninformative": Kind(
        "Grids that say nothing", "As many random rows would fit these grids, so fitting means nothing.", notable=False
    ),
}
"""Worst first."""


@dataclass(frozen=True)
class Finding:
    """One sentence about one table, and where it applies."""

    kind: str
    """A key of KINDS."""
    file: str
    table: str
    """The table's title, for people; several tables are joined."""
    dataset: str
    """Empty where it is about several."""
    models: tuple[str, ...]
    """Empty where it is about the whole table."""
    detail: str
    chance: float | None = None
    """That numbers without any cause would look like this, where that can be said."""


def odds(chance: float) -> str:
    """A chance in words: 1 in 6, 1 in 1,200, 1 in 10^59."""
    if chance <= 0:
        return "none"
    if chance > 0.5:
        return f"{chance:.0%}"
    return f"1 in {1 / chance:,.0f}" if chance > 1e-6 else f"1 in 10^{-math.ceil(math.log10(chance))}"
