"""paper_tables/ is what results/ give, file by file, and nothing else; and no view mixes what may not meet."""

from pathlib import Path
from typing import Any

import pytest
from helpers import add_run, make_record
from measured_helpers import flops, keep, latency

from fave_bench import figure, published, table
from fave_bench.errors import BenchError, NothingToShow, UsageError
from fave_bench.records import Store
from fave_bench.rendering.comparable import comparable
from fave_bench.rendering.formats import FORMATS


@pytest.fixture
def results(tmp_path: Path) -> Path:
    store = Store(tmp_path / "results")
    add_run(store, dataset="ml-100k", model="fave", title="FAVE")
    keep(store.root, latency("fave", 2.0, dataset="ml-100k", title="FAVE"))
    keep(store.root, flops("fave", 1, dataset="ml-100k", title="FAVE"))
    return store.root


@pytest.fixture
def folder(results: Path, tmp_path: Path) -> Path:
    published.write(results, tmp_path / "out")
    return tmp_path / "out"


def checked(results: Path, folder: Path, *options: str) -> int:
    return table.main(["--check", "--results", str(results), "--out", str(folder), *options])


def test_all_that_is_rendered_is_written_and_then_found_current(results: Path, folder: Path, capsys: Any) -> None:
    tables = {f"{name}.{ending}" for name in ("overall", "efficiency", "audit", "claims") for ending in FORMATS}
    written = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert written == {*tables, "figures/pareto.svg", "figures/pareto.csv", "report.html"}
    (folder / "reference").mkdir()
    (folder / "reference" / "table1.csv").write_text("printed")
    (folder / "README.md").write_text("by hand")
    assert checked(results, folder) == 0
    assert f"{len(written)} files" in capsys.readouterr().err


def test_the_single_verbs_write_the_same_bytes(results: Path, folder: Path, tmp_path: Path) -> None:
    where = ["--results", str(results), "--out", str(folder)]
    assert table.main(["--name", "efficiency", *where, "--check"]) == 0
    assert (
        figure.main(["--name", "pareto", "--results", str(results), "--out", str(folder / "figures"), "--check"]) == 0
    )


def test_what_is_narrowed_down_leaves_the_whole_ones_alone(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    where = ["--results", str(results)]
    published.write(results, Path("paper_tables"))
    add_run(Store(results), dataset="beauty", model="fave", title="FAVE")
    for narrowed in (["--datasets", "ml-100k"], ["--protocol", "filtered"], ["--letters"]):
        assert table.main(["--name", "overall", *narrowed, *where]) == 0
        assert "FAVE" in capsys.readouterr().out
        with pytest.raises(UsageError, match="give the --out"):
            table.main(["--name", "overall", "--check", *narrowed, *where])
    for narrowed in (["--datasets", "ml-100k"], ["--protocol", "released"], ["--format", "png"]):
        assert figure.main(["--name", "pareto", *narrowed, *where]) == 0
    assert {path.name for path in Path().glob("pareto.*")} == {"pareto.svg", "pareto.csv", "pareto.png"}
    assert not list(Path("paper_tables/figures").glob("*.png"))
    assert "## beauty" not in Path("paper_tables/overall.md").read_text()  # as it was written, before the last run
    assert table.main(["--name", "overall", *where]) == 0
    assert "## beauty" in Path("paper_tables/overall.md").read_text()


def test_every_stale_missing_and_strange_file_is_named(results: Path, folder: Path) -> None:
    (folder / "overall.md").write_text("edited")
    (folder / "figures" / "pareto.csv").unlink()
    (folder / "figures" / "old.svg").write_text("left behind")
    with pytest.raises(BenchError) as raised:
        checked(results, folder)
    stale, strange = str(raised.value).split("rendered by nothing: ")
    assert "overall.md" in stale and "pareto.csv" in stale and "efficiency" not in stale
    assert "old.svg" in strange and "pareto" not in strange and "\n" not in str(raised.value)


def test_a_new_record_makes_tables_and_report_stale(results: Path, folder: Path) -> None:
    add_run(Store(results), dataset="ml-100k", model="sasrec", title="SASRec")
    with pytest.raises(BenchError, match=r"overall\.csv.*report\.html") as raised:
        checked(results, folder)
    assert "efficiency.md" not in str(raised.value)


def test_a_table_that_needs_data_is_looked_at_by_name_only(
    results: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "FROM_DATA", table.FROM_DATA | {"efficiency"})
    (folder / "report.html").unlink()
    (folder / "efficiency.md").write_text("edited")
    with pytest.raises(BenchError) as raised:
        checked(results, folder)
    assert "report.html" in str(raised.value) and "efficiency" not in str(raised.value)
    with pytest.raises(BenchError, match=r"efficiency\.md"):
        checked(results, folder, "--name", "efficiency")


def test_a_check_of_everything_cannot_be_narrowed(results: Path, folder: Path) -> None:
    for option in (["--format", "md"], ["--protocol", "filtered"], ["--datasets", "ml-100k"], ["--json"]):
        with pytest.raises(UsageError, match="give --name"):
            checked(results, folder, *option)


def test_nothing_to_render_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(NothingToShow, match="no finished run and no measurement"):
        checked(tmp_path, tmp_path)


def test_protocols_of_two_versions_are_never_mixed_unless_the_older_are_left_out(tmp_path: Path, capsys: Any) -> None:
    store = Store(tmp_path / "results")
    add_run(store, dataset="ml-100k", model="fave", title="FAVE")
    older = make_record(dataset="ml-100k", title="SASRec", protocols={"filtered": 0, "released": 1})
    with pytest.raises(BenchError, match="1 of 2 runs were made under other versions") as raised:
        comparable([*store.records(), older])
    assert older.key in str(raised.value) and "filtered 0, released 1" in str(raised.value)
    assert comparable([*store.records(), older], leave_out_older=True) == list(store.records())
    assert comparable([older]) == [older]  # nothing is mixed; the table then finds nothing of today's to show


@pytest.mark.parametrize(("verb", "name"), [(table.main, "overall"), (table.main, "claims"), (figure.main, "pareto")])
def test_the_verbs_refuse_a_mixture(
    results: Path, verb: Any, name: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    older = make_record(dataset="ml-100k", title="Oldest", protocols={"filtered": 0, "released": 1})
    records = [*Store(results).records(), older]
    monkeypatch.setattr(Store, "records", lambda store: iter(records))
    with pytest.raises(BenchError, match="--leave-out-older"):
        verb(["--name", name, "--results", str(results), "--json"])
    assert verb(["--name", name, "--results", str(results), "--json", "--leave-out-older"]) == 0
    assert older.title not in capsys.readouterr().out


def test_the_same_data_cannot_be_synthetic_and_real() -> None:
    real, made = (
        make_record(dataset="mine", model=model, synthetic=made) for model, made in (("a", False), ("b", True))
    )
    with pytest.raises(BenchError, match=f"mine b {made.key} calls its data synthetic and mine a {real.key} calls"):
        comparable([real, made])
    assert len(comparable([real, make_record(dataset="other", synthetic=True)])) == 2
