"""Letters in Table 1 say what `compare` says; without them nothing changes."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import add_run

from fave_bench.errors import UsageError
from fave_bench.evaluation.protocols import PROTOCOLS
from fave_bench.evaluation.significance import ALPHA, compare
from fave_bench.records import Store
from fave_bench.rendering.formats import FORMATS
from fave_bench.rendering.letters import LETTERS, letter
from fave_bench.rendering.overall import overall
from fave_bench.rendering.overall_block import SHOWN
from fave_bench.rendering.paired import outcomes_of
from fave_bench.rendering.printed import Overall, Printed
from fave_bench.rendering.table_model import Estimate, Table
from fave_bench.table import main

PAPER = Overall({("Absent", "toy", "H@10"): Printed(1.0, "Paper")}, leading="Paper")
TYPICAL = {"alpha": 4, "beta": 12, "gamma": 13, "delta": 40}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = Store(tmp_path / "results")
    for model, typical in TYPICAL.items():
        for seed in range(1 + (model == "beta")):
            higher = np.random.default_rng([typical, seed]).poisson(typical, 150).tolist()
            why = "budget" if model == "delta" else "converged"
            add_run(found, model=model, title=model.title(), seed=seed, higher=higher, stopped_because=why)
    return found


def tabled(store: Store, letters: bool = True, **narrowed: Any) -> Table:
    return overall(list(store.records()), PAPER, letters=store.ranks if letters else None, **narrowed)


def test_a_cell_raises_exactly_the_rows_that_the_tests_say_it_beats(store: Store) -> None:
    table = tabled(store)
    for protocol in PROTOCOLS:
        rows = [row for row in table.rows if row["protocol"] == protocol and row["letter"]]
        named = {row["letter"]: row["model"] for row in rows}
        assert list(named) == ["a", "b", "c", "d"]  # the one nobody ran has none
        found = {
            (row["model"], named[beaten], row["metric"]) for row in rows for beaten in str(row["beats"] or "")
        }  # fmt: skip
        assert found == better(store, protocol)
        assert ("alpha", "delta", "H@10") in found and ("beta", "gamma", "H@10") not in found


def better(store: Store, protocol: str) -> set[tuple[str, str, str]]:
    """By way of the verb's own comparison."""
    from fave_bench.rendering.boards import boards

    lines = [line for line in boards(store.records(), [], PAPER)[0].lines if line.summary]
    tests = compare(outcomes_of(lines, PROTOCOLS[protocol], SHOWN, store.ranks), seed=0, resamples=100)
    models = [line.summary.first.model for line in lines if line.summary]
    won = [(t.a, t.b, t.metric) if t.effect.difference > 0 else (t.b, t.a, t.metric) for t in tests if t.p_holm < ALPHA]
    return {(models[a], models[b], metric) for a, b, metric in won}


def test_nothing_else_differs_from_the_table_without_letters(store: Store) -> None:
    plain, lettered = tabled(store, letters=False), tabled(store)
    assert plain.name == "overall" and lettered.name != plain.name
    assert [s for s in lettered.legend if s != LETTERS] == list(plain.legend)
    for one, other in zip(plain.rows, lettered.rows, strict=True):
        assert one == {column: value for column, value in other.items() if column not in ("letter", "beats")}
    for one, other in zip(plain.blocks, lettered.blocks, strict=True):
        assert [c.name for c in other.columns] == ["model", "letter", *(c.name for c in one.columns[1:])]
        cells = [(row[0], *row[2:]) for row in other.rows]
        assert [tuple(bare(cell) for cell in row) for row in cells] == list(one.rows)


def bare(cell: Any) -> Any:
    return Estimate(cell.value, cell.spread, cell.over, cell.mark, cell.flag) if isinstance(cell, Estimate) else cell


def test_every_format_shows_letters_and_says_what_they_mean(store: Store) -> None:
    table = tabled(store, protocols=["filtered"])
    shown = {ending: render(table) for ending, render in FORMATS.items()}
    assert "<sup>bcd</sup> (±" in shown["md"] and "<sup>bcd</sup> (±" in shown["html"]
    assert r"\textsuperscript{bcd} ($\pm$" in shown["tex"]
    assert all("a raised letter names a row" in shown[ending] for ending in ("md", "html", "tex"))
    lines = list(csv.DictReader(io.StringIO(shown["csv"])))
    rows = json.loads(shown["json"])["rows"]
    assert [line["beats"] for line in lines] == [row["beats"] or "" for row in rows]
    assert "bcd" in {line["beats"] for line in lines}


def test_letters_are_files_of_their_own_and_can_be_checked(store: Store, tmp_path: Path) -> None:
    asked = ["--results", str(store.root), "--out", str(tmp_path / "tables"), "--datasets", "toy"]
    main([*asked, "--letters"])
    assert {path.stem for path in (tmp_path / "tables").iterdir()} == {"overall-letters"}
    assert main([*asked, "--name", "overall", "--letters", "--check"]) == 0
    with pytest.raises(UsageError, match="--letters: only table overall has them, not efficiency"):
        main([*asked, "--name", "efficiency", "--letters"])


def test_a_row_alone_has_a_letter_and_beats_nobody(tmp_path: Path) -> None:
    store = Store(tmp_path)
    add_run(store, model="alpha", title="Alpha")
    found = [row for row in tabled(store).rows if row["model"] == "alpha"]
    assert {(row["letter"], row["beats"]) for row in found} == {("a", None)}


def test_no_two_rows_share_a_letter() -> None:
    names = [letter(place) for place in range(300)]
    assert len(set(names)) == 300 and names[0] == "a" and names[52] == "a1"
