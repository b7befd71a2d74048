"""Every accepted layout, and one sentence for everything else."""

from dataclasses import replace
from pathlib import Path

import pytest
from helpers import make_ranks, make_record

from fave_bench.errors import BenchError
from fave_bench.evaluation.metrics import errors_of, metrics_of
from fave_bench.forensics.audit import findings
from fave_bench.forensics.pairs import impossible_pairs
from fave_bench.forensics.printed_table import Cell, Rate
from fave_bench.forensics.reading import read_table, shipped
from fave_bench.rendering.flat import as_csv
from fave_bench.rendering.overall import overall
from fave_bench.rendering.printed import REFERENCE, read_overall

LONG = "model,dataset,metric,value_percent\n"
ROW = "A,x,H@10,12.50\n"


def file(folder: Path, content: str | bytes) -> Path:
    path = folder / "their.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "empty, or without a header"),
        (LONG, "no percentage is printed in it"),
        (LONG + "A,x,H@10,OOM\n", "no percentage is printed in it"),
        ("model,dataset,value_percent\nA,x,1\n", "line 1: column 'metric' is missing"),
        ("model,dataset,metric\nA,x,H@10\n", "line 1: column 'value_percent' is missing"),
        ("model,metric,value_percent\nA,H@10,1\n", "line 1: column 'dataset' is missing"),
        ("who,dataset,metric,value_percent\nA,x,H@10,1\n", "line 1: column 'model' is missing"),
        ("dataset,metric,unit,FAVE\nx,FLOPs,G,1\n", "line 1: column 'model' is missing"),
        ("model,dataset,ILD\nA,x,1\n", "line 1 names no metric"),
        ("dataset,H@10\nx,1\n", "line 1: column 'model' is missing"),
        ("model,dataset,H@1O\nA,x,1\n", "line 1: column 'H@1O': unknown metric 'H@1O'"),
        (LONG + "A,x,Recall,1\n", "line 2: column 'metric': unknown metric 'Recall'"),
        (LONG + ROW + "A,x,H@20,112.5\n", "line 3: column 'value_percent': 112.5 is above 100 percent"),
        (LONG + "A,x,H@10,twelve\n", "line 2: column 'value_percent': 'twelve' is not a percentage"),
        (LONG + "A,x,H@10,nan\n", "'nan' is not a percentage"),
        (LONG + "A,x,H@10,1e999999999\n", "is not a percentage"),
        (LONG + "A,x,H@10,-1\n", "'-1' is not a percentage"),
        (LONG + ROW + "\n" + ROW, "line 4: column 'value_percent': A x H@10 is already on line 2"),
        (LONG + ROW + "A,x,HR@10,3\n", "A x H@10 is already on line 2"),
        (LONG + "A,x,H@10\n", "line 2 has 3 fields where the header has 4"),
        (LONG + ",x,H@10,3\n", "line 2: column 'model' is empty"),
        (LONG + "A,,H@10,3\n", "line 2: column 'dataset' is empty"),
        ("model,dataset,H@10,H@10\nA,x,1,1\n", "column 'H@10' is there twice"),
        ("model,dataset,H@10,HR@10\nA,x,1,1\n", "A x H@10 is already on line 2"),
        (b"\xff\xfe\x00m", "not a CSV file in UTF-8"),
        (LONG + '"A,x,H@10,3\n', "not a CSV file in UTF-8"),
        ("title,dataset,metric,ours_mean\nA,x,H@10,1\n", "line 1: column 'split' is missing"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path: Path, content: str | bytes, sentence: str) -> None:
    path = file(tmp_path, content)
    with pytest.raises(BenchError) as caught:
        read_table(path)
    assert sentence in str(caught.value) and str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["absent.csv", ".", "/dev/zero"])
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(BenchError, match="cannot be read"):
        read_table(tmp_path / name)


def test_a_metric_a_column_says_what_a_metric_a_line_says(tmp_path: Path) -> None:
    wide = read_table(
        file(tmp_path, "\ufeffMethod?,method,dataset,HR@10,NDCG@10_percent\nz, A ,x,12.50,7.1\nz,B,x,–,2\n")
    )
    long = read_table(file(tmp_path, LONG + "A,x,h@10,12.50\nA,x,ndcg@10,7.1\n\nB,x,N@10,2\nB,x,H@10,OOM\n"))
    assert wide.rates == long.rates == {
        Cell("A", "x", "H@10"): Rate(1250, 2), Cell("A", "x", "N@10"): Rate(71, 1), Cell("B", "x", "N@10"): Rate(2, 0),
    }  # fmt: skip


def test_a_row_of_improvements_is_no_model(tmp_path: Path) -> None:
    read = read_table(file(tmp_path, LONG + ROW + "Improv.,x,H@10,+914.65 %\nImprovement,x,N@10,−3.1\n"))
    assert list(read.rates) == [Cell("A", "x", "H@10")]
    assert [float(claim) for claim in read.improvements.values()] == [914.65, -3.1]


def test_numbers_far_below_a_digit_and_far_beyond_are_kept_to_six_decimals(tmp_path: Path) -> None:
    read = read_table(file(tmp_path, LONG + "A,x,H@10,5e-05\nA,x,H@20,12.195121951219512\n"))
    assert list(read.rates.values()) == [Rate(5, 5), Rate(12195122, 6)]


def test_the_shipped_tables_have_titles_and_a_file_of_ones_own_has_its_path(tmp_path: Path) -> None:
    assert [table.title for table in shipped()][:2] == ["FAVE, Table 1", "FMRec, Table 2"]
    copy = file(tmp_path, (REFERENCE / "table1_overall.csv").read_bytes())
    assert read_table(copy).title == read_table(copy).file == str(copy)
    assert sum(len(table.rates) for table in shipped()) == 120 + 20 + 6 + (216 - 6) + 24  # six do not fit in memory


def test_the_rendered_table_of_our_own_records_is_above_suspicion(tmp_path: Path) -> None:
    runs = [
        make_record(title="A", seed=0, higher=[10] * 7 + [90] * 400),
        make_record(title="A", seed=1, higher=[9] * 40 + [90] * 367),
        make_record(title="B", higher=[0, 4, 9, 19] * 100 + [33] * 7, stopped_because="budget"),
    ]
    read = read_table(file(tmp_path, as_csv(overall(runs, read_overall()))))
    assert len(read.rates) == 2 * 2 * 7  # lines, protocols, metrics
    assert {finding.kind for finding in findings([read])} <= {"implied_users"}


def test_our_ties_count_half_and_nobody_is_accused_for_it(tmp_path: Path) -> None:
    tied = make_ranks([9] * 30 + [50] * 90 + [2] * 7, [1] * 30 + [0] * 97, seen=0)  # 30 users at rank 10.5
    metrics, errors = ({name: {"test": values} for name, values in of(tied).items()} for of in (metrics_of, errors_of))
    run = make_record(title="A", metrics=metrics, standard_errors=errors)
    read = read_table(file(tmp_path, as_csv(overall([run], read_overall()))))
    assert not list(impossible_pairs(read))
    assert list(impossible_pairs(replace(read, half_ranks=False)))
