"""Printed tables made from ranks, as an honest author would print them."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal

import numpy as np
from helpers import make_ranks
from hypothesis import strategies as st

from fave_bench.evaluation.metrics import metrics_of
from fave_bench.forensics.printed_table import Cell, PrintedTable, rate

ranks = st.builds(
    lambda users, skew, seed: (np.random.default_rng(seed).random(users) ** skew * 60).astype(int).tolist(),
    st.integers(1, 1500),
    st.floats(0.3, 6),
    st.integers(0, 2**32 - 1),
)
"""Items above each user's target, for up to three batches of users."""


def printed(higher: Sequence[int], protocol: str = "filtered", decimals: int = 4, cut: bool = False) -> dict[str, str]:
    """Metric -> digits, of users whose targets have so many items above them."""
    step, way = Decimal(1).scaleb(-decimals), ROUND_DOWN if cut else ROUND_HALF_EVEN
    metrics = metrics_of(make_ranks(higher, seen=0))[protocol]
    return {name: str(Decimal(100 * value).quantize(step, way)) for name, value in metrics.items() if name != "MRR"}


def table(rows: Mapping[tuple[str, str], Mapping[str, str]], title: str = "Paper, Table 1") -> PrintedTable:
    """(Model, dataset) -> metric -> digits, as a table."""
    rates = {Cell(*of, metric): rate(Decimal(text)) for of, row in rows.items() for metric, text in row.items()}
    return PrintedTable("paper.csv", title, rates)
