"""Blocks of numbers in documents are rendered from records, and nothing around them is touched."""

import re
from pathlib import Path
from typing import Any

import pytest
from helpers import add_run, ending
from measured_helpers import keep, latency

from fave_bench import documents
from fave_bench.errors import BenchError
from fave_bench.records import Look, Store, TrainingSummary
from fave_bench.rendering.blocks.catalogue import BLOCKS
from fave_bench.rendering.claims.judged import claims
from fave_bench.rendering.page.assembly import assemble
from fave_bench.views import contents

WORDS = "Before.\n\n<!-- rendered: {} {} -->\nold\n<!-- /rendered -->\n\nAfter <!-- a comment --> it.\n"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """GRU4Rec in two seeds and cut short, STOSA cut short only, a model no paper prints; 100 users."""

    def run(title: str, hits: int, **fields: Any) -> None:
        higher = [0] * hits + [49] * (100 - hits)
        add_run(store, model=title.lower(), title=title, higher=higher, dataset="ml-100k", **fields)

    store = Store(tmp_path / "results")
    run("GRU4Rec", 30)
    run("GRU4Rec", 40, seed=1)
    run("GRU4Rec", 5, stopped_because="budget", config={"model": {}, "training": {"time_budget": 1.0}})
    run("STOSA", 10, stopped_because="budget")
    run("Mine", 50)
    return tmp_path / "results"


def rendered(results: Path, name: str, what: str) -> str:
    return BLOCKS[name](contents(results), what)


def test_a_headline_has_full_runs_and_cut_ones_only_where_there_is_no_other(results: Path) -> None:
    rows = {line.split(" | ")[0].strip("| "): line.strip("| ").split(" | ")[1:] for line in
            rendered(results, "headline", "ml-100k").splitlines()[2:]}  # fmt: skip
    assert set(rows) == {"GRU4Rec, released", "STOSA, released †", "Mine, released"}
    assert rows["GRU4Rec, released"][:2] == ["21.85", "35.00 ± 7.07"]
    assert rows["STOSA, released †"][:2] == ["21.78", "10.00"]
    assert rows["Mine, released"][:2] == ["–", "50.00"]


def test_verdicts_are_of_full_runs_that_a_paper_prints(results: Path) -> None:
    (row,) = rendered(results, "verdicts", "ml-100k").splitlines()[2:]
    assert row.startswith("| GRU4Rec, released | 2 | 21.85 | 35.00 ± 7.07 | +13.15 | ")


def test_a_row_that_differs_is_explained_by_what_is_noted_of_it_and_others_are_not(results: Path) -> None:
    assert rendered(results, "explained", "ml-100k") == "- **GRU4Rec, released**, higher: No cause is known."
    (results / "notes.toml").write_text('[ml-100k]\n"gru4rec:released" = "Made up."\n"mine:released" = "Best."\n')
    assert rendered(results, "explained", "ml-100k") == "- **GRU4Rec, released**, higher: Made up."
    assert "<b>GRU4Rec, released</b>, higher: Made up." in assemble(contents(results))
    assert rendered(results, "explained", "beauty") == "None."


@pytest.mark.parametrize(
    ("name", "what", "said"),
    [
        ("claims", "acuracy", "unknown kind of claim 'acuracy'; did you mean 'accuracy'"),
        ("explained", "beuaty", "unknown dataset 'beuaty'; did you mean 'beauty'"),
        ("speed", "beuaty", "unknown dataset 'beuaty'; did you mean 'beauty'"),
        ("headline", "beuaty", "unknown dataset 'beuaty'; did you mean 'beauty'"),
    ],
)
def test_a_misspelt_word_behind_a_block_is_refused(results: Path, name: str, what: str, said: str) -> None:
    with pytest.raises(BenchError, match=said):
        rendered(results, name, what)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[ml-100k", "notes.toml: Expected"),
        ("ml-100k = 1", "notes.toml: ml-100k: Input should be a valid dict"),
        ('[ml-100k]\n"gru4rec:released" = 1', "notes.toml: ml-100k.gru4rec:released: Input should be a valid string"),
        ('[ml-100k]\n"gru4rec:released" = " "', "notes.toml: ml-100k.gru4rec:released: String should have at least 1"),
    ],
)
def test_notes_that_cannot_be_read_name_the_file_and_the_row(results: Path, text: str, said: str) -> None:
    (results / "notes.toml").write_text(text)
    with pytest.raises(BenchError, match=re.escape(said)):
        contents(results)


def test_what_did_not_run_to_its_end_is_listed_and_what_did_is_not(results: Path) -> None:
    lines = rendered(results, "unfinished", "ml-100k").splitlines()
    assert any(line.startswith("- STOSA, released †: ") for line in lines)
    assert "- FAVE: not run" in lines and not any("GRU4Rec" in line or "Mine" in line for line in lines)


