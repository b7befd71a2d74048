"""Tables say what the records say, in every format. `python tests/test_table.py` rewrites the golden files."""

import csv
import io
import json
import random
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from helpers import add_run, make_record
from hypothesis import given
from hypothesis import strategies as st

from fave_bench.errors import BenchError, UsageError
from fave_bench.records import Look, Record, Store, TrainingSummary
from fave_bench.rendering.boards import boards
from fave_bench.rendering.comparison import Comparison
from fave_bench.rendering.formats import FORMATS
from fave_bench.rendering.overall import overall
from fave_bench.rendering.overall_data import tidy
from fave_bench.rendering.printed import Overall, Printed, read_overall
from fave_bench.rendering.ranking import marks
from fave_bench.rendering.summary import Value, summarise
from fave_bench.rendering.table_model import Scalar, Table
from fave_bench.table import main

GOLDEN = Path(__file__).parent / "golden"
PRINTED = {"H@10": 60.0, "N@10": 40.0, "H@20": 80.0, "N@20": 45.0}
AWKWARD = "A_b & <Co> | 100%"
ORACLE = {"H@10": 0.9, "N@10": 0.8, "H@20": 0.95, "N@20": 0.81}


def papers() -> Overall:
    """Three models on one dataset; Gamma's numbers are impossible."""
    values = {
        (m, "toy", k): Printed(v, "Paper, Table 1") for m in ("Alpha", "Beta", "Gamma") for k, v in PRINTED.items()
    }
    values["Gamma", "toy", "N@20"] = Printed(50.0, "Paper, Table 1")
    return Overall(values, leading="Paper, Table 1")


def a_bit_of_everything() -> list[Record]:
    alpha: dict[str, Any] = {"model": "alpha", "title": "Alpha"}
    return [
        *(
            make_record(**alpha, seed=seed, best_epoch=5 + seed, higher=[0, 3, 7, 12, 30 - 12 * seed])
            for seed in range(3)
        ),
        make_record(**alpha, variant="w/o prior", higher=[30, 3, 7, 12, 30]),
        make_record(model="beta", title="Beta", stopped_because="budget", higher=[0, 0, 0, 0, 0]),
        make_record(model="odd", title=AWKWARD, stopped_because="closed-form", higher=[5, 11, 40, 40, 40]),
        make_record(**alpha, dataset="made-up", synthetic=True, oracle=ORACLE),
    ]


def golden_table() -> Table:
    return overall(a_bit_of_everything(), papers(), protocols=["released"])


def rows(table: Table, **wanted: Scalar) -> list[dict[str, Scalar]]:
    return [row for row in table.rows if all(row[column] == value for column, value in wanted.items())]


@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_is_as_it_was(ending: str) -> None:
    assert FORMATS[ending](golden_table()) == (GOLDEN / f"overall.{ending}").read_text(encoding="utf-8")


@pytest.mark.parametrize("ending", FORMATS)
def test_rendering_does_not_depend_on_the_order_of_records(ending: str) -> None:
    shuffled = a_bit_of_everything()
    random.Random(1).shuffle(shuffled)
    assert FORMATS[ending](overall(shuffled, papers(), protocols=["released"])) == FORMATS[ending](golden_table())


def test_every_model_of_the_paper_has_a_line_in_its_order_and_the_others_follow() -> None:
    table = overall(a_bit_of_everything(), papers(), datasets=["toy"])
    assert [block.title.split(" · ")[-1] for block in table.blocks] == ["protocol released", "protocol filtered"]
    titles = [row["title"] for row in rows(table, protocol="filtered", metric="H@10")]
    assert titles == ["Alpha", "Alpha", "Beta", "Gamma", AWKWARD]
    assert {row["verdict"] for row in rows(table, title="Gamma")} == {"not run"}


def test_seeds_are_averaged_and_the_spread_is_theirs() -> None:
    (row,) = rows(golden_table(), dataset="toy", title="Alpha", variant="", metric="H@20")
    assert row["seeds"] == 3
    assert row["ours_mean"] == pytest.approx((80 + 100 + 100) / 3)
    assert row["ours_sd"] == pytest.approx((400 / 3) ** 0.5, abs=1e-5)
    assert row["difference"] == pytest.approx((80 + 100 + 100) / 3 - 80)


