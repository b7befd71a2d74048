"""What the README shows works as shown."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from fave_bench import run, table
from fave_bench.models import registry
from fave_bench.records import Store

README = (Path(__file__).parents[1] / "README.md").read_text()


def example() -> tuple[str, str]:
    """Name and text of the README's complete model."""
    found = re.search(r"<!-- example: baselines/(\w+)\.py -->\n```python\n(.*?)```", README, re.DOTALL)
    assert found
    return found[1], found[2]


@pytest.fixture
def model(tmp_path, monkeypatch):
    import baselines

    name, text = example()
    (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setattr(baselines, "__path__", [*baselines.__path__, str(tmp_path)])
    registry._places.cache_clear()
    yield name
    registry._places.cache_clear()
    sys.modules.pop(f"baselines.{name}", None)


def test_the_example_model_is_short_and_trains_and_is_recorded(model, tmp_path):
    assert len(example()[1].splitlines()) <= 40
    random = np.random.default_rng(0)
    csv = tmp_path / "mine.csv"
    rows = [(u, i, t) for u in range(50) for t, i in enumerate(random.permutation(20)[:8])]
    csv.write_text("user,item,time\n" + "".join(f"{u},{i},{t}\n" for u, i, t in rows))
    arguments = ["--dataset", "mine", "--from", str(csv), "--model", model, "--epochs", "2", "--set", "model.d=8"]
    assert run.main([*arguments, "--device", "cpu", "--results", str(tmp_path / "results")]) == 0
    (record,) = Store(tmp_path / "results").records()
    assert (record.title, record.setting, record.config["model"]["d"]) == ("LastItems", "default", 8)


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", README))
def test_links_lead_somewhere(link):
    assert (Path(__file__).parents[1] / link).exists()


@pytest.mark.parametrize("verb", sorted(set(re.findall(r"python -m fave_bench\.(\w+)", README))))
def test_every_command_named_has_help_with_an_example(verb, capsys):
    module = __import__(f"fave_bench.{verb}", fromlist=["main"])
    with pytest.raises(SystemExit) as ended:
        module.main(["--help"])
    assert ended.value.code == 0
    assert "example:" in capsys.readouterr().out


def test_the_headline_table_says_what_the_records_say(capsys):
    """Every number in the README's table is the one that `table --name overall` renders from results/."""
    root = Path(__file__).parents[1]
    arguments = ["--name", "overall", "--format", "json", "--datasets", "ml-100k", "--results", str(root / "results")]
    assert table.main(arguments) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    cells = {
        (row["title"], row["setting"], row["variant"], row["truncated"], row["protocol"], row["metric"]): row
        for row in rows
        if row["seeds"]
    }
    block = README.split("<!-- headline -->")[1].split("<!-- /headline -->")[0]
    lines = [[cell.strip() for cell in line.strip("| ").split("|")] for line in block.splitlines()]
    shown = [line for line in lines if len(line) == 6 and line[0] != "model" and "---" not in line[0]]
    assert len(shown) == len({key[:4] for key in cells})
    for name, printed, *ours in shown:
        title, setting, variant = (*(part.strip() for part in name.replace("†", "").split(",")), "", "")[:3]
        order = [("released", "H@20"), ("released", "N@20"), ("filtered", "H@20"), ("filtered", "N@20")]
        for (protocol, metric), value in zip(order, ours, strict=True):
            row = cells[title, setting, variant, "†" in name, protocol, metric]
            assert value == f"{row['ours_mean']:.2f}", (name, protocol, metric)
        paper = cells[title, setting, variant, "†" in name, "released", "H@20"]["paper_value"]
        assert printed == ("–" if paper is None else f"{paper:.2f}")
