"""What docs/evaluate.md shows works as shown."""

import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

from fave_bench.records import Store

PAGE = (Path(__file__).parents[2] / "docs" / "evaluate.md").read_text()


def blocks() -> tuple[list[list[str]], str]:
    """The commands and the program of the example."""
    found = re.search(r"<!-- example -->\n```sh\n(.*?)```.*?```python\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return [shlex.split(line) for line in found[1].splitlines()], found[2]


def test_the_example_runs_and_stands_beside_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    commands, program = blocks()
    said = ""
    for command in commands:
        if command == ["python", "mine.py"]:
            exec(compile(program, "mine.py", "exec"), {})
        else:
            assert command[:2] == ["python", "-m"]
            assert import_module(command[2]).main(command[3:]) == 0
            said = capsys.readouterr().out
    mine, markov = sorted(Store(tmp_path / "my-results").records(), key=lambda record: record.title != "My model")
    assert (mine.title, markov.title, mine.setting) == ("My model", "Markov", "external")
    oracle = mine.dataset.oracle["H@20"]
    assert 0.4 * oracle < mine.metrics["filtered"]["test"]["H@20"] < oracle
    assert "my-model" not in said and "My model, external" in said
