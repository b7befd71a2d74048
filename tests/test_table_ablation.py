"""Table 2 says what the records say: who is a variant of whom, by how much they differ, and beside which print."""

from typing import Any

import pytest
from helpers import add_run, make_run

from fave_bench.errors import BenchError, UsageError
from fave_bench.records import Record, Store
from fave_bench.rendering.ablation import ablation
from fave_bench.rendering.formats import FORMATS
from fave_bench.rendering.overall import overall
from fave_bench.rendering.printed import read_overall
from fave_bench.rendering.printed_ablation import read_ablation
from fave_bench.rendering.table_model import Scalar, Table
from fave_bench.studies.catalogue import Family, families
from fave_bench.table import main
from fave_bench.trees import laid_over

FAVE: dict[str, Any] = {"model": "fave", "title": "FAVE", "dataset": "ml-100k"}
CONFIG = {
    "model": {"gamma": 0.1, "match": "on", "prior": "anchor"},
    "training": {"time_budget": None, "stages": {"pretrain": {"epochs": 9}, "finetune": {"epochs": 9}}},
}
USUAL = (0, 3, 7, 12, 40, 18)


def run(changes: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    """The options of a run of FAVE with `changes` laid over its configuration."""
    config = laid_over(options.pop("config", CONFIG), changes or {})
    variant = ",".join(f"{key}={value}" for key, value in (changes or {}).items())
    return FAVE | {"config": config, "changes": changes or {}, "variant": variant, "higher": USUAL} | options


FULL, WITHOUT = run(), run({"model.gamma": 0.0}, higher=(0, 3, 25, 12, 40, 18))


def table(*runs: dict[str, Any], family: dict[str, Family] | None = None, **options: Any) -> Table:
    made = [make_run(**one) for one in runs]
    ranks = {record.key: found["test"] for record, found in made}
    records = [record for record, _ in made]
    return ablation(records, lambda record: ranks[record.key], family or families(), read_ablation, **options)


def rows(found: Table, **wanted: Scalar) -> list[dict[str, Scalar]]:
    return [row for row in found.rows if all(row[column] == value for column, value in wanted.items())]


def test_a_variant_stands_beside_its_full_model_and_the_print() -> None:
    found = rows(table(FULL, WITHOUT), family="paper", protocol="filtered", metric="H@20")
    assert [row["variant"] for row in found] == ["FAVE", "w/o stage", "w/o cons", "w/o match", "w/o prior"]
    full, *_ = found
    (cons,) = (row for row in found if row["variant"] == "w/o cons")
    assert (full["full"], full["paper_value"], full["change_from_full"]) == (True, 26.134, None)
    assert (cons["paper_value"], cons["paper_source"], cons["change"]) == (24.8579, "FAVE, Table 2", "gamma = 0.0")
    assert cons["paper_change"] == pytest.approx(24.8579 - 26.134)
    assert cons["change_from_full"] == pytest.approx(-100 / 6, abs=1e-6)
    half = 1.96 * 100 * (1 / 6 * 5 / 6 / 6) ** 0.5
    assert (cons["change_low"], cons["change_high"]) == pytest.approx((-100 / 6 - half, -100 / 6 + half), abs=1e-5)
    assert {row["seeds"] for row in found if row["variant"] in ("w/o stage", "w/o match", "w/o prior")} == {0}


def test_what_nobody_ran_is_said_so_with_its_print() -> None:
    text = FORMATS["md"](table(FULL, WITHOUT, protocols=["released"]))
    (line,) = (line for line in text.splitlines() if line.startswith("| w/o stage"))
    assert "25.26" in line and "not run" in line and "−0.87" in line


def test_only_what_differs_in_nothing_else_is_a_variant() -> None:
    budget = laid_over(CONFIG, {"training.time_budget": 60.0})
    for other in (
        run({"model.gamma": 0.0}, config=budget, stopped_because="budget"),
        run({"model.gamma": 0.0}, setting="paper"),
        run({"model.gamma": 0.0}, dataset="beauty"), run({"model.gamma": 0.0}, model_version=2),
        run({"model.gamma": 0.05}),
    ):  # fmt: skip
        with pytest.raises(BenchError, match=r"no ablation is recorded.*fave_bench\.ablate"):
            table(FULL, other)


def test_what_a_family_s_runs_have_in_common_is_no_variant_s_and_is_said_once() -> None:
    common: dict[str, float | int | str | bool] = {"training.stages.pretrain.epochs": 4}
    early = {"early": families()["paper"].model_copy(update={"common": common})}
    found = table(
        FULL, WITHOUT, run(common), run(common | {"model.match": "off"}), family=early, protocols=["released"]
    )
    (block,) = found.blocks  # and none of the full model, whose preset has other passes
    assert "setting released · pretrain.epochs = 4 ·" in block.title
    assert {row["variant"]: row["change"] for row in rows(found, metric="H@20") if row["seeds"]} == {
        "FAVE": "", "w/o match": "match = off",
    }  # fmt: skip


def test_where_the_preset_agrees_with_what_runs_have_in_common_the_full_model_changes_less() -> None:
    early = families()["paper"].model_copy(
        update={"common": {"model.match": "on", "training.stages.pretrain.epochs": 4}}
    )
    config = laid_over(CONFIG, {"training.stages.pretrain.epochs": 4})
    fewer = {"training.stages.pretrain.epochs": 4}
    full, without = run(fewer, config=config), run(fewer | {"model.match": "off"}, config=config)
    found = rows(table(full, without, family={"early": early}), metric="H@20", protocol="released")
    assert [row["variant"] for row in found if row["seeds"]] == ["FAVE", "w/o match"]


def test_each_full_model_has_a_block_of_its_own_variants() -> None:
    budget = laid_over(CONFIG, {"training.time_budget": 60.0})
    cut: dict[str, Any] = {"config": budget, "stopped_because": "budget"}
    found = table(FULL, WITHOUT, run(**cut), run({"model.gamma": 0.0}, **cut), protocols=["released"])
    assert len(found.blocks) == 2
    short, full = sorted(found.blocks, key=lambda block: "60 s" not in block.title)
    assert "at most 60 s of training a run" in short.title and "s of training" not in full.title
    assert "†" in str(short.rows) and "†" not in str(full.rows)
    assert any(sentence.startswith("†") for sentence in found.legend)


def test_a_budget_that_was_not_used_up_makes_no_difference() -> None:
    """With it and without, the full model is one run; a variant with it is a variant all the same."""
    unused: dict[str, Any] = {"config": laid_over(CONFIG, {"training.time_budget": 9e9})}
    variant = run({"model.gamma": 0.0}, higher=WITHOUT["higher"], **unused)
    (row,) = rows(table(FULL, run(**unused), variant), variant="w/o cons", protocol="filtered", metric="H@20")
    assert row["change_from_full"] == pytest.approx(-100 / 6, abs=1e-6)


@pytest.mark.parametrize("others", [{"split": "temporal"}, {"other_data": True}])
def test_nothing_printed_stands_beside_data_that_are_not_the_papers_(others: dict[str, Any]) -> None:
    found = rows(table(FULL | others, WITHOUT | others), variant="w/o cons", metric="H@20")
    assert found and {row["paper_value"] for row in found} == {None}


def test_seeds_are_paired_with_their_own_and_a_lone_one_is_left_out() -> None:
    seeds = [run(seed=seed) for seed in (0, 1)]
    variants = [run({"model.gamma": 0.0}, seed=0, higher=(25, 3, 7, 12, 40, 18)), run({"model.gamma": 0.0}, seed=7)]
    (row,) = rows(table(*seeds, *variants), variant="w/o cons", protocol="filtered", metric="H@20")
    assert row["change_from_full"] == pytest.approx(-100 / 6, abs=1e-6)  # of seed 0 alone
    assert row["seeds"] == 2


def test_seeds_without_a_common_one_have_no_difference() -> None:
    (row,) = rows(table(run(seed=0), run({"model.gamma": 0.0}, seed=1)), variant="w/o cons", protocol="filtered",
                  metric="H@20")  # fmt: skip
    assert row["change_from_full"] is None and row["ours_mean"] is not None


def test_a_full_run_stands_in_for_one_cut_short() -> None:
    cut = run({"model.gamma": 0.0}, seed=1, stopped_because="budget")
    (row,) = rows(table(FULL, cut, WITHOUT), variant="w/o cons", protocol="filtered", metric="H@20")
    assert (row["truncated"], row["seeds"]) == (False, 1)


def test_a_clear_difference_is_bold() -> None:
    many = {"higher": [0] * 200}, {"higher": [0] * 150 + [50] * 50}
    text = FORMATS["md"](table(run(**many[0]), run({"model.gamma": 0.0}, **many[1]), protocols=["filtered"]))
    assert r"**−25.00** \[−31.00, −19.00\]" in text


def test_every_format_renders_and_the_order_of_records_does_not_matter() -> None:
    for render in FORMATS.values():
        assert render(table(FULL, WITHOUT)) == render(table(WITHOUT, FULL)) != ""


def test_latex_is_given_no_letter_that_its_fonts_lack() -> None:
    other = {"model": {"alpha": 0.2, "beta": 0.4, "delta": 1e-3}, "training": {"time_budget": None}}
    flow = {"model": "fmrec", "title": "FMRec", "config": other, "changes": {}, "variant": ""}
    changed = laid_over(other, {"model.delta": 0.0})
    records = (run(**flow), run(**flow | {"config": changed, "changes": {"model.delta": 0.0}}))
    text = FORMATS["tex"](table(FULL, WITHOUT, *records))
    assert r"$\delta$ = 0" in text
    assert text.replace("×", "").isascii()


def test_blocks_of_a_dataset_no_paper_reports_have_no_column_for_it() -> None:
    (block, _) = table(FULL | {"dataset": "toy"}, WITHOUT | {"dataset": "toy"}).blocks
    assert not [column for column in block.columns if "paper" in column.name]


def test_the_main_table_keeps_the_full_model_and_leaves_its_variants_to_this_one() -> None:
    records = [make_run(**one)[0] for one in (FULL, WITHOUT, run({"training.batch_size": 7}))]
    found = overall(records, read_overall())
    assert {row["variant"] for row in found.rows if row["title"] == "FAVE"} == {"", "training.batch_size=7"}
    assert sum("ablation" in sentence for sentence in found.legend) == 1
    assert not any("ablation" in sentence for sentence in overall(records[:1], read_overall()).legend)
    with pytest.raises(BenchError, match="no finished run"):
        overall(records[1:2], read_overall())


def test_a_misspelt_dataset_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="did you mean 'ml-100k'"):
        table(FULL, WITHOUT, datasets=["ml-100"])


def test_the_verb_reads_ranks_and_checks_what_it_wrote(tmp_path, capsys) -> None:
    store = Store(tmp_path / "results")
    where = ["--name", "ablation", "--results", str(store.root), "--out", str(tmp_path)]
    with pytest.raises(BenchError, match="no ablation is recorded"):
        main(where)
    made: list[Record] = [add_run(store, **one) for one in (FULL, WITHOUT)]
    assert main(where) == 0 and main([*where, "--check"]) == 0
    assert made[1].changes == {"model.gamma": 0.0}
    assert "w/o cons" in capsys.readouterr().out