def test_a_single_seed_has_no_spread_and_shows_its_users_error() -> None:
    table = golden_table()
    (row,) = rows(table, title=AWKWARD, metric="H@10")
    assert (row["seeds"], row["ours_sd"]) == (1, None)
    assert row["sampling_error"] == pytest.approx(100 * (0.2 * 0.8 / 5) ** 0.5, abs=1e-5)
    assert "20.00 (± 17.89)" in FORMATS["md"](table) and "single seed" in FORMATS["md"](table)


def test_a_run_cut_short_is_marked_and_keeps_apart() -> None:
    full = [make_record(title="Alpha", seed=seed) for seed in range(2)]
    cut = make_record(title="Alpha", seed=2, stopped_because="budget", higher=[0] * 5)
    found = rows(overall([*full, cut], papers()), title="Alpha", protocol="filtered", metric="H@10")
    assert [(row["seeds"], row["truncated"], row["verdict"]) for row in found] == [
        (2, False, "reproduced"),
        (1, True, "not converged"),
    ]
    assert [row["place"] for row in found] == [None, None]  # perfect scores, and still no contest


def test_two_configurations_are_never_averaged() -> None:
    other = {"model": {"window": 20}, "training": {"batch_size": 512}}
    records = [make_record(seed=0), make_record(seed=1, config=other)]
    assert [len(summary.records) for summary in summarise(records)] == [1, 1]
    labels = [line[2] for line in overall(records, papers()).blocks[0].rows[-2:]]
    assert len(set(labels)) == 2


def test_a_budget_that_was_not_used_up_makes_no_row_of_its_own_and_no_second_run_of_a_seed() -> None:
    def trained(seed: int, seconds: float | None, **options: str) -> Record:
        config = {"model": {}, "training": {"batch_size": 512, "time_budget": seconds}}
        return make_record(title="Alpha", seed=seed, config=config, **options)

    records = [trained(0, 60.0), trained(0, None), trained(1, 60.0), trained(2, None)]
    cut = trained(0, 60.0, stopped_because="budget")
    whole, short = summarise([*records, cut])
    assert [(r.seed, r.config["training"]["time_budget"]) for r in whole.records] == [(0, None), (1, 60.0), (2, None)]
    assert short.records == (cut,)


def test_another_split_is_a_board_of_its_own_and_nothing_the_paper_printed() -> None:
    plain = make_record(title="Alpha", variant="ce")
    moved = plain.model_copy(update={"dataset": plain.dataset.model_copy(update={"split": "temporal"})})
    table = overall([plain, moved], papers())
    assert len(table.blocks) == 4
    assert {row["paper_value"] for row in rows(table, split="temporal")} == {None}
    assert {row["verdict"] for row in rows(table, split="temporal", title="Alpha")} == {None}
    assert {row["paper_value"] for row in rows(table, split="leave-one-out", title="Alpha", metric="H@10")} == {60}


@pytest.mark.parametrize(
    ("why", "best", "rising"), [("epochs", 9, True), ("epochs", 8, False), ("converged", 9, False)]
)
def test_a_run_whose_last_look_was_its_best_says_that_it_was_still_rising(why: str, best: int, rising: bool) -> None:
    looks = [Look(stage="train", epoch=epoch, seconds=1) for epoch in (8, 9)]
    training = TrainingSummary(epochs=9, best_epoch=best, stopped_because=why, seconds=2, curve=looks)
    table = overall([make_record(title="Alpha", training=training)], papers())
    assert {row["still_rising"] for row in rows(table, title="Alpha")} == {rising}
    assert ("still rising" in FORMATS["md"](table)) == rising


def test_synthetic_data_say_so_and_bring_their_oracle() -> None:
    table = golden_table()
    assert "SYNTHETIC" in table.blocks[-1].title
    assert {row["synthetic"] for row in rows(table, dataset="made-up")} == {True}
    assert rows(table, model="oracle", metric="H@10")[0]["ours_mean"] == 90


def test_records_of_an_older_protocol_are_left_out() -> None:
    with pytest.raises(BenchError, match="no finished run to make this table of"):
        overall([make_record(protocols={"filtered": 0, "released": 1})], papers())


@given(st.floats(0, 100), st.floats(0, 100), st.floats(0, 50), st.floats(0, 50) | st.none())
def test_the_verdict_is_the_rule(ours: float, printed: float, sampling: float, deviation: float | None) -> None:
    value = Value(ours, 3 if deviation is not None else 1, deviation, sampling)
    found = Comparison(Printed(printed, ""), False, value, run=True, truncated=False).verdict
    spread = (sampling**2 + (deviation or 0) ** 2) ** 0.5
    if abs(ours - printed) <= 1.96 * spread:
        assert found == "reproduced"
    elif abs(ours - printed) > 1.96 * spread + 1e-4:
        assert found == ("higher" if ours > printed else "lower")


