"""The verb audits the papers' tables, and anybody's."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fave_bench.audit import main
from fave_bench.errors import BenchError, UsageError
from fave_bench.forensics.audit import findings
from fave_bench.forensics.finding import KINDS
from fave_bench.forensics.reading import shipped
from fave_bench.rendering.audit_table import audit_table
from fave_bench.rendering.audit_text import text
from fave_bench.rendering.formats import FORMATS
from fave_bench.rendering.printed import REFERENCE

ROOT = Path(__file__).parents[1]


def audited(capsys: Any, *arguments: str) -> dict[str, Any]:
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_json_lists_every_finding_with_what_it_is_about(capsys: Any) -> None:
    result = audited(capsys)
    assert [table["table"] for table in result["tables"]] == [table.title for table in shipped()]
    assert all({"kind", "table", "model", "dataset", "detail"} <= finding.keys() for finding in result["findings"])
    impossible = [finding for finding in result["findings"] if finding["kind"] == "impossible_pair"]
    assert len([finding for finding in impossible if finding["file"] == "table1_overall.csv"]) == 6
    order = [list(KINDS).index(finding["kind"]) for finding in result["findings"]]
    assert order == sorted(order)


def test_a_person_reads_the_verdict_and_the_worst_first(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")  # how wide the terminal is
    assert main([]) == 0
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) < 150 and max(map(len, shown.out.splitlines())) <= 120
    headings = [kind.heading for kind in KINDS.values()]
    places = [shown.out.find(f"\n{heading} (") for heading in headings]
    found = [place for place in places if place >= 0]
    assert found == sorted(found) and "--all shows them" in shown.err
    assert main(["--all"]) == 0
    everything = capsys.readouterr()
    assert everything.err == "" and KINDS["uninformative"].heading + " (" in everything.out
    assert all(line in everything.out for line in shown.out.splitlines())


def test_a_table_of_ones_own_is_audited_with_the_users_it_had(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("model,dataset,H@10\nA,mine,33.3333\nB,mine,30.0000\nImprov.,mine,11.11\n")
    assert {each["kind"] for each in audited(capsys, str(path), "--users", "mine=30")["findings"]} == {
        "gain_within_error", "grid",
    }  # fmt: skip
    (wrong,) = [
        each for each in audited(capsys, str(path), "--users", "mine=40")["findings"] if "cannot" in each["detail"]
    ]
    assert (wrong["kind"], wrong["model"]) == ("off_grid", "A")  # 30 % of 40 users is possible, a third is not
    assert audited(capsys, str(path), "--users", "mine=40", "--users", "mine=30")["findings"][0]["kind"] != "off_grid"
    path.write_text("model,dataset,H@10\nA,mine,33.3333\nB,mine,30.0000\nImprov.,mine,12.11\n")
    assert audited(capsys, str(path))["findings"][0]["kind"] == "wrong_improvement"


def test_a_table_that_looks_like_fractions_is_told_of(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "mine.csv"
    for number, said in (("0.3333", True), ("33.33", False)):
        path.write_text(f"model,dataset,H@10\nA,mine,{number}\n")
        main([str(path)])
        assert ("look like fractions" in capsys.readouterr().err) == said


def test_what_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    table = str(REFERENCE / "table1_overall.csv")
    with pytest.raises(BenchError, match=r"absent\.csv: cannot be read"):
        main([str(tmp_path / "absent.csv")])
    with pytest.raises(UsageError, match="given twice"):
        main([table, table])
    for wrong in ("beauty=many", "beauty", "=3", "beauty=0", "beauty=" + "9" * 5000):
        with pytest.raises(UsageError, match="is not DATASET=N"):
            main([table, "--users", wrong])
    with pytest.raises(UsageError, match="unknown dataset 'beuaty'; did you mean 'beauty'"):
        main([table, "--users", "beuaty=3"])


def test_efficiency_has_nothing_to_audit() -> None:
    with pytest.raises(BenchError, match=r"table3_efficiency\.csv.*H@10"):
        main([str(REFERENCE / "table3_efficiency.csv")])


@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_shows_every_finding_once(ending: str) -> None:
    tables = shipped()
    rendered = FORMATS[ending](audit_table(tables, findings(tables), everything=True))
    assert rendered.count("9,929 and its multiples") == 1
    assert rendered == FORMATS[ending](audit_table(tables, findings(tables), everything=True))


def test_narrow_terminals_lose_nothing() -> None:
    tables = shipped()
    table = audit_table(tables, findings(tables))
    wide, narrow = text(table, 400), text(table, 60)
    assert wide.split() == narrow.split() and max(map(len, narrow.splitlines())) <= 60


def test_the_audit_starts_without_torch() -> None:
    asked = "import sys, fave_bench.audit; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], cwd=ROOT).returncode == 0


def test_a_terminal_without_the_letters_gets_them_spelt_out() -> None:
    environment = os.environ | {"PYTHONIOENCODING": "latin-1"}
    found = subprocess.run([sys.executable, "-m", "fave_bench.audit"], cwd=ROOT, env=environment, capture_output=True)
    assert found.returncode == 0 and b"Traceback" not in found.stderr and b"\\u" in found.stdout
