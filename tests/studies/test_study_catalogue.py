"""The studies' files hold valid configurations, and what belongs to a study is told from what does not."""

import pytest

from fave_bench import presets
from fave_bench.errors import BenchError
from fave_bench.rendering.hyperparameters_data import read_optima
from fave_bench.rendering.printed_ablation import read_ablation
from fave_bench.studies import catalogue
from fave_bench.studies.catalogue import families, is_variation, sweeps
from fave_bench.trees import at

PRESETS = ("ml-100k", "beauty", "steam", "default", "demo")
VARIANTS = [(name, variant) for name, family in families().items() for variant in family.variants]


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("dataset", PRESETS)
@pytest.mark.parametrize(("family", "variant"), VARIANTS)
def test_every_variant_is_a_valid_configuration_that_says_what_it_changes(family, variant, dataset, quick):
    of = families()[family]
    _, run = of.runs([variant])
    assert run == of.common | of.variants[variant]
    plan = presets.plan(dataset, of.model, of.setting, "", run, quick=quick)
    assert all(at(plan.tree, key) == value for key, value in run.items())
    assert plan.changes.items() <= run.items()
    assert dataset != "ml-100k" or is_variation(of.model, plan.changes)


@pytest.mark.parametrize("parameter", sweeps())
def test_a_grid_goes_through_the_setting_s_own_value_which_is_the_paper_s_optimum(parameter):
    sweep = sweeps()[parameter]
    assert sorted(sweep.values) == sweep.values
    own = presets.plan("ml-100k", sweep.model, sweep.setting, "", {}).tree
    assert {at(own, key) for key in sweep.keys} == {read_optima()[sweep.paper, parameter]} <= {*sweep.values}
    for value in sweep.values:
        changes = presets.plan("ml-100k", sweep.model, sweep.setting, "", dict.fromkeys(sweep.keys, value)).changes
        assert set(changes) in ({*sweep.keys}, set())
        assert is_variation(sweep.model, changes) == bool(changes)


@pytest.mark.parametrize("name", [name for name, family in families().items() if family.printed])
def test_what_a_paper_prints_has_a_variant_of_that_name(name):
    printed, family = read_ablation(families()[name]), families()[name]
    assert {variant for variant, _, _ in printed} <= {family.full, *family.variants}
    assert {dataset for _, dataset, _ in printed} == {*family.datasets}


def test_table_2_has_the_parts_that_the_paper_names():
    assert next(iter(families())) == "paper"
    assert {variant for variant, _, _ in read_ablation(families()["paper"])} == {
        families()["paper"].full,
        *families()["paper"].variants,
    }


def test_an_override_that_is_of_no_study_leaves_a_row_of_the_main_comparison():
    of = families()["paper"].model
    assert not is_variation(of, {})
    assert not is_variation(of, {"training.batch_size": 64})
    assert not is_variation(of, {"model.gamma": 0.0, "training.batch_size": 64})
    assert is_variation(of, {"model.gamma": 0})
    assert is_variation(of, {"model.alpha": 0.123})  # any value is a point of a sweep
    assert not is_variation("another", {"model.gamma": 0.0})
    weights = next(v for v in families()["fidelity"].variants.values() if len(v) > 1)
    assert is_variation(of, dict(list(weights.items())[:2]))  # where the preset agrees with the rest


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("model = ", r"study odd\.toml: "),
        ('model = "fave"', r"study odd\.toml: setting: Field required"),
        ('model = 3\nsetting = "released"', r"study odd\.toml: model: Input should be a valid string"),
        ('colour = "red"', r"study odd\.toml: "),
    ],
)
def test_a_damaged_family_is_one_sentence(tmp_path, monkeypatch, text, sentence):
    (tmp_path / "ablations").mkdir()
    (tmp_path / "ablations" / "odd.toml").write_text(text)
    monkeypatch.setattr(catalogue, "FOLDER", tmp_path)
    with pytest.raises(BenchError, match=sentence):
        families.__wrapped__()
