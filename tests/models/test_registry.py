"""Models by name: a file is a model, a broken file breaks only itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fave_bench.errors import BenchError, UsageError
from fave_bench.models import registry
from fave_bench.models.contract import Recommender


@pytest.fixture
def extra_baselines(tmp_path, monkeypatch):
    """A folder whose files count as baselines for one test."""
    import baselines

    monkeypatch.setattr(baselines, "__path__", [*baselines.__path__, str(tmp_path)])
    registry._places.cache_clear()
    yield tmp_path
    registry._places.cache_clear()
    for name in [name for name in sys.modules if name.startswith("baselines.extra")]:
        del sys.modules[name]


def test_every_listed_model_loads_and_is_named_after_its_file():
    for name in registry.names():
        kind = registry.load(name)
        assert issubclass(kind, Recommender) and kind.title
        assert kind.__module__.rsplit(".", 1)[-1] == name


def test_a_new_file_is_a_new_model(extra_baselines):
    (extra_baselines / "extra_one.py").write_text(
        "from fave_bench.models.contract import Recommender\nclass One(Recommender):\n    title = 'One'\n"
    )
    registry._places.cache_clear()
    assert "extra_one" in registry.names()
    assert registry.load("extra_one").title == "One"


def test_a_broken_file_breaks_only_itself_and_says_why(extra_baselines):
    (extra_baselines / "extra_broken.py").write_text("import a_package_nobody_has\n")
    registry._places.cache_clear()
    assert registry.load("popularity").title == "Popularity"
    with pytest.raises(BenchError, match=r"'extra_broken' cannot be imported.*a_package_nobody_has"):
        registry.load("extra_broken")


def test_a_file_without_exactly_one_model_is_refused(extra_baselines):
    (extra_baselines / "extra_none.py").write_text("x = 1\n")
    registry._places.cache_clear()
    with pytest.raises(BenchError, match="must define exactly one Recommender, it defines 0"):
        registry.load("extra_none")


def test_a_misspelt_name_gets_a_suggestion():
    with pytest.raises(UsageError, match="unknown model 'sasrce'; did you mean 'sasrec'"):
        registry.load("sasrce")


OUTSIDE_PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "outside-models"
version = "1"
[project.entry-points."fave_bench.models"]
newest = "outside_models.newest:Newest"
popularity = "outside_models.newest:Newest"
[tool.setuptools]
packages = ["outside_models"]
"""
OUTSIDE_MODEL = """
import torch.nn.functional as F
from fave_bench.models.contract import Recommender

class Newest(Recommender):
    title = "Newest"
    samples = "none"

    def scores(self, history, *, draw):
        return F.one_hot(history[:, -1], self.vocabulary).float()
"""


@pytest.fixture(scope="module")
def outside_packages(tmp_path_factory) -> Path:
    """A folder with an installed package whose entry points offer one new model, and one under a name that is taken."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    (source / "pyproject.toml").write_text(OUTSIDE_PROJECT)
    (source / "outside_models").mkdir()
    (source / "outside_models" / "__init__.py").touch()
    (source / "outside_models" / "newest.py").write_text(OUTSIDE_MODEL)
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet"]
    subprocess.run([sys.executable, "-m", "pip", "install", *offline, "--target", target, source], check=True)
    return target


def run_with(packages: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fave_bench.run", "--dataset", "demo", *map(str, arguments)]
    return subprocess.run(command, env=os.environ | {"PYTHONPATH": str(packages)}, capture_output=True, text=True)


def test_an_installed_package_brings_its_model_along(outside_packages, tmp_path):
    done = run_with(outside_packages, "--model", "newest", "--results", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "demo Newest" in done.stdout + done.stderr
    assert len(list(tmp_path.glob("demo/newest/*/run.json"))) == 1


def test_a_name_offered_twice_is_refused_and_nothing_else_is(outside_packages, tmp_path):
    done = run_with(outside_packages, "--model", "popularity", "--results", tmp_path)
    assert done.returncode == 1
    assert "'popularity' is offered by baselines.popularity and outside_models.newest:Newest" in done.stderr
    assert "Traceback" not in done.stderr
    assert run_with(outside_packages, "--model", "markov", "--results", tmp_path).returncode == 0
