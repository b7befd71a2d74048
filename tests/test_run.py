"""The run and campaign verbs end to end on a small file of one's own, and every way a user can get them wrong."""

import json
from pathlib import Path

import pytest
from helpers import actions_csv, ending

from fave_bench import campaign, prepare, run, table
from fave_bench.evaluation.metrics import metrics_of
from fave_bench.evaluation.ranks import rank_phase
from fave_bench.records import Store

SMALL = ["--set", "model.d=16", "--set", "model.window=10", "--epochs", "2", "--device", "cpu"]


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    return actions_csv(tmp_path / "mine.csv")


@pytest.fixture
def base(csv: Path, tmp_path: Path) -> list[str]:
    return ["--dataset", "mine", "--from", str(csv), "--results", str(tmp_path / "results")]


def test_a_run_leaves_one_complete_record(base, tmp_path, capsys):
    assert ending(run.main, [*base, "--model", "sasrec", "--variant", "ce", "--json", *SMALL]) == 0
    printed = json.loads(capsys.readouterr().out)
    store = Store(tmp_path / "results")
    (record,) = store.records()
    assert printed["key"] == record.key
    assert (record.dataset.name, record.model, record.setting, record.seed) == ("mine", "sasrec", "released", 0)
    assert record.training.epochs == 2 and len(record.training.curve) >= 1
    assert metrics_of(store.ranks(record)["test"]) == {name: phases["test"] for name, phases in record.metrics.items()}
    assert store.lists(record).shape == (60, 20)
    assert "items.weight" in store.weights(record)
    assert not (tmp_path / "results" / ".work").exists() or not any((tmp_path / "results" / ".work").iterdir())


def test_the_same_run_twice_is_done_once_and_another_seed_is_another_run(base, tmp_path, capsys):
    arguments = [*base, "--model", "popularity"]
    assert ending(run.main, arguments) == 0
    assert ending(run.main, arguments) == 0
    assert "already recorded" in capsys.readouterr().err
    assert ending(run.main, [*arguments, "--seed", "1"]) == 0
    assert len(list(Store(tmp_path / "results").records())) == 2


def test_runs_repeat_to_the_bit(base, tmp_path):
    records = []
    for folder in ("a", "b"):
        arguments = [*base[:-1], str(tmp_path / folder), "--model", "sasrec", *SMALL]
        assert ending(run.main, arguments) == 0
        store = Store(tmp_path / folder)
        (record,) = store.records()
        records.append((record.key, record.metrics, record.files["weights.safetensors"], record.files["ranks.npz"]))
    assert records[0] == records[1]


STAGES = "training.stages"
SHORT_THEN_WHOLE = [
    f"{STAGES}.pretrain.epochs=1",
    f"{STAGES}.finetune.learning_rate=1e-12",
    f"{STAGES}.finetune.patience=1",
]


@pytest.mark.parametrize(
    ("model", "asked", "why"),
    [
        ("sasrec", ["--epochs", "1"], "limit"),
        ("sasrec", ["--epochs", "0"], "limit"),
        ("sasrec", ["--set", f"{STAGES}.train.epochs=1"], "limit"),
        ("sasrec", ["--epochs", "50", "--set", f"{STAGES}.train.learning_rate=1e-12"], "converged"),
        ("fave", [part for change in SHORT_THEN_WHOLE for part in ("--set", change)], "limit"),
    ],
)
def test_a_run_that_fewer_passes_than_usual_stopped_is_marked(base, tmp_path, model, asked, why):
    small = (
        ["--set", "model.d=16"] if model == "sasrec" else ["--set", "model.width=16", "--set", "model.decoder=[8, 8]"]
    )
    assert ending(run.main, [*base, "--model", model, *small, *asked]) == 0
    (record,) = Store(tmp_path / "results").records()
    assert record.training.stopped_because == why and record.truncated == (why == "limit")
    out = tmp_path / "tables"
    assert ending(table.main, ["--name", "overall", "--results", str(tmp_path / "results"), "--out", str(out)]) == 0
    assert ("†" in (out / "overall.md").read_text()) == record.truncated


