"""Leads in standard errors, and improvements recomputed."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from audit_helpers import table
from hypothesis import given
from hypothesis import strategies as st

from fave_bench.forensics.audit import known_users
from fave_bench.forensics.gains import gains
from fave_bench.forensics.improvements import wrong_improvements
from fave_bench.forensics.leads import Lead
from fave_bench.forensics.printed_table import Cell, PrintedTable, Rate
from fave_bench.forensics.reading import shipped


def claiming(best: str, second: str, claim: str) -> PrintedTable:
    rows = {("Ours", "x"): {"H@10": best}, ("B", "x"): {"H@10": second}, ("C", "x"): {"H@10": "1.00"}}
    return replace(table(rows), improvements={Cell("Improv.", "x", "H@10"): Decimal(claim)})


def test_a_lead_in_standard_errors_is_what_resampling_shows() -> None:
    random = np.random.default_rng(0)
    difference = (random.binomial(943, 0.26134, 20000) - random.binomial(943, 0.243146, 20000)) / 9.43
    expected = 1.8194 / difference.std()
    lead = Lead("H@20", "A", Rate(261340, 4), "B", Rate(243146, 4))
    assert lead.standard_errors(943) == pytest.approx(expected, rel=0.02)


def test_the_main_tables_leads_are_within_sampling_error() -> None:
    main, *_ = shipped()
    found = {finding.dataset: finding for finding in gains(main, known_users())}
    assert {dataset: finding.kind for dataset, finding in found.items()} == dict.fromkeys(
        ("ml-100k", "beauty", "steam"), "gain_within_error"
    )
    assert "H@20 FAVE over FMRec +1.8194 points (+7.48 %), 0.91 standard errors" in found["ml-100k"].detail
    assert found["ml-100k"].models == ("FAVE",)


def test_a_lead_of_many_errors_is_no_complaint() -> None:
    made = table({("A", "x"): {"H@10": "20.0"}, ("B", "x"): {"H@10": "10.0"}})
    assert [finding.kind for finding in gains(made, {"x": (2000,)})] == ["gain_beyond_error"]
    assert not list(gains(made, {})) and not list(gains(table({("A", "x"): {"H@10": "20.0"}}), {"x": (2000,)}))


def test_no_lead_is_no_standard_error() -> None:
    assert Lead("H@1", "A", Rate(0, 2), "B", Rate(0, 2)).standard_errors(10) == 0
    made = table({("A", "x"): {"H@10": "0"}, ("B", "x"): {"H@10": "0"}})
    assert "from nothing), 0.00 standard errors" in next(gains(made, {"x": (10,)})).detail


@given(st.integers(101, 9999), st.integers(1, 5000), st.integers(0, 3), st.booleans())
def test_an_improvement_that_follows_is_accepted_in_percent_or_points(
    second: int, more: int, decimals: int, relative: bool
) -> None:
    best = min(second + more, 10_000)
    value = 100 * (best - second) / second if relative else (best - second) / 100
    assert not list(wrong_improvements(claiming(f"{best / 100:.2f}", f"{second / 100:.2f}", f"{value:.{decimals}f}")))


def test_an_improvement_that_does_not_follow_is_recomputed() -> None:
    (finding,) = wrong_improvements(claiming("26.1340", "24.3146", "9.48"))
    assert "Ours over B +1.8194 points (+7.48 %), but the table prints 9.48" in finding.detail
    assert not list(wrong_improvements(claiming("26.1340", "24.3146", "-2.00")))
