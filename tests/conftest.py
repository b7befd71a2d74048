"""What every test shares: a cache of its own, and the real datasets where there are any."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("any machine", deadline=None)  # how long a case takes is for benchmarks
settings.load_profile("any machine")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Prepared data and downloads of one test reach neither the user's cache nor another test."""
    cache = tmp_path / "fave-bench-cache"
    monkeypatch.setenv("FAVE_BENCH_CACHE", str(cache))
    return cache


@pytest.fixture
def real_data() -> Callable[[str], Path]:
    """dataset -> its folder under $FAVE_BENCH_DATA; skips where there is none, and fails there in CI."""
    root = os.environ.get("FAVE_BENCH_DATA")

    def folder(dataset: str) -> Path:
        if root and (Path(root) / dataset).is_dir():
            return Path(root) / dataset
        reason = f"needs the real {dataset} in $FAVE_BENCH_DATA/{dataset}/"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)

    return folder
