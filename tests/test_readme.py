"""What the README shows works as shown."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from fave_bench import run
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