def test_best_and_second_are_told_at_the_precision_that_is_shown() -> None:
    assert marks([1.001, 1.004, 0.5, 0.2, None]) == ["best", "best", "second", "", ""]
    assert marks([1.0, 1.0]) == ["best", "best"]
    assert marks([1.0, None]) == ["", ""]


def test_markdown_rows_all_have_the_same_cells() -> None:
    lines = FORMATS["md"](golden_table()).splitlines()
    grids = [line.replace(r"\|", "").count("|") for line in lines if line.startswith("|")]
    assert set(grids) == {19}


def test_latex_escapes_names_and_rows_all_have_the_same_cells() -> None:
    text = FORMATS["tex"](golden_table())
    assert r"A\_b \& \textless{}Co\textgreater{} \textbar{} 100\%" in text
    grid = [line.replace(r"\&", "") for line in text.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
    assert {line.count("&") for line in grid} == {17}
    assert text.isascii()
    assert all(text.count(rf"\begin{{{e}}}") == text.count(rf"\end{{{e}}}") == 2 for e in ("table*", "tabular"))


class Grid(HTMLParser):
    """Counts cells by row, and refuses tags that do not close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells: list[int] = []
        self.text = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.cells.append(0)
        if tag in ("td", "th"):
            self.cells[-1] += int(dict(attributes).get("colspan") or 1)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_html_is_well_formed_and_escapes_names() -> None:
    page, grid = FORMATS["html"](golden_table()), Grid()
    grid.feed(page)
    assert grid.open == [] and set(grid.cells) == {18}
    assert AWKWARD in grid.text and "<Co>" not in page
    assert "http" not in page and "<script" not in page


def test_csv_and_json_hold_the_same_facts_and_json_holds_numbers() -> None:
    table = golden_table()
    content = json.loads(FORMATS["json"](table))
    lines = list(csv.DictReader(io.StringIO(FORMATS["csv"](table))))
    assert content["columns"] == list(lines[0]) == list(content["rows"][0])
    assert len(lines) == len(content["rows"])
    for line, row in zip(lines, content["rows"], strict=True):
        assert line == {
            k: "" if v is None else str(v).lower() if isinstance(v, bool) else str(v) for k, v in row.items()
        }
        assert all(
            isinstance(row[k], int | float | None) for k in ("ours_mean", "paper_value", "seeds", "best_epoch_min")
        )


def test_the_printed_numbers_are_the_papers() -> None:
    read = read_overall()
    assert len(read.models) == 10 and read.models[-1] == "FAVE"
    assert read.datasets == ("ml-100k", "beauty", "steam")
    assert read.get("FAVE", "ml-100k", "H@20") == Printed(26.134, "FAVE, Table 1")
    assert read.get("FMRec", "beauty", "H@5") == Printed(5.8373, "FMRec, Table 2")
    assert read.get("FAVE", "beauty", "H@5") is None
    assert read.get("AutoSeqRec", "yelp", "H@5") is None  # printed as OOM


def test_impossible_rows_are_those_of_the_forensics() -> None:
    read = read_overall()
    assert all(read.impossible(model, dataset) for model, dataset in [
        ("SASRec", "beauty"), ("AutoSeqRec", "beauty"), ("DreamRec", "beauty"),
        ("DreamRec", "ml-100k"), ("DreamRec", "steam"), ("STOSA", "ml-100k"),
    ])  # fmt: skip
    own = ("FAVE", "FMRec", "DiffuRec")
    assert not any(read.impossible(model, dataset) for model in own for dataset in read.datasets)


def test_missing_printed_numbers_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="printed numbers cannot be read"):
        read_overall(tmp_path)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    add_run(Store(tmp_path / "results"), dataset="ml-100k", model="fave", title="FAVE")
    return tmp_path / "results"


def test_the_verb_writes_every_format_and_then_finds_them_current(results: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "tables"
    asked = ["--name", "overall", "--results", str(results), "--out", str(out)]
    assert main(asked) == 0
    assert sorted(path.name for path in out.iterdir()) == sorted(f"overall.{ending}" for ending in FORMATS)
    assert capsys.readouterr().out == (out / "overall.md").read_text()
    assert main([*asked, "--check"]) == 0
    (out / "overall.csv").write_text("edited")
    with pytest.raises(BenchError, match=r"not what the records give: .*overall\.csv;"):
        main([*asked, "--check"])


@pytest.mark.parametrize("ending", FORMATS)
def test_a_format_goes_to_stdout_and_nowhere_else(results: Path, tmp_path: Path, capsys: Any, ending: str) -> None:
    assert main(["--results", str(results), "--out", str(tmp_path / "none"), "--format", ending]) == 0
    assert "FAVE" in capsys.readouterr().out
    assert not (tmp_path / "none").exists()


def test_json_is_a_format_too(results: Path, capsys: Any) -> None:
    main(["--results", str(results), "--json", "--protocol", "filtered"])
    content = json.loads(capsys.readouterr().out)
    assert {row["protocol"] for row in content["rows"]} == {"filtered"}


def test_a_dataset_nobody_ran_can_be_shown_beside_one_that_was(results: Path, capsys: Any) -> None:
    main(["--results", str(results), "--format", "md", "--datasets", "ml-100k", "steam"])
    assert "## steam · protocol released" in capsys.readouterr().out


def test_nothing_to_show_is_one_sentence(results: Path, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"no finished run to make this table of"):
        main(["--results", str(tmp_path / "empty")])
    with pytest.raises(BenchError, match=r"no finished run of beauty to make"):
        main(["--results", str(results), "--datasets", "beauty"])
    with pytest.raises(UsageError, match=r"did you mean 'beauty'"):
        main(["--results", str(results), "--datasets", "beuaty"])
    with pytest.raises(UsageError, match=r"unknown table 'overal'; did you mean 'overall'"):
        main(["--results", str(results), "--name", "overal"])


def test_rendering_starts_without_torch() -> None:
    asked = "import sys, fave_bench.table; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], cwd=Path(__file__).parents[1]).returncode == 0


def test_what_made_training_faster_at_a_price_is_told_with_the_device() -> None:
    config = {"model": {}, "training": {"precision": "bf16", "look_steps": 1}}
    (half,), (plain,) = (summarise([make_record(**kind)]) for kind in ({"config": config}, {}))
    assert half.device == f"{plain.device}, bf16, looks in 1 step"


def test_a_sum_in_another_order_renders_to_the_same_bytes() -> None:
    assert [str(tidy(value)) for value in (-1e-15, 1e-15, 0.1 + 0.2)] == ["0.0", "0.0", "0.3"]


def labels(*kinds: dict[str, Any]) -> list[str]:
    """What tells rows of one name apart, where each is trained in one of these ways."""
    records = [
        make_record(
            config={"model": {}, "training": training},
            stopped_because="budget" if "time_budget" in training else "converged",
        )
        for training in kinds
    ]
    (board,) = boards(records, [], papers())
    found = {str(line.summary.first.config["training"]): line.label for line in board.lines if line.summary}
    return [found[str(training)] for training in kinds]


def test_rows_of_one_name_are_told_apart_by_how_they_were_trained() -> None:
    kinds: list[dict[str, Any]] = [
        {},
        {"time_budget": 60.0},
        {"precision": "bf16"},
        {"look_steps": 2},
        {"batch_size": 1},
        {"batch_size": 2, "time_budget": 60.0},
        {"time_budget": 30.0},
    ]
    found = labels(*kinds)
    assert found[2:4] == ["bf16", "looks in 2 steps"] and found[6] == "at most 30 s"
    assert all(label.startswith("at most 60 s, ") for label in (found[1], found[5]))  # two alike: a key behind
    assert len(set(found)) == len(kinds) and all(len(label) == 6 for label in (found[0], found[4]))


def test_what_rows_of_one_name_share_is_not_said() -> None:
    alike = {"precision": "bf16", "look_steps": 1}
    found = labels({"time_budget": 60.0} | alike, {"time_budget": 30.0} | alike)
    assert found == ["at most 60 s", "at most 30 s"]


def test_rows_that_were_limited_stand_by_their_passes() -> None:
    records = [
        make_record(
            config={"model": {}, "training": {"epochs": passes}},
            training=TrainingSummary(epochs=passes, best_epoch=1, stopped_because="limit", seconds=1),
        )
        for passes in (100, 40, 5, 80)
    ]
    (board,) = boards(records, [], papers())
    assert [line.label for line in board.lines if line.summary] == [
        f"at most {passes} epochs" for passes in (5, 40, 80, 100)
    ]


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for ending, render in FORMATS.items():
        (GOLDEN / f"overall.{ending}").write_text(render(golden_table()), encoding="utf-8")