def test_of_a_row_that_was_cut_short_more_than_once_the_longest_is_shown(results: Path) -> None:
    for passes in (40, 160, 80):
        training = TrainingSummary(epochs=passes, best_epoch=passes, stopped_because="limit", seconds=1.0)
        config = {"training": {"stages": {"train": {"epochs": passes}}}}
        add_run(Store(results), dataset="ml-100k", model="caser", title="Caser", training=training, config=config)
    for block in ("headline", "unfinished"):
        (line,) = (line for line in rendered(results, block, "ml-100k").splitlines() if "Caser, released" in line)
        assert "at most 160 epochs †" in line


def test_every_claim_is_in_the_block_of_its_kind(results: Path) -> None:
    shown = contents(results)
    kinds = {claim.kind for claim in claims(shown)}
    lines = [line for kind in sorted(kinds) for line in rendered(results, "claims", kind).splitlines()]
    assert len(lines) == len(claims(shown)) and all(line.startswith("- **open**: ") for line in lines)


def test_effects_are_differences_to_the_full_run_where_there_is_one(tmp_path: Path) -> None:
    def run(hits: int, gamma: float, budget: float | None, match: str = "on", **fields: Any) -> None:
        config = {"model": {"gamma": gamma, "match": match}, "training": {"time_budget": budget}}
        cut = {"stopped_because": "budget"} if budget else {}
        about = {"model": "fave", "title": "FAVE", "dataset": "ml-100k", "config": config}
        add_run(Store(tmp_path), higher=[0] * hits + [49] * (100 - hits), **about, **cut, **fields)

    run(20, 0.1, 60.0)
    run(15, 0.0, 60.0, changes={"model.gamma": 0.0})
    cut_short = rendered(tmp_path, "effects", "paper")
    assert "| ml-100k | w/o cons † | gamma = 0.0 | −5.00 (" in cut_short
    assert "| ml-100k | w/o match | match = off | – | – | not run |" in cut_short
    run(40, 0.1, None)
    run(30, 0.0, None, changes={"model.gamma": 0.0})
    lines = rendered(tmp_path, "effects", "paper").splitlines()
    assert lines[1] == "| --- | --- | --- | ---: | ---: | ---: |"
    (cons,) = (line for line in lines if "w/o cons" in line)
    assert cons.startswith("| ml-100k | w/o cons | gamma = 0.0 | −10.00 (−15.88 to −4.12) | ")
    assert "| ml-100k | w/o match | match = off | – | – | not run |" in lines
    run(14, 0.1, 60.0, "off", changes={"model.match": "off"})
    assert "| ml-100k | w/o match † | match = off | −6.00 (" in rendered(tmp_path, "effects", "paper")
    assert cons in rendered(tmp_path, "effects", "paper")
    assert rendered(tmp_path, "effects", "fmrec") == "None yet."
    with pytest.raises(BenchError, match="unknown family 'papers'; did you mean 'paper'"):
        rendered(tmp_path, "effects", "papers")


def test_speed_is_sorted_and_compared_with_the_papers_own_model_on_the_same_device(tmp_path: Path) -> None:
    fave = {"title": "FAVE", "steps": 1}
    fmrec = {"title": "FMRec", "steps": 30}
    keep(
        tmp_path,
        latency("fave", 2.0, **fave),
        latency("fave", 3.0, setting="paper", **fave),
        latency("fave", 5.0, execution="eager", **fave),
        latency("fmrec", 30.0, **fmrec),
        latency("fmrec", 2.5, title="FMRec", steps=1),
        latency("sasrec", 0.5, title="SASRec", variant="ce"),
        latency("sasrec", 0.1, batch_size=512, title="SASRec", variant="bce"),
    )
    keep(tmp_path, latency("fmrec", 8.0, **fmrec), hour=1, device="a card", threads=1)
    keep(tmp_path, latency("fave", 4.0, **fave), latency("fmrec", 60.0, **fmrec), hour=2, threads=1)
    assert rendered(tmp_path, "speed", "toy").splitlines()[2:] == [
        "| a card · 1 thread | FMRec, released | 30 | – | 8.00 | – |",
        "| test device · 1 thread | FAVE, released | 1 | – | 4.00 | 1.00 |",
        "| test device · 1 thread | FMRec, released | 30 | – | 60.0 | 15.0 |",
        "| test device · 2 threads | SASRec, released, ce | – | – | 0.500 | 0.250 |",
        "| test device · 2 threads | FAVE, released | 1 | 5.00 | 2.00 | 1.00 |",
        "| test device · 2 threads | FMRec, released | 1 | – | 2.50 | 1.25 |",
        "| test device · 2 threads | FAVE, paper | 1 | – | 3.00 | 1.50 |",
        "| test device · 2 threads | FMRec, released | 30 | – | 30.0 | 15.0 |",
    ]
    assert rendered(tmp_path, "speed", "steam") == "None yet."


def test_one_run_is_named_with_its_metrics_and_their_error(results: Path) -> None:
    record = next(r for r in Store(results).records() if r.title == "Mine")
    line = rendered(results, "run", record.key)
    assert line.startswith(
        f"- Mine, released, seed 0, run `{record.key}` (9 epochs, converged): released H@20 50.00 (± "
    )
    assert "; filtered H@20 50.00 (± " in line
    with pytest.raises(BenchError, match="no run 0123 is recorded"):
        rendered(results, "run", "0123")


