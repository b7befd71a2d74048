"""Tables, figures, report and the numbers in documents are what the records in the repository give."""

import subprocess
from pathlib import Path

import pytest

from fave_bench import documents, published
from fave_bench.records.notes import notes
from fave_bench.rendering.causes import causes
from fave_bench.views import contents

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / path for path in documents.DOCUMENTS]


def changed() -> str:
    """What differs from the last commit in the two folders, files that git ignores left out."""
    command = ["git", "-C", str(ROOT), "status", "--porcelain", "--", "results", "paper_tables"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else "no checkout"


pytestmark = pytest.mark.skipif(bool(changed()), reason="results/ or paper_tables/ are not as committed")


def test_what_is_committed_is_current():
    assert published.check(ROOT / "results", ROOT / "paper_tables") > 0
    assert documents.main(["--check", "--results", str(ROOT / "results"), *map(str, DOCUMENTS)]) == 0


def test_every_row_that_differs_from_print_has_a_note_and_every_note_such_a_row():
    noted = notes(ROOT / "results")
    shown = contents(ROOT / "results")
    assert noted == {dataset: {cause.row: cause.note for cause in causes(shown, dataset)} for dataset in noted}
    others = {record.dataset.name for record in shown.records} - set(noted)
    assert not any(causes(shown, dataset) for dataset in others)
