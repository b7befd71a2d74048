"""The tables, figures and report in the repository are what the records in the repository give."""

import subprocess
from pathlib import Path

import pytest

from fave_bench import published

ROOT = Path(__file__).parents[1]


def changed() -> str:
    """What differs from the last commit in the two folders, files that git ignores left out."""
    command = ["git", "-C", str(ROOT), "status", "--porcelain", "--", "results", "paper_tables"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else "no checkout"


@pytest.mark.skipif(bool(changed()), reason="results/ or paper_tables/ are not as committed")
def test_what_is_committed_is_current():
    assert published.check(ROOT / "results", ROOT / "paper_tables") > 0
