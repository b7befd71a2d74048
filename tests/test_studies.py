"""The verbs ablate and sweep end to end on a small file of one's own, and every way a user can get them wrong."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from helpers import ending

from fave_bench import ablate, presets, run, sweep
from fave_bench.models import registry
from fave_bench.records import Store
from fave_bench.records.packing import contents
from fave_bench.studies.catalogue import families

QUICKLY = ["--epochs", "1", "--device", "cpu"]
FAMILY = families()["paper"]
SMALL = """
[model]
window = 10
width = 16
blocks = 2
tap = 1
decoder = [16, 16]
steps = 2
[training]
batch_size = 128
[released]
"""
TWO_STAGES = """
[training.stages.pretrain]
[training.stages.finetune]
[paper.model]
gamma = 0.1
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A data set of 40 users and 25 items on this machine, with small presets; its name."""
    random = np.random.default_rng(0)
    rows = [(u, i, t) for u in range(40) for t, i in enumerate(random.permutation(25)[: random.integers(5, 9)])]
    folder = tmp_path / "data" / "mine"
    folder.mkdir(parents=True)
    (folder / "mine.csv").write_text("user,item,time\n" + "".join(f"u{u},i{i},{t}\n" for u, i, t in rows))
    monkeypatch.setenv("FAVE_BENCH_DATA", str(tmp_path / "data"))
    (tmp_path / "presets" / "default").mkdir(parents=True)
    for model in {family.model for family in families().values()}:
        stages = TWO_STAGES if registry.load(model).stage_fields else ""
        (tmp_path / "presets" / "default" / f"{model}.toml").write_text(SMALL + stages)
    monkeypatch.setattr(presets, "FOLDER", tmp_path / "presets")
    return "mine"


@pytest.fixture
def where(mine: str, tmp_path: Path) -> list[str]:
    return ["--datasets", mine, "--results", str(tmp_path / "results"), "--out", str(tmp_path / "out")]


def test_an_ablation_trains_stage_1_once_and_renders_its_table(where, mine, tmp_path, capsys):
    assert ending(ablate.main, [*where, *QUICKLY]) == 0
    printed = capsys.readouterr()
    assert "0 of 5 runs are recorded" in printed.err and "w/o prior" in printed.out
    store = Store(tmp_path / "results")
    records = list(store.records())
    assert sorted(len(record.changes) for record in records) == [0, 1, 1, 1, 1]
    shared = [note for record in records for note in record.notes if "is shared" in note]
    (full,) = (record for record in records if not record.changes)
    assert shared == [shared[0]] * 4 and full.key in shared[0] and "stage pretrain" in shared[0]
    assert {look.stage for r in records if r.config["training"]["stages"]["finetune"]["epochs"] == 0
            for look in r.training.curve} == {"pretrain"}  # fmt: skip

    again = (tmp_path / "out" / "ablation.csv").read_bytes()
    assert ending(ablate.main, [*where, *QUICKLY, "--plan"]) == 0
    assert capsys.readouterr().out.count("recorded\n") == 5
    assert ending(ablate.main, [*where, *QUICKLY]) == 0
    assert "5 of 5 runs are recorded" in capsys.readouterr().err
    assert (tmp_path / "out" / "ablation.csv").read_bytes() == again


@pytest.mark.parametrize("name", [name for name in families() if name != "paper"])
def test_every_variant_of_every_family_trains(where, name, capsys):
    assert ending(ablate.main, [*where, *QUICKLY, "--family", name, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {row["seeds"] for row in rows if row["family"] == name} == {1}
    expected = {families()[name].full, *families()[name].variants}
    assert {row["variant"] for row in rows if row["family"] == name} == expected


def test_only_the_variants_asked_for_are_run_and_packed_beside_the_full_model(where, tmp_path, capsys):
    arguments = [*where, *QUICKLY, "--family", "fidelity", "--variants", "A7 the model's tangent"]
    assert ending(ablate.main, [*arguments, "--pack", str(tmp_path / "slice.zip")]) == 0
    assert contents(tmp_path / "results") <= set(zipfile.ZipFile(tmp_path / "slice.zip").namelist())
    changes = [record.changes for record in Store(tmp_path / "results").records()]
    assert sorted(map(len, changes)) == [0, 1] and {"model.jvp_tangent": "model"} in changes


def test_a_variant_is_the_run_that_run_makes_of_the_same_overrides(where, mine, tmp_path):
    assert ending(ablate.main, [*where, *QUICKLY]) == 0
    alone = ["--dataset", mine, "--model", FAMILY.model, "--results", str(tmp_path / "alone"), *QUICKLY]
    for changes in FAMILY.variants.values():
        pairs = [f"{key}={value}" for key, value in changes.items()]
        assert ending(run.main, [*alone, *(word for pair in pairs for word in ("--set", pair))]) == 0
    for record in Store(tmp_path / "alone").records():
        shared = Store(tmp_path / "results").find(record.key)
        assert (shared.files, shared.metrics) == (record.files, record.metrics)


def test_a_plan_starts_nothing(where, tmp_path, capsys):
    for main in (ablate.main, sweep.main):
        assert ending(main, [*where, "--plan", "--run-budget", "60", "--seeds", "0", "1"]) == 0
        assert "to do, about 60 s" in capsys.readouterr().out
    assert not (tmp_path / "results").exists()


def test_a_plan_names_the_record_of_the_same_row_and_seed_under_another_configuration(where, tmp_path, capsys):
    assert ending(ablate.main, [*where, *QUICKLY, "--variants", "w/o cons"]) == 0
    keys = [record.key for record in Store(tmp_path / "results").records()]
    for path in (tmp_path / "results").rglob("run.json"):  # as if the preset gave them no more than one pass
        path.write_text(path.read_text().replace('"limit"', '"epochs"'))
    capsys.readouterr()
    again = [*where, "--epochs", "1", "--look-steps", "1", "--variants", "w/o cons", "--seeds", "0", "1", "--plan"]
    assert ending(ablate.main, again) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if " seed " in line]
    said = [line.partition("; recorded as ")[2] for line in lines]
    assert sorted(said) == sorted([*(f"{key} with training.look_steps=None" for key in keys), "", ""])
    assert all(bool(words) == ("seed 0" in line) for line, words in zip(lines, said, strict=True))


@pytest.mark.parametrize("kind_of_error", [RuntimeError, TypeError, MemoryError])
def test_one_failed_variant_does_not_sink_the_others(where, tmp_path, capsys, monkeypatch, kind_of_error):
    kind = registry.load(FAMILY.model)
    usual = kind.losses

    def losses(self, batch):
        if self.config.match == "off" and self.stage == "finetune":
            raise kind_of_error("no such kernel")
        return usual(self, batch)

    monkeypatch.setattr(kind, "losses", losses)
    assert ending(ablate.main, [*where, *QUICKLY]) == 1
    said = capsys.readouterr().err
    assert "no such kernel" in said and "Traceback" not in said
    assert len(list(Store(tmp_path / "results").records())) == 4
    (failed,) = (tmp_path / "results").rglob("failed.json")
    left = json.loads(failed.read_text())
    assert left["error"] == f"{kind_of_error.__name__}: no such kernel"
    assert any("in losses" in line for line in left["traceback"]), "for whoever wrote the model"


def test_a_budget_counts_the_shared_stage_once(where, tmp_path):
    assert ending(ablate.main, [*where, "--run-budget", "1e-6", "--device", "cpu", "--json"]) == 0
    records = list(Store(tmp_path / "results").records())
    assert {record.training.stopped_because for record in records} == {"budget"}
    assert {record.config["training"]["time_budget"] for record in records} == {1e-6}
    assert len({record.training.seconds for record in records}) == 1  # stage 1's, which all have in common


def test_a_sweep_draws_what_it_ran(where, tmp_path, capsys):
    arguments = [*where, *QUICKLY, "--parameter", "gamma", "--values", "0", "0.1", "0.4"]
    assert ending(sweep.main, arguments) == 0
    records = list(Store(tmp_path / "results").records())
    assert sorted(record.variant for record in records) == ["", "gamma=0.0", "gamma=0.4"]
    assert sum("is shared" in note for record in records for note in record.notes) == 2
    lines = (tmp_path / "out" / "hyperparameters.csv").read_text().splitlines()
    assert len(lines) == 1 + 3 * 2
    assert (tmp_path / "out" / "hyperparameters.svg").stat().st_size > 10_000
    capsys.readouterr()
    assert ending(sweep.main, [*arguments, "--json"]) == 0
    assert {row["value"] for row in json.loads(capsys.readouterr().out)["rows"]} == {0, 0.1, 0.4}


@pytest.mark.parametrize(
    ("main", "extra", "code", "sentence"),
    [
        (ablate.main, ["--family", "papr"], 2, "unknown family 'papr'; did you mean 'paper'"),
        (ablate.main, ["--variants", "w/o stages"], 2, "unknown variant of family paper 'w/o stages'; did you mean"),
        (ablate.main, ["--setting", "relesed"], 2, "did you mean 'released'"),
        (ablate.main, ["--run-budget", "0"], 2, "--run-budget 0.0: give a positive number"),
        (ablate.main, ["--datasets", "beuaty"], 2, "did you mean 'beauty'"),
        (ablate.main, ["--epochs", "-1"], 2, "epochs = -1"),
        (sweep.main, ["--parameter", "gama"], 2, "unknown parameter 'gama'; did you mean 'gamma'"),
        (sweep.main, ["--values", "1", "2"], 2, "say of which one parameter"),
        (sweep.main, ["--parameter", "rho", "--values", "2"], 2, "rho_train = 2.0"),
        (sweep.main, ["--parameter", "rho", "--values", "much"], 2, "invalid float value: 'much'"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(where, tmp_path, capsys, main, extra, code, sentence):
    assert ending(main, [*where, *extra]) == code
    said = capsys.readouterr().err
    assert sentence in said and "Traceback" not in said
    assert not (tmp_path / "results").exists()


def test_without_the_data_it_says_how_to_get_them(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("FAVE_BENCH_DATA", str(tmp_path))
    assert ending(ablate.main, ["--results", str(tmp_path / "results")]) == 1
    assert "fave_bench.prepare --dataset ml-100k" in capsys.readouterr().err
