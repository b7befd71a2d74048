"""What a printed number may stand for, and how metrics are named."""

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fave_bench.forensics.printed_table import metric_name, rate

EXACT = 1e-12


@given(st.floats(0, 100), st.integers(0, 6), st.sampled_from([ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_DOWN]))
def test_the_true_number_is_among_those_that_are_printed_alike(true: float, decimals: int, way: str) -> None:
    shown = rate(Decimal(true).quantize(Decimal(1).scaleb(-decimals), way))
    assert shown.decimals == decimals
    assert shown.low - EXACT <= true <= shown.high + EXACT


@given(st.integers(1, 9998), st.integers(1, 4))
def test_what_lies_further_off_is_not(units: int, decimals: int) -> None:
    shown = rate(Decimal(units).scaleb(-decimals))
    if shown.high < 100:
        assert shown.high - shown.low == pytest.approx(1.5 * 10.0**-decimals)
    above = rate(Decimal(shown.percent + 0.7 * shown.unit).quantize(Decimal(1).scaleb(-decimals), ROUND_CEILING))
    assert above.units == units + 1 and above.percent > shown.percent


@pytest.mark.parametrize(
    ("text", "name"),
    [("H@10", "H@10"), ("hr@5", "H@5"), ("Hit@1", "H@1"), ("NDCG@20", "N@20"), (" n@3 ", "N@3"), ("mrr", "MRR")]
    + [(other, None) for other in ("H@0", "H@", "HR10", "H@10%", "Recall@10", "MRR@10", "")],
)
def test_metrics_have_one_name(text: str, name: str | None) -> None:
    assert metric_name(text) == name
