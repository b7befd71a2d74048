"""Models by name: a file is a model, a broken file breaks only itself."""

import sys

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
