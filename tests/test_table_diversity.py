"""Table 4 says what records and paper say. `python tests/test_table_diversity.py` rewrites the golden files."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from helpers import add_run, make_record

from fave_bench.errors import BenchError, UsageError
from fave_bench.records import Record, Store
from fave_bench.records.schema import Diversity
from fave_bench.rendering.diversity import diversity
from fave_bench.rendering.formats import FORMATS
from fave_bench.rendering.printed import Overall, Printed, read_overall
from fave_bench.rendering.printed_diversity import DATASET, PrintedDiversity, read_diversity
from fave_bench.rendering.table_model import Scalar, Table
from fave_bench.table import main

GOLDEN = Path(__file__).parent / "golden"
AWKWARD = "A_b & <Co> | 100%"
MODELS = Overall(
    {(m, DATASET, "N@20"): Printed(45.0, "Paper, Table 1") for m in ("Alpha", "Beta", "Gamma")}, "Paper, Table 1"
)
PAPERS: PrintedDiversity = {
    (model, DATASET, metric): value
    for model, values in {"Alpha": (0.4348, 45.0), "Beta": (0.8866, 8.634)}.items()
    for metric, value in zip(("ILD@20", "N@20"), values, strict=True)
}  # fmt: skip


def spread(own: float | None, *, genres: bool = True, coverage: float = 0.25) -> Diversity:
    """Made-up numbers; the distances are `own` and fixed parts of it."""

    def distance(value: float) -> dict[str, float]:
        return {"at_10": value / 2, "at_20": value, "standard_error": value / 100}

    return Diversity.model_validate(
        {
            "lists": 5,
            "ild_own": None if own is None else distance(own),
            "ild_genres": distance(0.75) if genres else None,
            "ild_co_occurrence": distance(0.5),
            "coverage": coverage,
            "gini": 0.9125,
            "popularity": 1234.5,
            "overlap": 0.125,
        }
    )


def a_bit_of_everything() -> list[Record]:
    alpha: dict[str, Any] = {"model": "alpha", "title": "Alpha", "dataset": DATASET}
    return [
        *(make_record(**alpha, seed=seed, diversity=spread(0.4 + seed / 10)) for seed in range(3)),
        make_record(**alpha, setting="paper"),
        make_record(model="odd", title=AWKWARD, dataset=DATASET, stopped_because="closed-form", diversity=spread(None)),
        make_record(**alpha | {"dataset": "made-up"}, synthetic=True, diversity=spread(0.1, genres=False)),
        make_record(model="beta", title="Beta", dataset="mine", stopped_because="budget", diversity=spread(0.2)),
        make_record(**alpha | {"dataset": "old"}),
    ]


def golden_table() -> Table:
    return diversity(a_bit_of_everything(), MODELS, PAPERS)


def rows(table: Table, **wanted: Scalar) -> list[dict[str, Scalar]]:
    return [row for row in table.rows if all(row[column] == value for column, value in wanted.items())]


@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_is_as_it_was(ending: str) -> None:
    assert FORMATS[ending](golden_table()) == (GOLDEN / f"diversity.{ending}").read_text(encoding="utf-8")


def test_rendering_does_not_depend_on_the_order_of_records() -> None:
    shuffled = a_bit_of_everything()
    random.Random(1).shuffle(shuffled)
    assert diversity(shuffled, MODELS, PAPERS) == golden_table()


def test_blocks_are_the_datasets_with_something_to_show() -> None:
    titles = [block.title.split(" · ")[0] for block in golden_table().blocks]
    assert titles == [DATASET, "mine", "made-up"]
    assert "SYNTHETIC" in golden_table().blocks[-1].title


def test_a_line_is_a_row_or_a_model_of_the_papers_table() -> None:
    block = golden_table().blocks[0]
    assert [row[0].text for row in block.rows] == ["Alpha", "Alpha", "Beta", AWKWARD]  # type: ignore[union-attr]
    assert all(len(row) == len(block.columns) for row in block.rows)


def test_seeds_are_averaged_and_the_spread_is_theirs() -> None:
    (row,) = rows(golden_table(), dataset=DATASET, title="Alpha", setting="released", metric="ILD@20", space="own")
    assert (row["ours_mean"], row["ours_sd"], row["seeds"]) == (pytest.approx(0.5), pytest.approx(0.1), 3)
    assert row["sampling_error"] == pytest.approx(0.005)
    assert row["paper_value"] == 0.4348 and row["higher_is_better"] is True
    assert "0.5000 ± 0.1000" in FORMATS["md"](golden_table())


def test_one_seed_without_the_measures_leaves_the_row_without_them() -> None:
    records = [make_record(seed=0, diversity=spread(0.5)), make_record(seed=1)]
    found = rows(diversity(records, MODELS, PAPERS), model="sasrec", metric="coverage@20")
    assert [row["ours_mean"] for row in found] == [None]


def test_the_papers_distance_stands_beside_the_models_own_space_alone() -> None:
    found = rows(golden_table(), dataset=DATASET, title="Beta")
    printed = {
        (row["metric"], row["space"], row["protocol"]): row["paper_value"] for row in found if row["paper_value"]
    }
    assert printed == {
        ("ILD@20", "own", "filtered"): 0.8866,
        ("N@20", None, "released"): 8.634,
        ("N@20", None, "filtered"): 8.634,
    }


def test_another_split_is_nothing_the_paper_printed() -> None:
    plain = make_record(title="Alpha", dataset=DATASET, diversity=spread(0.5))
    moved = plain.model_copy(update={"dataset": plain.dataset.model_copy(update={"split": "temporal"})})
    assert {row["paper_value"] for row in diversity([moved], MODELS, PAPERS).rows} == {None}


@pytest.mark.parametrize(
    ("genres", "spaces", "shown"),
    [(True, ["genres", "co-occurrence"], "0.7500 (± 0.0075) | 0.5000"), (False, ["co-occurrence"], "0.5000")],
)
def test_all_lines_of_a_block_share_their_spaces(genres: bool, spaces: list[str], shown: str) -> None:
    records = [
        make_record(title="Alpha", diversity=spread(0.3)),
        make_record(title="Beta", model="beta", diversity=spread(0.3, genres=genres)),
    ]
    (block,) = diversity(records, MODELS, PAPERS).blocks
    assert [column.name for column in block.columns if column.group.startswith("ILD")] == ["paper", "own", *spaces]
    text = FORMATS["md"](diversity(records, MODELS, PAPERS))
    assert text.count(f"| {shown} ") == 2


def test_percent_are_percent_and_everything_has_unit_and_direction() -> None:
    found = rows(golden_table(), dataset="made-up", title="Alpha")
    assert {row["metric"]: row["ours_mean"] for row in found if row["unit"] == "percent"} == {
        "N@20": rows(golden_table(), dataset="made-up", metric="N@20", protocol="filtered")[0]["ours_mean"],
        "coverage@20": 25,
        "overlap@20": 12.5,
    }
    assert all(isinstance(row["unit"], str) and isinstance(row["higher_is_better"], bool) for row in found)
    down = {row["metric"] for row in found if not row["higher_is_better"]}
    assert down == {"Gini@20", "popularity@20", "overlap@20"}


def test_the_printed_table_repeats_table_1_of_the_dataset_it_is_taken_for() -> None:
    read, overall = read_diversity(), read_overall()
    assert len(read) == 12 and read["FAVE", DATASET, "ILD@20"] == 0.4348
    for (model, dataset, metric), value in read.items():
        if metric == "N@20":
            number = overall.get(model, dataset, metric)
            assert number is not None and number.percent == value


@pytest.fixture
def results(tmp_path: Path) -> Path:
    store = Store(tmp_path / "results")
    add_run(store, dataset=DATASET, model="fave", title="FAVE", diversity=spread(0.5))
    add_run(store, dataset="beauty", model="fave", title="FAVE")
    return store.root


def test_the_verb_writes_every_format_and_then_finds_them_current(results: Path, tmp_path: Path, capsys: Any) -> None:
    asked = ["--name", "diversity", "--results", str(results), "--out", str(tmp_path / "tables")]
    assert main(asked) == 0
    assert "FAVE" in capsys.readouterr().out
    assert main([*asked, "--check"]) == 0
    main([*asked, "--json"])
    content = json.loads(capsys.readouterr().out)
    assert {row["metric"] for row in content["rows"]} >= {"ILD@20", "ILD@10", "coverage@20", "Gini@20"}


def test_nothing_to_show_is_one_sentence(results: Path) -> None:
    asked = ["--name", "diversity", "--results", str(results)]
    with pytest.raises(BenchError, match=r"no run of beauty has recorded its diversity; .*another --results folder"):
        main([*asked, "--datasets", "beauty"])
    with pytest.raises(BenchError, match=r"no finished run of steam"):
        main([*asked, "--datasets", "steam"])
    with pytest.raises(UsageError, match=r"did you mean 'beauty'"):
        main([*asked, "--datasets", "beuaty"])
    with pytest.raises(UsageError, match=r"--protocol: "):
        main([*asked, "--protocol", "filtered"])


if __name__ == "__main__":
    for ending, render in FORMATS.items():
        (GOLDEN / f"diversity.{ending}").write_text(render(golden_table()), encoding="utf-8")
