"""Tests that grow: a few cases in the suite, many with FAVE_BENCH_SLOW_TESTS=1, where `-m nightly` selects them."""

import os
from collections.abc import Callable
from typing import TypeVar

import pytest

NIGHTLY = os.environ.get("FAVE_BENCH_SLOW_TESTS") == "1"
HOURS = 3600.0
T = TypeVar("T", bound=Callable[..., object])


def grows(test: T) -> T:
    """Marks a test as one that grows, and gives it the time that it then takes."""
    marked: T = pytest.mark.nightly(pytest.mark.timeout(4 * HOURS)(test) if NIGHTLY else test)
    return marked