@pytest.mark.parametrize(("model", "notes"), [("fmrec", 1), ("sasrec", 0)])
def test_a_record_says_that_it_was_tuned_to_be_quick_where_its_preset_has_such_a_tuning(base, tmp_path, model, notes):
    assert ending(run.main, [*base, "--model", model, "--quick", "--time-budget", "1e-6"]) == 0
    (record,) = Store(tmp_path / "results").records()
    assert len([note for note in record.notes if "short budget" in note]) == notes


SAMPLED = ["--model", "fmrec", "--set", "model.width=8", "--set", "model.decoder=[8]", "--set", "model.steps=3"]


@pytest.mark.parametrize(
    ("look_steps", "ranked"),
    [("1", [("validation", 1), ("validation", None), ("test", None)]), ("3", [("validation", None), ("test", None)])],
)
def test_looks_may_take_fewer_steps_and_the_end_is_ranked_in_the_model_s_own(
    base, tmp_path, monkeypatch, look_steps, ranked
):
    asked: list[tuple[str, int | None]] = []

    def spy(model, items, questions, **how):
        asked.append(("test" if how["lists"] else "validation", getattr(model, "steps", None)))
        return rank_phase(model, items, questions, **how)

    monkeypatch.setattr("fave_bench.runner.rank_phase", spy)
    assert ending(run.main, [*base, *SAMPLED, "--epochs", "1", "--look-steps", look_steps]) == 0
    assert asked == ranked
    (record,) = Store(tmp_path / "results").records()
    assert record.config["training"]["look_steps"] == int(look_steps) and "look_steps" not in record.variant


