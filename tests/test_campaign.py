"""Campaigns: what comes first, how long it takes, what fits into a slice, and the slice's archive."""

import json
import shutil
import time
import zipfile
from argparse import Namespace
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import actions_csv, ending

from fave_bench import campaign, cli, merge, prepare, runner
from fave_bench.data.sequences import Sequences
from fave_bench.efficiency.environment import describe
from fave_bench.errors import BenchError
from fave_bench.estimates import Estimates, in_words
from fave_bench.plan import print_plan
from fave_bench.records import Store
from fave_bench.records import packing as packing_module
from fave_bench.records.measurements import Measurement, TrainingRow, write
from fave_bench.records.packing import contents, pack
from fave_bench.runner import Run, suited
from fave_bench.slices import unsuited
from fave_bench.spec import Spec
from fave_bench.studies.catalogue import Order, campaign_order, families
from fave_bench.worklist import in_a_hurry

CPU = torch.device("cpu")


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A campaign over a small file, a few milliseconds of training a run."""
    prepare.main(["--dataset", "mine", "--from", str(actions_csv(tmp_path / "mine.csv"))])
    monkeypatch.setitem(campaign.PROFILES, "demo", campaign.Profile("test", ("mine",), (0, 1), 1e-6, True))
    where = ["--results", str(tmp_path / "results"), "--out", str(tmp_path / "tables"), "--device", "cpu"]
    return ["--profile", "demo", *where]


def test_a_row_stands_at_the_first_line_that_begins_it():
    order = Order(rows=["a/x", "b", "a", "b/y"], families=[])
    assert [order.place(row) for row in ("a/x/", "a/x/v", "a/xx/", "b/y/", "a/z/", "c/z/")] == [0, 0, 2, 1, 2, 4]


def test_the_order_names_models_and_families_that_exist():
    from fave_bench.models import registry

    order = campaign_order()
    assert {row.split("/")[0] for row in order.rows} <= set(registry.names())
    assert set(order.families) <= set(families())


def test_all_rows_of_a_seed_come_before_the_next_seed_most_wanted_first(arguments, capsys):
    assert ending(campaign.main, [*arguments, "--models", "popularity", "sasrec", "fave", "--plan"]) == 0
    rows = [line.split()[2:] for line in capsys.readouterr().out.splitlines() if " mine " in line]
    names = [" ".join(row[:4]) for row in rows]
    first = ["fave released seed 0", "fave paper seed 0", "sasrec released/ce seed 0", "sasrec released/bce seed 0"]
    assert names[:5] == [*first, "popularity reference seed 0"]
    assert names[5:] == [name.replace("seed 0", "seed 1") for name in names[:5]]


def test_the_full_profile_goes_on_with_changed_rows_and_ends_with_the_ablations(tmp_path, monkeypatch):
    profile = campaign.Profile("test", (), (0, 1), None, False, studies=True)
    monkeypatch.setattr("fave_bench.data.load", lambda name, source=None: _sequences(name))
    runs, broken = campaign._runs(profile, ["ml-100k"], ["fave", "fmrec"], CPU, Store(tmp_path))
    assert not broken and len(runs) == len({run.key for run in runs}) == 2 * (3 + 1 + 4)
    assert [run.spec.seed for run in runs] == [0] * 3 + [1] * 3 + [0, 1] + [0] * 4 + [1] * 4
    assert [run.variant for run in runs[:8]] == [""] * 6 + ["steps=1"] * 2
    assert all(run.spec.model == "fave" and run.plan.changes for run in runs[8:])


def test_fast_is_compiled_bf16_for_what_can_be_compiled_and_nothing_else():
    fave, sasrec = Spec("ml-100k", "fave"), Spec("ml-100k", "sasrec")
    assert (fave.fast().compiled, fave.fast().precision) == (True, "bf16")
    assert sasrec.fast() == sasrec


def test_a_precision_that_is_asked_for_is_that_of_fast_runs_too():
    arguments = Namespace(look_steps=None, fast=True, precision="tf32")
    (fave,) = in_a_hurry([Spec("ml-100k", "fave")], arguments)
    assert (fave.compiled, fave.precision) == (True, "tf32")


def test_tf32_is_for_a_gpu(arguments, capsys):
    assert ending(campaign.main, [*arguments, "--models", "sasrec", "--precision", "tf32"]) == 1
    assert "precision tf32: a GPU multiplies in it, and this run is on cpu; give fp32" in capsys.readouterr().err
    Run(
        Spec("mine", "sasrec", "released", "ce", precision="tf32"), torch.device("meta")
    )  # a cluster's, of any kind yet


def test_precision_is_part_of_the_key_and_compiling_is_not(monkeypatch):
    monkeypatch.setattr("fave_bench.data.load", lambda name, source=None: _sequences(name))
    plain, half = Run(Spec("ml-100k", "fave"), CPU), Run(Spec("ml-100k", "fave", precision="bf16"), CPU)
    assert plain.key != half.key == Run(Spec("ml-100k", "fave").fast(), CPU).key
    assert half.variant == "" and not half.plan.changes and half.plan.training.precision == "bf16"


def test_looks_in_fewer_steps_are_of_what_has_a_sampler_and_part_of_the_key(monkeypatch):
    monkeypatch.setattr("fave_bench.data.load", lambda name, source=None: _sequences(name))
    fave, sasrec = Spec("ml-100k", "fave"), Spec("ml-100k", "sasrec")
    assert fave.looking_in(1).look_steps == 1 and fave.looking_in(None) == fave and sasrec.looking_in(1) == sasrec
    own, one = Run(fave, CPU), Run(fave.looking_in(1), CPU)
    assert own.key != one.key and own.variant == one.variant == ""
    assert "look_steps" not in own.config["training"] and one.config["training"]["look_steps"] == 1


def test_rows_are_not_in_bf16_where_that_is_slow_unless_all_that_are_compared_are_recorded_so(
    arguments, tmp_path, monkeypatch
):
    half, store = Spec("mine", "sasrec", "released", "ce", epochs=1, precision="bf16"), Store(tmp_path / "results")
    plain, other = replace(half, precision="fp32"), replace(half, seed=1)
    monkeypatch.setattr(runner, "has_bf16", lambda device: True)
    assert [run.spec for run in suited([half, other], CPU, store)] == [half, other]
    monkeypatch.setattr(runner, "has_bf16", lambda device: False)
    assert [run.spec for run in suited([half], CPU, store)] == [plain]
    Run(half, CPU).execute(store)
    assert [run.spec for run in suited([half], CPU, store)] == [half]
    assert [run.spec for run in suited([half, other], CPU, store)] == [plain, replace(plain, seed=1)]


def test_a_slow_precision_that_was_asked_for_is_said_to_be_slow(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(runner, "has_bf16", lambda device: False)
    monkeypatch.setattr(cli, "_told", set())
    Run(Spec("mine", "popularity", precision="bf16"), CPU).execute(Store(tmp_path))
    assert "no instructions for bf16" not in capsys.readouterr().err  # nothing is trained
    Run(Spec("mine", "sasrec", epochs=1, precision="bf16"), CPU).execute(Store(tmp_path))
    assert "no instructions for bf16" in capsys.readouterr().err


def test_a_recorded_row_says_how_long_the_next_seed_takes(arguments, tmp_path):
    assert ending(campaign.main, [*arguments, "--models", "popularity", "sasrec", "--seeds", "0"]) == 0
    estimates = Estimates(Store(tmp_path / "results"))
    run = Run(Spec("mine", "sasrec", "released", "ce", 1, epochs=1), CPU)
    found = estimates.of(run)
    assert found is not None and found.at_most and found.seconds > 0  # only a cut run is known
    budget = estimates.of(Run(Spec("mine", "sasrec", "released", "ce", 1, time_budget=100), CPU))
    assert budget is not None and not budget.at_most and 100 <= budget.seconds < 160
    assert estimates.of(Run(Spec("mine", "gru4rec", seed=1), CPU)) is None


def test_another_devices_record_of_a_row_does_not_hide_this_ones(arguments, tmp_path, monkeypatch):
    assert ending(campaign.main, [*arguments, "--models", "sasrec", "--seeds", "0"]) == 0
    store = Store(tmp_path / "results")
    here = next(record for record in store.records() if record.variant == "ce")
    there = here.model_copy(update={"environment": here.environment | {"device": "another"}})
    run, expected = Run(Spec("mine", "sasrec", "released", "ce", 1, epochs=1), CPU), []
    for records in ([here], [here, there], [there, here], [there]):
        monkeypatch.setattr(store, "records", lambda records=records: records)
        expected.append(Estimates(store).of(run))
    assert expected[0] == expected[1] == expected[2] != expected[3] is None


def test_a_row_that_ended_elsewhere_takes_as_many_epochs_at_this_devices_pace(arguments, tmp_path, monkeypatch):
    assert ending(campaign.main, [*arguments, "--models", "sasrec", "--seeds", "0"]) == 0
    store = Store(tmp_path / "results")
    cut = next(record for record in store.records() if record.variant == "ce")
    last = cut.training.curve[-1].model_copy(update={"epoch": 20})
    training = cut.training.model_copy(update={"curve": (last,), "stopped_because": "converged"})
    ended = cut.model_copy(update={"training": training, "environment": cut.environment | {"device": "another"}})
    monkeypatch.setattr(store, "records", lambda: [cut, ended])
    found = Estimates(store).of(Run(Spec("mine", "sasrec", "released", "ce", 1, epochs=500), CPU))
    a_pass, inference = cut.training.seconds / cut.training.epochs, cut.inference
    assert not found.at_most
    assert found.seconds == pytest.approx(20 * a_pass + inference.validation_seconds + inference.test_seconds)


def test_looks_at_validation_take_time_too(arguments, tmp_path, monkeypatch):
    assert ending(campaign.main, [*arguments, "--models", "sasrec", "--seeds", "0"]) == 0
    store = Store(tmp_path / "results")
    cut = next(record for record in store.records() if record.variant == "ce")
    slow = cut.inference.model_copy(update={"validation_seconds": 7.0, "test_seconds": 5.0})
    curve = cut.training.curve * 4
    whole = cut.training.model_copy(update={"seconds": 100.0, "curve": curve, "stopped_because": "converged"})
    run = Run(Spec("mine", "sasrec", "released", "ce", 1, epochs=3), CPU)
    found = []
    for training in (whole, cut.training):
        record = cut.model_copy(update={"inference": slow, "training": training})
        monkeypatch.setattr(store, "records", lambda record=record: [record])
        found.append(Estimates(store).of(run).seconds)
    assert found[0] == 100 + 4 * 7 + 5  # as many looks as the row took
    assert found[1] == pytest.approx(
        3 * cut.training.seconds / cut.training.epochs + 2 * 7 + 5
    )  # every second and the last


def test_fewer_passes_and_looks_in_fewer_steps_take_less_time(arguments, tmp_path, monkeypatch):
    assert ending(campaign.main, [*arguments, "--models", "sasrec", "--seeds", "0"]) == 0
    store = Store(tmp_path / "results")
    made = next(record for record in store.records() if record.variant == "ce")
    look = made.training.curve[-1].model_copy(update={"stage": "pretrain"})
    curve = tuple(look.model_copy(update={"epoch": n, "seconds": 10.0 * n}) for n in (2, 4, 6, 8))
    training = made.training.model_copy(update={"seconds": 80.0, "curve": curve, "stopped_because": "converged"})
    inference = made.inference.model_copy(update={"validation_seconds": 9.0, "test_seconds": 5.0, "steps": 1})
    row = {"model": "fave", "setting": "released", "variant": "", "inference": inference, "training": training}
    monkeypatch.setattr(store, "records", lambda: [made.model_copy(update=row)])

    def seconds(**options):
        return Estimates(store).of(Run(Spec("mine", "fave", "released", seed=1, **options), CPU)).seconds

    assert seconds(epochs=100) == 80 + 4 * 30 * 9 + 5  # as many as it took, in its first stage's thirty steps
    assert seconds(epochs=4) == 40 + 2 * 30 * 9 + 5
    assert seconds(epochs=4, look_steps=1) == 40 + 2 * 9 + 5


def test_a_plan_trains_a_shared_stage_once(arguments, tmp_path, monkeypatch, capsys):
    assert ending(campaign.main, [*arguments, "--models", "sasrec", "--seeds", "0"]) == 0
    made = next(record for record in Store(tmp_path / "results").records() if record.variant == "ce")
    look = made.training.curve[-1]
    curve = [
        look.model_copy(update={"stage": stage, "epoch": 2, "seconds": seconds})
        for stage, seconds in (("pretrain", 1000.0), ("finetune", 1100.0))
    ]
    training = made.training.model_copy(update={"seconds": 1100.0, "curve": curve, "stopped_because": "converged"})
    inference = made.inference.model_copy(update={"validation_seconds": 0.0, "test_seconds": 0.0, "steps": 1})
    row = {"model": "fave", "setting": "released", "variant": "", "inference": inference, "training": training}
    monkeypatch.setattr(Store, "records", lambda store: iter([made.model_copy(update=row)]))
    runs = [
        Run(Spec("mine", "fave", "released", seed=1, overrides=overrides), CPU)
        for overrides in ({}, {"model.gamma": 0.0}, {"model.alpha": 0.3})
    ]
    capsys.readouterr()
    print_plan(runs, Store(tmp_path / "empty"), as_json=True)
    seconds = [one["seconds"] for one in json.loads(capsys.readouterr().out)["runs"]]
    assert seconds == [1100, 100, 1100], "gamma is of the second stage, alpha of the first"


def test_measured_steps_times_the_limit_bound_a_row_that_nobody_ran(arguments, tmp_path):
    row = {
        "model": "fave", "title": "FAVE", "dataset": "mine", "setting": "released", "precision": "fp32",
        "batch_size": 512, "samples_per_second": 1.0, "step_ms": 1.0, "steps": 5, "peak_fraction": 0.1,
    }  # fmt: skip
    rows = [
        TrainingRow.model_validate(row | {"stage": "pretrain", "epoch_seconds": 10.0}),
        TrainingRow.model_validate(row | {"stage": "pretrain", "epoch_seconds": 4.0, "compiled": True}),
        TrainingRow.model_validate(row | {"stage": "finetune", "epoch_seconds": 100.0}),
    ]
    content = {"what": "training", "measured_at": "2026-01-01T00:00:00Z", "environment": describe(CPU), "rows": rows}
    write(tmp_path / "results", Measurement.model_validate(content))
    estimates = Estimates(Store(tmp_path / "results"))
    plain = estimates.of(Run(Spec("mine", "fave", "released", epochs=3), CPU))
    assert plain is not None and plain.at_most and plain.seconds == 3 * 10 + 3 * 100
    compiled = estimates.of(Run(Spec("mine", "fave", "released", epochs=3, compiled=True), CPU))
    assert compiled is not None and compiled.seconds == 3 * 4 + 3 * 100  # a stage that cannot be compiled is not
    assert estimates.of(Run(Spec("mine", "fave", "paper", epochs=3), CPU)) is None


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0 s"), (119, "119 s"), (600, "10 min"), (9000, "2.5 h")])
def test_durations_in_words(seconds, words):
    assert in_words(seconds) == words


def test_a_slice_is_packed_and_merged_elsewhere(arguments, tmp_path, capsys):
    archive, there = tmp_path / "slice.zip", tmp_path / "there"
    models = ["--models", "popularity", "markov"]
    assert ending(campaign.main, [*arguments, *models, "--seeds", "0"]) == 0
    assert ending(campaign.main, [*arguments, *models, "--pack", str(archive), "--pack-weights"]) == 0
    names = zipfile.ZipFile(archive).namelist()
    assert sorted({Path(name).name for name in names}) == ["ranks.npz", "run.json", "weights.safetensors"]
    assert len([name for name in names if name.endswith("run.json")]) == 2  # seed 1 only: the others were there before
    capsys.readouterr()
    assert ending(merge.main, [str(archive), "--results", str(there), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["merged"]) == 2
    for name in names:
        if not name.endswith("run.json"):  # which lists the files beside it
            assert (there / name).read_bytes() == (tmp_path / "results" / name).read_bytes()
    stay = {record.key: record for record in Store(tmp_path / "results").records()}
    for record in Store(there).records():
        assert record == stay[record.key].model_copy(update={"files": record.files})
    assert ending(merge.main, [str(archive), str(tmp_path / "results"), "--results", str(there)]) == 0
    assert capsys.readouterr().out.endswith(f"2 new in {there}/\n")  # the two of seed 0, from the folder
    assert contents(there) == contents(tmp_path / "results")


def test_what_was_recorded_is_packed_although_nothing_can_be_rendered_and_no_archive_is_written_over_for_nothing(
    arguments, tmp_path, capsys
):
    archive, only = tmp_path / "slice.zip", ["--models", "popularity", "--seeds", "0"]
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "report.html").mkdir()  # in the page's place
    assert ending(campaign.main, [*arguments, *only, "--pack", str(archive)]) == 1
    assert "failed: " in capsys.readouterr().err
    before = archive.read_bytes()
    assert len(zipfile.ZipFile(archive).namelist()) == 2
    (tmp_path / "tables" / "report.html").rmdir()
    assert ending(campaign.main, [*arguments, *only, "--pack", str(archive)]) == 0
    assert "nothing new was recorded" in capsys.readouterr().err and archive.read_bytes() == before


def test_a_plan_can_be_read_by_a_program_and_keeps_to_what_failed(arguments, tmp_path, capsys):
    only = [*arguments, "--models", "popularity", "sasrec", "--seeds", "0"]
    assert ending(campaign.main, [*only[:-3], "popularity", "--seeds", "0"]) == 0
    capsys.readouterr()
    assert ending(campaign.main, [*only, "--plan", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert [(one["recorded"], one["seconds"]) for one in plan["runs"]] == [(False, 1e-6)] * 2 + [(True, None)]
    assert plan["not_planned"] == []
    assert ending(campaign.main, [*only, "--plan", "--retry-failed", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"] == []


def test_a_results_folder_zipped_by_hand_can_be_merged(arguments, tmp_path):
    assert ending(campaign.main, [*arguments, "--models", "popularity"]) == 0
    archive = shutil.make_archive(str(tmp_path / "by-hand"), "zip", tmp_path / "results", "mine")
    assert "mine/" in zipfile.ZipFile(archive).namelist()
    assert ending(merge.main, [archive, "--results", str(tmp_path / "there")]) == 0
    assert contents(tmp_path / "there") == contents(tmp_path / "results")


def test_what_has_no_room_is_named_and_records_come_before_weights(arguments, tmp_path):
    assert ending(campaign.main, [*arguments, "--models", "sasrec", "popularity", "--seeds", "0"]) == 0
    root = tmp_path / "results"
    records = sum(path.stat().st_size + 256 for path in [*root.rglob("run.json"), *root.rglob("ranks.npz")])
    packed = pack(root, tmp_path / "a.zip", known=frozenset(), weights=True, limit=records + 20_000)
    assert sum(name.endswith("run.json") for name in packed.names) == 3
    assert packed.left_out and all(name.endswith("weights.safetensors") for name in packed.left_out)
    assert (tmp_path / "a.zip").stat().st_size <= records + 20_000
    nothing = pack(root, tmp_path / "b.zip", known=contents(root))
    assert nothing.names == nothing.left_out == ()


def test_weights_are_packed_into_an_archive_or_not_asked_for(arguments, capsys):
    assert ending(campaign.main, [*arguments, "--pack-weights", "--plan"]) == 2
    assert "--pack-weights: say with --pack into which archive" in capsys.readouterr().err


def test_a_run_known_to_be_too_long_is_left_for_another_slice(arguments, tmp_path, capsys):
    profile = campaign.Profile("test", ("mine",), (0,), 500, True)
    store = Store(tmp_path / "results")
    run = Run(Spec("mine", "sasrec", "released", "ce", time_budget=profile.run_budget, quick=True), CPU)
    why = unsuited(store, time.monotonic() + 60)
    assert why(run) == "it takes about 8 min, and 60 s are left"
    assert unsuited(store, time.monotonic() + 600)(run) is None
    assert unsuited(store, None)(run) is None
    assert ending(campaign.main, [*arguments, "--models", "sasrec", "popularity", "--seeds", "0", "--time-budget", "60",
        "--run-budget", "500", "--pack", str(tmp_path / "s.zip")]) == 0  # fmt: skip
    said = capsys.readouterr().err
    assert said.count("left for another time") == 2 and "stopped with 2 runs to do" in said
    assert [record.model for record in store.records()] == ["popularity"]


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["../../etc/run.json"], "no file of a results folder"),
        (["/a/b/0123456789ab/run.json"], "no file of a results folder"),
        (["a/b/0123456789ab/run.json", "a/b/0123456789ab/run.json"], "in it twice"),
        (["a/b/0123456789ab/code.py"], "no file of a results folder"),
        (["measured/../x.json"], "no file of a results folder"),
        ([".work/b/0123456789ab/run.json"], "no file of a results folder"),
    ],
)
def test_an_archive_of_anything_else_is_refused_whole(tmp_path, capsys, names, sentence):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *args, **kwargs: None)  # zipfile warns of a name twice
        for name in names:
            file.writestr(name, "{}")
    assert ending(merge.main, [str(archive), "--results", str(tmp_path / "r")]) == 1
    assert sentence in capsys.readouterr().err and not (tmp_path / "r").exists()


def test_a_bomb_and_a_file_that_is_no_archive_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(packing_module, "LARGEST", 1000)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a/b/0123456789ab/run.json", bytes(2000))
    (tmp_path / "b.zip").write_bytes(b"nothing")
    for name, sentence in (("a.zip", "unpacked it is more"), ("b.zip", "no archive of records")):
        with pytest.raises(BenchError, match=sentence):
            packing_module.merge(tmp_path / name, Store(tmp_path / "r"))


def test_a_damaged_record_is_left_out_and_the_others_come(arguments, tmp_path, capsys):
    assert ending(campaign.main, [*arguments, "--models", "popularity", "markov", "--seeds", "0"]) == 0
    path = next((tmp_path / "results").rglob("markov/*/run.json"))
    path.write_text(path.read_text().replace('"H@20"', '"H@21"'))
    capsys.readouterr()
    assert ending(merge.main, [str(tmp_path / "results"), "--results", str(tmp_path / "there")]) == 1
    said = capsys.readouterr()
    assert "left out:" in said.err and "1 new in" in said.out
    assert [record.model for record in Store(tmp_path / "there").records()] == ["popularity"]


def test_a_damaged_record_here_is_replaced_by_a_whole_one(arguments, tmp_path, capsys):
    here, there = tmp_path / "results", tmp_path / "there"
    assert ending(campaign.main, [*arguments, "--models", "popularity", "--seeds", "0"]) == 0
    assert ending(merge.main, [str(here), "--results", str(there)]) == 0
    next(there.rglob("ranks.npz")).write_bytes(b"half")
    capsys.readouterr()
    assert ending(merge.main, [str(here), "--results", str(there)]) == 0
    assert "1 new in" in capsys.readouterr().out
    assert [record.model for record in Store(there).records()] == ["popularity"]


def test_an_archive_that_asks_for_a_password_is_one_sentence(tmp_path, capsys):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a/b/0123456789ab/run.json", "{}")
    content = bytearray(archive.read_bytes())
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(header) + flags] |= 1  # encrypted, says the bit
    archive.write_bytes(content)
    assert ending(merge.main, [str(archive), "--results", str(tmp_path / "r")]) == 1
    assert "no archive of records" in capsys.readouterr().err


def test_a_measurement_cannot_choose_where_it_is_written(tmp_path):
    content = {"what": "training", "measured_at": "../../x", "environment": {}, "rows": [], "schema": 1}
    folder = tmp_path / "from" / "measured" / "training"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text(json.dumps(content))
    sentences = list[str]()
    assert packing_module.merge(tmp_path / "from", Store(tmp_path / "to"), sentences.append) == []
    assert "measured_at" in sentences[0] and not (tmp_path / "to").exists()


@cache
def _sequences(name: str) -> Sequences:
    return Sequences(name, np.arange(0, 601, 6), np.arange(600, dtype=np.int32) % 40 + 1)