def test_looks_are_fewer_the_longer_a_stage_goes_and_hold_its_last_and_the_one_kept(tmp_path: Path) -> None:
    def look(stage: str, epoch: int) -> Look:
        seen = {"released": {"H@20": epoch / 100, "N@20": epoch / 200}, "filtered": {"H@20": 0.5}}
        return Look(stage=stage, epoch=epoch, seconds=epoch, validation=seen)

    few = [look("only", epoch) for epoch in (20, 40, 60)]
    curve = [*(look("first", epoch) for epoch in range(1, 10)), *(look("second", epoch) for epoch in range(2, 14))]
    summary = TrainingSummary(epochs=20, best_epoch=7, stopped_because="converged", seconds=20, curve=curve)
    record = add_run(Store(tmp_path), title="Mine", dataset="ml-100k", training=summary)
    bare = add_run(Store(tmp_path), title="Bare", dataset="ml-100k", seed=1)
    lines = [line.strip("| ").split(" | ") for line in rendered(tmp_path, "looks", record.key).splitlines()]
    passes = [("first", "1"), ("first", "2"), ("first", "5"), ("first", "9"), ("second", "2"), ("second", "5")]
    assert [tuple(line[:2]) for line in lines[2:8]] == passes
    assert lines[8:] == [
        ["second", "7 (kept)", "7.00", "3.50", "50.00", "–"],
        ["second", "10", "10.00", "5.00", "50.00", "–"],
        ["second", "13", "13.00", "6.50", "50.00", "–"],
    ]
    short = add_run(Store(tmp_path), title="Short", seed=2, training=summary.model_copy(update={"curve": few}))
    assert [line.split(" | ")[1] for line in rendered(tmp_path, "looks", short.key).splitlines()[2:]] == [
        "20", "40", "60",
    ]  # fmt: skip
    assert rendered(tmp_path, "looks", bare.key) == "No look at validation."
    with pytest.raises(BenchError, match="no run 0123 is recorded"):
        rendered(tmp_path, "looks", "0123")


def test_the_runs_of_a_family_stand_side_by_side_as_they_learned(tmp_path: Path) -> None:
    def run(gamma: float, *hits: float, **fields: Any) -> None:
        curve = [
            Look(stage="pretrain", epoch=1 + n, seconds=n, validation={"released": {"H@20": h, "N@20": h / 2}})
            for n, h in enumerate(hits)
        ]
        training = TrainingSummary(epochs=9, best_epoch=1, stopped_because="converged", seconds=9, curve=curve)
        config = {"model": {"gamma": gamma}, "training": {}}
        about = {"model": "fave", "title": "FAVE", "dataset": "ml-100k", "config": config}
        add_run(Store(tmp_path), training=training, **about, **fields)

    run(0.1, 0.1, 0.2, 0.3, 0.4)
    assert rendered(tmp_path, "learning", "paper") == "None yet."
    run(0.0, 0.15, 0.25, 0.35, changes={"model.gamma": 0.0})
    run(0.0, 0.25, changes={"model.gamma": 0.0}, seed=1)
    assert rendered(tmp_path, "learning", "paper").splitlines() == [
        "| dataset | stage | passes | FAVE | w/o cons |",
        "| --- | --- | ---: | ---: | ---: |",
        "| ml-100k | pretrain | 1 | 10.00 / 5.00 | 15.00 / 7.50 |",
        "| ml-100k | pretrain | 2 | 20.00 / 10.00 | 25.00 / 12.50 |",
        "| ml-100k | pretrain | 3 | – | 35.00 / 17.50 |",
        "| ml-100k | pretrain | 4 | 40.00 / 20.00 | – |",
    ]
    with pytest.raises(BenchError, match="unknown family 'papers'"):
        rendered(tmp_path, "learning", "papers")


def test_only_blocks_change_and_a_second_time_nothing(results: Path, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "words.md"
    path.write_text(WORDS.format("headline", "ml-100k"))
    arguments = [str(path), "--results", str(results)]
    assert ending(documents.main, [*arguments, "--check"]) == 1
    assert "words.md; render again without --check" in capsys.readouterr().err
    assert "old" in path.read_text()
    assert ending(documents.main, arguments) == 0
    text = path.read_text()
    assert text.startswith("Before.\n\n<!-- rendered: headline ml-100k -->\n| model |") and "old" not in text
    assert text.endswith("<!-- /rendered -->\n\nAfter <!-- a comment --> it.\n")
    assert ending(documents.main, [*arguments, "--check"]) == 0


def test_an_unknown_block_and_a_missing_document_are_one_sentence(results: Path, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "words.md"
    path.write_text(WORDS.format("verdict", "ml-100k"))
    assert ending(documents.main, [str(path), "--results", str(results)]) == 1
    assert "no block is called verdict; there are headline" in capsys.readouterr().err
    assert ending(documents.main, [str(tmp_path / "none.md"), "--results", str(results)]) == 1
    assert "none.md: the document cannot be read" in capsys.readouterr().err
