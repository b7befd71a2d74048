"""Presets resolve to validated configurations, and a mistake is one sentence with the nearest right word."""

import pytest

from fave_bench import presets
from fave_bench.errors import UsageError
from fave_bench.models import registry
from fave_bench.studies.catalogue import families

DATASETS = ("ml-100k", "beauty", "steam", "yelp", "default")
EVERY = [(d, m, *row) for d in DATASETS for m in registry.names() for row in presets.rows(d, m)]


@pytest.mark.parametrize(("dataset", "model", "setting", "variant"), EVERY)
def test_every_row_of_every_preset_is_a_valid_configuration(dataset, model, setting, variant):
    plan = presets.plan(dataset, model, setting, variant, {})
    assert (plan.setting, plan.variant) == (setting, variant)


@pytest.mark.parametrize("path", sorted(presets.FOLDER.glob("*/*.toml")), ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_every_number_of_a_preset_names_its_source(path):
    lines = [line.strip() for line in path.read_text().splitlines()]
    section_sourced = False
    for line in lines:
        if line.startswith("["):
            section_sourced = "#" in line
        elif "=" in line and not line.startswith(("#", "rows", "base")):
            assert "#" in line or section_sourced, f"{path.parent.name}/{path.name}: «{line}» has no source"


def test_an_unlisted_dataset_uses_the_default_presets():
    assert presets.rows("my-own", "fave") == presets.rows("default", "fave")


def test_settings_and_overrides_are_laid_over_the_shared_tables():
    released = presets.plan("ml-100k", "fave", "released", None, {}).model_config
    paper = presets.plan("ml-100k", "fave", "paper", None, {"model.alpha": 0.25}).model_config
    assert (released.s2_param, released.key_mask, released.alpha) == ("velocity_infer_raw", "off", 0.2)
    assert (paper.s2_param, paper.key_mask, paper.alpha) == ("endpoint", "on", 0.25)
    assert released.width == paper.width == 128


def test_the_first_row_is_the_default():
    plan = presets.plan("ml-100k", "sasrec", None, None, {})
    assert (plan.setting, plan.variant) == presets.rows("ml-100k", "sasrec")[0] == ("released", "bce")


def test_quick_tuning_is_laid_over_the_preset_and_below_the_user():
    usual, quick = (presets.plan("ml-100k", "fave", "paper", None, {}, quick=q).training for q in (False, True))
    assert quick.batch_size < usual.batch_size == 512
    assert set(quick.stages) == set(usual.stages)
    asked = presets.plan("ml-100k", "fave", "paper", None, {"training.batch_size": 100}, quick=True)
    assert asked.training.batch_size == 100


@pytest.mark.parametrize(("model", "tuned"), [("fave", True), ("sasrec", False)])
def test_a_plan_tells_whether_the_preset_has_a_quick_tuning_of_it(model, tuned):
    assert [presets.plan("ml-100k", model, None, None, {}, quick=q).tuned for q in (False, True)] == [False, tuned]


def test_limits_touch_every_stage_and_nothing_else():
    plan = presets.plan("ml-100k", "fave", "released", None, {})
    limited = plan.limited(epochs=3, time_budget=5)
    assert [stage.epochs for stage in limited.training.stages.values()] == [3, 3]
    assert limited.training.time_budget == 5
    assert limited.model_config == plan.model_config
    assert plan.limited() == plan


PRETRAIN, FINETUNE = "training.stages.pretrain.epochs", "training.stages.finetune.epochs"


@pytest.mark.parametrize(
    ("overrides", "epochs", "stages"),
    [
        ({}, None, set()),
        ({}, 3, {"pretrain", "finetune"}),
        ({}, 1000, set()),
        ({PRETRAIN: 50}, None, {"pretrain"}),
        ({PRETRAIN: 1000}, None, set()),
        ({FINETUNE: 0}, None, set()),  # left out, as a study leaves it out
        ({FINETUNE: 0}, 3, {"pretrain"}),
        (families()["early"].common, None, set()),  # a study that asks for 40 passes
        (families()["early"].common, 3, {"pretrain"}),
    ],
)
def test_fewer_epochs_than_usual_shorten_a_stage_unless_a_study_asks_for_them(overrides, epochs, stages):
    plan = presets.plan("beauty", "fave", "released", None, overrides).limited(epochs=epochs)
    assert plan.shortened == stages


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ml-100k", "fvae", None, None, {}), "unknown model 'fvae'; did you mean 'fave'"),
        (("ml-100k", "fave", "papr", None, {}), "unknown setting of fave 'papr'; did you mean 'paper'"),
        (("ml-100k", "sasrec", "released", "cee", {}), "unknown variant of sasrec 'cee'; did you mean 'ce'"),
        (("ml-100k", "popularity", None, "x", {}), "unknown variant of popularity 'x'; there is none"),
        (("ml-100k", "fave", None, None, {"model.alhpa": 1}), "model 'alhpa'; did you mean 'alpha'"),
        (("beauty", "sasrec", None, None, {"training.stages.trian.epochs": 3}), "stage of sasrec 'trian'; did you"),
        (("beauty", "fave", None, None, {"training.stages.finetnue.epochs": 3}), "unknown stage of fave 'finetnue'"),
        (("ml-100k", "fave", None, None, {"model.rho_train": 1.5}), r"ml-100k/fave: model.rho_train = 1.5: "),
        (("ml-100k", "fave", None, None, {"training.batch_size": "many"}), "training.batch_size = 'many'"),
        (("ml-100k", "fave", None, None, {"model.heads": 3}), "width 128 must be an even multiple of heads 3"),
        (("ml-100k", "fave", None, None, {"model.decoder": [-5]}), "model.decoder"),
        (("ml-100k", "diffurec", None, None, {"model.width": 65, "model.heads": 1}), "even multiple of heads 1"),
        (("ml-100k", "dreamrec", None, None, {"model.d": 65}), "model.d = 65"),
        (("ml-100k", "sasrec", None, None, {"model.heads": 3}), "d 128 must be a multiple of heads 3"),
        (("ml-100k", "bert4rec", None, None, {"model.heads": 3}), "d 128 must be a multiple of heads 3"),
        (("ml-100k", "stosa", None, None, {"model.heads": 3}), "d 128 must be a multiple of heads 3"),
        (("ml-100k", "sasrec", None, None, {"training.betas": [1.5, 0.9]}), "training.betas"),
        (("ml-100k", "fave", None, None, {"training.stages.pretrain.selection_metrics": []}), "selection_metrics"),
        (("ml-100k", "fave", None, None, {"training.stages.pretrain.selection_metrics": ["N@50"]}), "'N@50'"),
    ],
)  # fmt: skip
def test_mistakes_are_one_sentence(arguments, message):
    with pytest.raises(UsageError, match=message):
        presets.plan(*arguments)


def test_override_values_are_read_as_toml():
    pairs = ["model.alpha=0.3", "model.position=none", "training.betas=[0.9, 0.98]"]
    assert presets.parse_overrides(pairs) == {
        "model.alpha": 0.3,
        "model.position": "none",
        "training.betas": [0.9, 0.98],
    }
    for wrong in ("alpha=1", "model.alpha"):
        with pytest.raises(UsageError, match=r"write model\.KEY=VALUE"):
            presets.parse_overrides([wrong])
