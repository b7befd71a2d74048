"""Table 3 says what measurements and papers say. `python tests/test_table_efficiency.py` rewrites the golden files."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from measured_helpers import flops, keep, latency, measurement

from fave_bench.errors import BenchError, UsageError
from fave_bench.records.measurements import FlopsRow, LatencyRow, Measurement
from fave_bench.rendering.efficiency import efficiency
from fave_bench.rendering.formats import FORMATS
from fave_bench.rendering.newest import newest_flops, newest_latency
from fave_bench.rendering.printed_efficiency import FLOPS, LATENCY, TEST_SET, Efficiency, read_efficiency
from fave_bench.rendering.table_model import Scalar, Table, significant
from fave_bench.table import main

GOLDEN = Path(__file__).parent / "golden"
NUMBERS = {"Slow": (1.26, 100.0, 2.5), "Middle": (1.32, 50.0, 2.0), "Fast": (0.04, 4.0, 0.1)}
AWKWARD = "A_b & <Co> | 100%"


def papers() -> Efficiency:
    """Three models on two datasets; nobody measures anything on the second."""
    values = {
        (model, dataset, metric): value
        for model, numbers in NUMBERS.items()
        for dataset in ("toy", "far")
        for metric, value in zip((FLOPS, LATENCY, TEST_SET), numbers, strict=True)
    }
    return Efficiency(values, models=tuple(NUMBERS), datasets=("toy", "far"))


def a_bit_of_everything() -> list[Measurement]:
    slow = [latency("slow", 60 / n, execution=e, steps=s) for n, e in ((1, "eager"), (2, "optimised")) for s in (30, 2)]
    return [
        measurement(
            flops("slow", 30, 1.3),
            flops("slow", 1, 0.0441),
            flops("fast", 1, 0.0442),
            flops("fast", 1, 0.0443, setting="paper"),
            flops("odd", None, 0.00012, title=AWKWARD, variant="a|b"),
        ),
        measurement(
            *slow,
            latency("slow", 2.0, steps=1),
            latency("fast", 1.5, steps=1),
            latency("fast", 20, 512, steps=1, test_seconds=0.25),
            latency("fast", 6.0, steps=1, execution="eager", setting="paper"),
            latency("odd", 0.5, title=AWKWARD, variant="a|b"),
            hour=1,
        ),
        measurement(latency("fast", 0.125, steps=1), hour=1, device="other device", threads=1),
        measurement(flops("fast", 1, 0.07, dataset="steam-shaped"), flops("fast", 1, dataset="mine"), hour=2),
    ]


def table(measurements: Sequence[Measurement], datasets: Sequence[str] = ()) -> Table:
    return efficiency(newest_flops(measurements), newest_latency(measurements), papers(), datasets=datasets)


def rows(found: Table, **wanted: Scalar) -> list[dict[str, Scalar]]:
    return [row for row in found.rows if all(row[column] == value for column, value in wanted.items())]


@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_is_as_it_was(ending: str) -> None:
    golden = (GOLDEN / f"efficiency.{ending}").read_text(encoding="utf-8")
    assert FORMATS[ending](table(a_bit_of_everything())) == golden


def test_each_dataset_has_its_cost_and_one_block_of_speed_per_device() -> None:
    titles = [block.title for block in table(a_bit_of_everything()).blocks]
    assert titles == [
        "toy · cost of scoring one user · 50 items",
        "toy · speed · other device · 1 thread",
        "toy · speed · test device · 2 threads",
        "far · cost of scoring one user · not counted here",
        "far · speed · not timed here",
        "mine · cost of scoring one user · 50 items",
        "steam-shaped · SYNTHETIC data · cost of scoring one user · 50 items",
    ]


def test_the_papers_models_come_first_and_every_one_of_them_has_a_line() -> None:
    found = table(a_bit_of_everything())
    assert [row["title"] for row in rows(found, part="cost", dataset="toy")] == [
        "Slow", "Slow", "Middle", "Fast", "Fast", AWKWARD,
    ]  # fmt: skip
    (middle,) = rows(found, part="cost", dataset="toy", title="Middle")
    assert (middle["paper_flops_g"], middle["paper_gmacs"], middle["model"]) == (1.32, None, None)


def test_printed_numbers_stand_beside_the_models_own_steps_only() -> None:
    found = table(a_bit_of_everything())
    cost = {row["steps"]: row["paper_flops_g"] for row in rows(found, part="cost", dataset="toy", title="Slow")}
    assert cost == {30: 1.26, 1: None}
    speed = rows(found, part="speed", dataset="toy", title="Slow", device="test device", execution="optimised")
    assert [(row["steps"], row["own_steps"], row["paper_latency_ms"]) for row in speed] == [
        (30, True, 100.0), (1, False, None),
    ]  # two steps are the figure's matter  # fmt: skip


def test_only_the_newest_row_of_a_kind_on_a_device_counts() -> None:
    old, new = latency("fast", 9.0, steps=1), latency("fast", 3.0, steps=1)
    taken = [measurement(old), measurement(new, hour=1, torch="9.9"), measurement(old, hour=2, device="other")]
    found = rows(table(taken), part="speed", title="Fast", dataset="toy")
    assert [(row["device"], row["p50_ms"]) for row in found] == [("other", 9.0), ("test device", 3.0)]
    counted = [measurement(flops("fast", 1, 0.5)), measurement(flops("fast", 1, 0.25), hour=1)]
    assert rows(table(counted), part="cost", title="Fast", dataset="toy")[0]["paper_gmacs"] == 0.25


def test_own_steps_are_those_that_the_row_says_and_without_a_word_the_largest() -> None:
    for own, expected in ((True, 1), (None, 8)):
        said = {1: own, 8: None if own is None else not own}
        timed = [measurement(latency("fast", 1.0 + n, steps=n, own_steps=said[n]), hour=n) for n in (1, 8)]
        found = rows(table(timed), part="speed", title="Fast", dataset="toy")
        assert {row["steps"] for row in found if row["own_steps"]} == {expected}


def test_speedups_are_within_one_execution_and_device_at_the_other_models_own_steps() -> None:
    found = table(a_bit_of_everything())
    fast = {row["execution"]: row for row in rows(found, title="Fast", device="test device", part="speed")}
    assert fast["optimised"]["speedup_over_slow"] == 20.0  # 30 ms in 30 steps over 1.5 ms, not 2 ms in one step
    assert fast["eager"]["speedup_over_slow"] == 10.0
    assert fast["optimised"]["speedup_over_middle"] is None
    assert (fast["optimised"]["paper_speedup_over_slow"], fast["optimised"]["paper_speedup_over_middle"]) == (25, 12.5)
    (elsewhere,) = rows(found, title="Fast", device="other device", part="speed")
    assert elsewhere["speedup_over_slow"] is None


@given(st.floats(0.01, 1e4), st.floats(0.01, 1e4))
def test_two_models_speedups_over_each_other_are_inverse(a: float, b: float) -> None:
    found = table([measurement(latency("slow", a), latency("middle", b))])
    slow, middle = rows(found, dataset="toy", part="speed")[:2]
    there, back = slow["speedup_over_middle"], middle["speedup_over_slow"]
    assert isinstance(there, float) and isinstance(back, float)
    assert there * back == pytest.approx(1, rel=1e-4)
    assert slow["speedup_over_slow"] == middle["speedup_over_middle"] == 1


def test_what_was_not_measured_is_a_dash_and_null() -> None:
    found = table([measurement(latency("fast", 20, 512, steps=1))])
    (row,) = rows(found, title="Fast", part="speed", dataset="toy")
    assert (row["p50_ms"], row["test_seconds"], row["batch_p50_ms"]) == (None, None, 20.0)
    line = next(line for line in FORMATS["md"](found).splitlines() if line.startswith("| Fast | released"))
    assert line == "| Fast | released | – | optimised | 1 | 4.00 | – | – | – | 25.0 | – | 12.5 | – | 20.0 | 0.10 | – |"


def test_a_stand_in_is_marked_and_compared_with_what_it_stands_for() -> None:
    counted = [flops("fave", 1, 0.07, title="FAVE", dataset="steam-shaped")]
    found = efficiency(counted, {}, read_efficiency(), datasets=["steam"])
    assert found.blocks[0].title.startswith("steam-shaped · SYNTHETIC data beside the paper's steam · cost")
    (row,) = rows(found, part="cost", title="FAVE")
    assert (row["synthetic"], row["printed_for"], row["paper_flops_g"]) == (True, "steam", 0.07)
    assert {row["dataset"] for row in found.rows} == {"steam-shaped"}  # the paper's numbers are there already


def test_other_data_under_a_printed_name_stand_beside_nothing_printed() -> None:
    own = {"dataset": "ml-100k", "other_data": True}
    found = table([measurement(flops("fave", 1, **own)), measurement(latency("fave", 2.0, steps=1, **own))])
    about = rows(found, dataset="ml-100k")
    assert about and {row["printed_for"] for row in about} == {None}


def test_a_dataset_that_was_only_printed_shows_the_papers_numbers() -> None:
    found = table(a_bit_of_everything(), ["far"])
    assert [block.title.split(" · ")[0] for block in found.blocks] == ["far", "far"]
    assert [row["paper_test_seconds"] for row in rows(found, part="speed")] == [2.5, 2.0, 0.1]
    assert "as fast as Slow" in FORMATS["md"](found)


@given(st.floats(1e-6, 1e6))
def test_a_quantity_keeps_three_digits(value: float) -> None:
    shown = significant(value)
    assert "e" not in shown
    assert float(shown.replace(",", "")) == pytest.approx(value, rel=5.001e-3)
    assert len(shown.replace(",", "").replace(".", "").lstrip("0")) >= 3


def test_quantities_look_like_this() -> None:
    given_ = (0, 0.04414, 3.3, 9.999, 99.96, 1234.5)
    assert [significant(value) for value in given_] == ["0", "0.0441", "3.30", "10.0", "100", "1,234"]


def test_latex_is_ascii_and_markdown_rows_fit_their_headings() -> None:
    found = table(a_bit_of_everything())
    assert FORMATS["tex"](found).isascii()
    grids = FORMATS["md"](found).split("\n## ")[1:]
    for grid in grids:
        lines = [line.replace(r"\|", "").count("|") for line in grid.splitlines() if line.startswith("|")]
        assert len(set(lines)) == 1


def test_json_holds_numbers_under_the_columns_it_names() -> None:
    content = json.loads(FORMATS["json"](table(a_bit_of_everything())))
    assert all(list(row) == content["columns"] for row in content["rows"])
    assert all(isinstance(row["p50_ms"], float | None) for row in content["rows"])


def test_the_printed_numbers_are_the_papers() -> None:
    read = read_efficiency()
    assert read.models == ("DiffuRec", "FMRec", "FAVE") and read.references == ("DiffuRec", "FMRec")
    assert read.datasets == ("ml-100k", "beauty", "steam")
    assert read.get("FMRec", "beauty", FLOPS) == 1.96 and read.get("FAVE", "steam", TEST_SET) == 26.23
    assert read.speedup("FAVE", "FMRec", "ml-100k") == pytest.approx(98.04 / 4.44)
    assert read.get("FAVE", "yelp", FLOPS) is None and read.speedup("FAVE", "FMRec", None) is None


def test_nothing_measured_is_one_sentence_that_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"fave_bench\.measure --what latency") as error:
        main(["--name", "efficiency", "--results", str(tmp_path)])
    assert error.value.exit_code == 1


def test_the_verb_writes_finds_current_and_refuses_what_makes_no_sense(tmp_path: Path, capsys: Any) -> None:
    results = tmp_path / "results"
    keep(results, FlopsRow.model_validate(flops("fave", 1).model_dump() | {"title": "FAVE", "dataset": "ml-100k"}))
    keep(
        results, LatencyRow.model_validate(latency("fave", 2.0).model_dump() | {"title": "FAVE", "dataset": "ml-100k"})
    )
    asked = ["--name", "efficiency", "--results", str(results), "--out", str(tmp_path / "out")]
    assert main(asked) == 0 and main([*asked, "--check"]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(f"efficiency.{e}" for e in FORMATS)
    capsys.readouterr()
    assert main([*asked, "--json", "--datasets", "ml-100k"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert {row["dataset"] for row in content["rows"]} == {"ml-100k"}
    with pytest.raises(UsageError, match="did you mean 'ml-100k'"):
        main([*asked, "--datasets", "ml100k"])
    with pytest.raises(UsageError, match="have none"):
        main([*asked, "--protocol", "released"])


def test_rendering_starts_without_torch_or_matplotlib() -> None:
    asked = (
        "import sys, fave_bench.table, fave_bench.figure; sys.exit(bool({'torch', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", asked], cwd=Path(__file__).parents[1]).returncode == 0


if __name__ == "__main__":
    for ending, render in FORMATS.items():
        (GOLDEN / f"efficiency.{ending}").write_text(render(table(a_bit_of_everything())), encoding="utf-8")
