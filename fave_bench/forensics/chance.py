"""How surprising it is that so many of several things happened."""

from collections.abc import Iterable

import numpy as np

RARE = 0.01
"""Nothing that chance does more often is reported as more than chance."""


def at_least(count: int, chances: Iterable[float]) -> float:
    """The chance that `count` or more of independent events happen, each with its own chance (Poisson binomial)."""
    distribution = np.ones(1)  # of the number of events so far
    for chance in chances:
        distribution = np.convolve(distribution, [1 - chance, chance])
    return float(min(1.0, distribution[count:].sum()))