@pytest.mark.parametrize(
    ("extra", "code", "sentence"),
    [
        (["--model", "sasrce"], 2, "unknown model 'sasrce'; did you mean 'sasrec'"),
        (["--model", "fave", "--setting", "papr"], 2, "did you mean 'paper'"),
        (["--model", "fave", "--set", "model.alhpa=1"], 2, "did you mean 'alpha'"),
        (["--model", "fave", "--set", "model.rho_train=1.5"], 2, "model.rho_train = 1.5"),
        (["--model", "popularity", "--device", "tpu"], 2, "use auto, cpu, cuda or cuda:I"),
        (["--model", "popularity", "--split", "random"], 2, "unknown split 'random'"),
        (["--model", "sasrec", "--time-budget", "-1"], 2, "time_budget = -1.0"),
        (["--model", "sasrec", "--epochs", "-1"], 2, "epochs = -1"),
        (["--model", "sasrec", "--look-steps", "1"], 2, "sasrec has no sampler"),
        (["--model", "fave", "--look-steps", "0"], 2, "look_steps = 0"),
        (["--model", "diffurec", "--look-steps", "64"], 2, "a diffusion of 32 steps cannot be sampled in 64"),
        (["--model", "sasrec", "--time-budget", "inf"], 2, "time_budget = inf"),
        (["--model", "fave", "--set", "model.alpha=inf"], 2, "model.alpha = inf"),
        (["--model", "sasrec", "--set", "training.batch_size=1000000000000000000000"], 1, "mine sasrec"),
        (["--model", "popularity", "--colour", "red"], 2, "unrecognized arguments: --colour red"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(base, tmp_path, capsys, extra, code, sentence):
    assert ending(run.main, [*base, *extra]) == code
    said = capsys.readouterr().err
    assert sentence in said and "Traceback" not in said
    assert not list((tmp_path / "results").rglob("*.json"))


def test_other_data_under_a_printed_name_are_compared_with_nothing_printed(csv, tmp_path, capsys):
    results, out = tmp_path / "results", tmp_path / "tables"
    where = ["--dataset", "ml-100k", "--from", str(csv), "--results", str(results)]
    assert ending(run.main, [*where, "--model", "sasrec", *SMALL]) == 0
    assert "mine.csv (CSV or TSV table) holds 60 users and 25 items, so it is not" in capsys.readouterr().err
    assert next(Store(results).records()).dataset.other_data
    assert ending(table.main, ["--name", "overall", "--results", str(results), "--out", str(out)]) == 0
    rows = json.loads((out / "overall.json").read_text())["rows"]
    assert {row["paper_value"] for row in rows if row["dataset"] == "ml-100k"} == {None}
    assert "not the papers' data" in (out / "overall.md").read_text()


def test_an_unknown_dataset_is_one_sentence(tmp_path, capsys):
    arguments = ["--dataset", "beuaty", "--model", "popularity", "--results", str(tmp_path)]
    assert ending(run.main, arguments) == 2
    assert "did you mean 'beauty'" in capsys.readouterr().err


def test_a_campaign_does_what_is_missing_and_renders(csv, tmp_path, capsys, monkeypatch):
    prepare.main(["--dataset", "mine", "--from", str(csv)])
    monkeypatch.setitem(campaign.PROFILES, "demo", campaign.Profile("test", ("mine",), (0,), 1e-6, True))
    arguments = ["--profile", "demo", "--models", "popularity", "sasrec", "--device", "cpu"]
    arguments += ["--results", str(tmp_path / "results"), "--out", str(tmp_path / "tables")]
    assert ending(campaign.main, [*arguments, "--plan"]) == 0
    assert "3 runs" in capsys.readouterr().out
    assert ending(campaign.main, arguments) == 0
    said = capsys.readouterr()
    assert "0 of 3 runs are recorded" in said.err
    assert said.out.endswith(f"report: {tmp_path / 'tables' / 'report.html'}\n")
    assert "Popularity" in (tmp_path / "tables" / "report.html").read_text()
    assert {r.training.stopped_because for r in Store(tmp_path / "results").records()} == {"budget", "closed-form"}
    rendered = (tmp_path / "tables" / "overall.md").read_text()
    assert "mine" in rendered and "†" in rendered
    assert ending(campaign.main, arguments) == 0
    assert "3 of 3 runs are recorded" in capsys.readouterr().err
    assert (tmp_path / "tables" / "overall.md").read_text() == rendered


def test_a_campaign_takes_a_budget_for_its_runs(csv, tmp_path, monkeypatch):
    prepare.main(["--dataset", "mine", "--from", str(csv)])
    monkeypatch.setitem(campaign.PROFILES, "demo", campaign.Profile("test", ("mine",), (0,), 3600, True))
    arguments = [
        "--profile",
        "demo",
        "--models",
        "gru4rec",
        "--results",
        str(tmp_path / "r"),
        "--out",
        str(tmp_path / "o"),
    ]
    assert ending(campaign.main, [*arguments, "--run-budget", "1e-6"]) == 0
    (path,) = (tmp_path / "r").rglob("run.json")
    record = json.loads(path.read_text())
    assert record["config"]["training"]["time_budget"] == 1e-6
    assert record["training"]["stopped_because"] == "budget"


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--run-budget", "0", "--run-budget 0.0: give a positive number"),
        ("--time-budget", "inf", "--time-budget inf: give a positive number"),
        ("--look-steps", "0", "--look-steps 0: give a positive number"),
        ("--datasets", "beuaty", "unknown dataset 'beuaty'; did you mean 'beauty'"),
        ("--out", "pyproject.toml", "--out pyproject.toml: a file is there; give a folder"),
        ("--pack", "tests", "--pack tests: a folder is there; give the name of a file"),
    ],
)
@pytest.mark.parametrize("plan", [[], ["--plan"]], ids=["run", "plan"])
def test_a_mistake_is_told_before_anything_is_planned_or_run(option, value, sentence, plan, tmp_path, capsys):
    results = ["--results", str(tmp_path / "results")]
    assert ending(campaign.main, ["--profile", "demo", "--device", "cpu", option, value, *results, *plan]) == 2
    said = capsys.readouterr()
    assert sentence in said.err and not said.out and not (tmp_path / "results").exists()


def test_a_run_that_nothing_can_be_written_of_does_not_sink_a_campaign(csv, tmp_path, capsys, monkeypatch):
    prepare.main(["--dataset", "mine", "--from", str(csv)])
    monkeypatch.setitem(campaign.PROFILES, "demo", campaign.Profile("test", ("mine",), (0,), 0.5, True))
    (tmp_path / "results" / "mine").mkdir(parents=True)
    (tmp_path / "results" / "mine" / "itemknn").write_text("in the way")
    arguments = ["--profile", "demo", "--models", "itemknn", "popularity", "--device", "cpu"]
    arguments += ["--results", str(tmp_path / "results"), "--out", str(tmp_path / "tables")]
    assert ending(campaign.main, arguments) == 1
    assert "Not a directory" in capsys.readouterr().err
    assert [record.model for record in Store(tmp_path / "results").records()] == ["popularity"]


def test_one_failed_run_does_not_sink_a_campaign(csv, tmp_path, capsys, monkeypatch):
    from baselines.sasrec import SASRec

    def broken(self, batch):
        return {"ce": self.items.weight.sum() * float("nan")}

    prepare.main(["--dataset", "mine", "--from", str(csv)])
    working = SASRec.losses
    monkeypatch.setattr(SASRec, "losses", broken)
    monkeypatch.setitem(campaign.PROFILES, "demo", campaign.Profile("test", ("mine",), (0,), 0.5, True))
    arguments = ["--profile", "demo", "--models", "popularity", "sasrec", "--device", "cpu"]
    arguments += ["--results", str(tmp_path / "results"), "--out", str(tmp_path / "tables")]
    assert ending(campaign.main, arguments) == 1
    said = capsys.readouterr().err
    assert "non-finite" in said and "Traceback" not in said
    (failed, _) = sorted((tmp_path / "results").rglob("failed.json"))
    assert "non-finite" in json.loads(failed.read_text())["error"]
    assert [record.model for record in Store(tmp_path / "results").records()] == ["popularity"]
    monkeypatch.setattr(SASRec, "losses", working)
    arguments.insert(3, "markov")
    assert ending(campaign.main, [*arguments, "--retry-failed"]) == 0
    assert "0 of 2 runs are recorded" in capsys.readouterr().err, "only the two that failed are done"
    assert {record.model for record in Store(tmp_path / "results").records()} == {"popularity", "sasrec"}
    assert not list((tmp_path / "results").rglob("failed.json"))


def test_a_damaged_record_is_named_once_by_each_command_and_then_made_again(csv, tmp_path, capsys, monkeypatch):
    prepare.main(["--dataset", "mine", "--from", str(csv)])
    monkeypatch.setitem(campaign.PROFILES, "demo", campaign.Profile("test", ("mine",), (0,), None, False))
    arguments = ["--profile", "demo", "--models", "popularity", "markov", "--device", "cpu"]
    arguments += ["--results", str(tmp_path / "results"), "--out", str(tmp_path / "tables")]
    assert ending(campaign.main, arguments) == 0
    ranks = [path.read_bytes() for path in sorted((tmp_path / "results").rglob("ranks.npz"))]
    for path in (tmp_path / "results").rglob("ranks.npz"):
        path.write_bytes(b"")
    for again in ([*arguments, "--plan"], arguments):
        capsys.readouterr()
        assert ending(campaign.main, again) == 0
        assert capsys.readouterr().err.count("does not match the checksum") == 2, "once a record"
    assert [path.read_bytes() for path in sorted((tmp_path / "results").rglob("ranks.npz"))] == ranks


def test_without_any_real_dataset_the_default_profile_runs_on_synthetic_data_and_says_so(tmp_path, capsys, monkeypatch):
    from fave_bench import data
    from fave_bench.errors import BenchError

    real = data.load

    def offline(name, source=None, **options):
        if name == "ml-100k":
            raise BenchError("ml-100k: cannot be fetched; put u.data into a folder and give it with --from")
        return real(name, source, **options)

    monkeypatch.setattr(data, "load", offline)
    arguments = ["--models", "popularity", "--results", str(tmp_path / "results"), "--out", str(tmp_path / "tables")]
    assert ending(campaign.main, arguments) == 0
    first = capsys.readouterr().err.splitlines()[0]
    assert "SYNTHETIC" in first and "put u.data" in first
    assert "synthetic" in (tmp_path / "tables" / "overall.md").read_text().lower()


def test_a_second_look_at_the_tables_finds_no_difference(csv, base, tmp_path):
    assert ending(run.main, [*base, "--model", "popularity"]) == 0
    where = ["--results", str(tmp_path / "results"), "--out", str(tmp_path / "tables")]
    assert ending(table.main, ["--name", "overall", *where]) == 0
    assert ending(table.main, ["--name", "overall", "--check", *where]) == 0
    (tmp_path / "tables" / "overall.md").write_text("edited")
    assert ending(table.main, ["--name", "overall", "--check", *where]) == 1
