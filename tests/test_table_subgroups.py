"""The table of subgroups: groups add up to the overall metric, and the data must be those of the runs."""

import json
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import add_run

from fave_bench import data
from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import leave_one_out
from fave_bench.errors import BenchError, UsageError
from fave_bench.evaluation.metrics import values_of
from fave_bench.evaluation.protocols import FILTERED, RELEASED
from fave_bench.evaluation.subgroups import target_popularity
from fave_bench.records import Record, Store
from fave_bench.rendering.boards import boards
from fave_bench.rendering.formats import FORMATS
from fave_bench.rendering.printed import Overall
from fave_bench.rendering.subgroups import subgroups
from fave_bench.rendering.table_model import Table
from fave_bench.table import main


@pytest.fixture(scope="module")
def small() -> Sequences:
    """700 users: more than one batch of protocol released, and a short last one."""
    generator = np.random.default_rng(0)
    lengths = generator.integers(3, 30, 700)
    items = np.minimum(generator.geometric(0.05, lengths.sum()), 60).astype(np.int32)
    return Sequences("small", np.concatenate([[0], lengths.cumsum()]), items)


@pytest.fixture
def store(tmp_path: Path, small: Sequences) -> Store:
    """A row of one seed that was cut short, and one of three."""
    found = Store(tmp_path / "results")
    for model, seeds in (("one", 1), ("three", 3)):
        for seed in range(seeds):
            higher = np.random.default_rng([seeds, seed]).geometric(0.04, small.num_users).tolist()
            add_run(
                found, model=model, title=model.title(), seed=seed, higher=higher, dataset="small",
                fingerprint=small.fingerprint, stopped_because="budget" if seeds == 1 else "converged",
            )  # fmt: skip
    return found


def tabled(store: Store, small: Sequences) -> Table:
    found = boards(store.records(), [], Overall({}, ""))
    return subgroups(found, [FILTERED, RELEASED], store.ranks, lambda name: small)


def test_groups_weighted_by_their_share_give_the_recorded_metric(store: Store, small: Sequences) -> None:
    recorded: dict[str, list[Record]] = {}
    for record in store.records():
        recorded.setdefault(record.model, []).append(record)
    places = ("protocol", "grouping", "model", "metric")
    rows = sorted(tabled(store, small).rows, key=lambda row: [str(row[place]) for place in places])
    sheets = [(key, list(group)) for key, group in groupby(rows, key=lambda row: [row[place] for place in places])]
    assert len(sheets) == 2 * 2 * 2 * 2
    for (of, _, model, metric), groups in sheets:
        overall = np.mean([record.metrics[of]["test"][metric] for record in recorded[model]])
        assert sum(row["share"] * row["ours_mean"] for row in groups) == pytest.approx(100 * overall, abs=1e-5)
        assert sum(row["users"] for row in groups) == small.num_users


def test_a_groups_error_is_that_of_a_sample_of_its_size(store: Store, small: Sequences) -> None:
    for row in tabled(store, small).rows:
        if (row["protocol"], row["metric"]) == ("filtered", "H@20"):
            assert (row["ours_sd"] is None) == (row["seeds"] == 1)
            p = row["ours_mean"] / 100
            if row["seeds"] == 1:
                assert row["sampling_error"] == pytest.approx(100 * np.sqrt(p * (1 - p) / row["users"]), abs=1e-5)


def test_a_group_is_measured_on_its_own_users(store: Store, small: Sequences) -> None:
    grouping = target_popularity(small, leave_one_out(small))
    record = next(record for record in store.records() if record.model == "one")
    gains = 100 * values_of("N@20", store.ranks(record)["test"].ranks(FILTERED.name))
    asked = {"model": "one", "protocol": "filtered", "grouping": "target popularity", "metric": "N@20"}
    found = {
        row["group"]: row["ours_mean"] for row in tabled(store, small).rows if asked.items() <= row.items()
    }  # fmt: skip
    assert found == {
        name: pytest.approx(gains[grouping.group == i].mean(), abs=1e-5) for i, name in enumerate(grouping.names)
    }


def test_every_cell_has_its_n_and_its_error_and_the_cut_short_row_its_mark(store: Store, small: Sequences) -> None:
    table = tabled(store, small)
    assert len(table.blocks) == 4
    for block in table.blocks:
        assert {len(row) for row in block.rows} == {len(block.columns)}
        assert all("n = " in column.group for column in block.columns if column.group)
    page = FORMATS["md"](table)
    assert "| One † | released |" in page and ")† |" in page
    assert "tail" in page and "four groups of about equal size" in page
    assert all(FORMATS[ending](table) for ending in FORMATS)


def test_other_data_than_the_runs_had_are_one_sentence(store: Store, small: Sequences) -> None:
    other = Sequences("small", small.offsets, small.items[::-1].copy())
    with pytest.raises(BenchError, match=f"its runs learned from data {small.fingerprint[:8]}, and what is here"):
        tabled(store, other)


def test_other_users_than_the_splits_are_one_sentence(store: Store, small: Sequences) -> None:
    add_run(store, model="few", dataset="small", fingerprint=small.fingerprint, higher=[1, 2, 3])
    with pytest.raises(BenchError, match="ranked for other users than its split's test users"):
        tabled(store, small)


def test_the_recorded_runs_of_movielens_add_up_as_well(real_data: Callable[[str], Path], capsys: Any) -> None:
    real_data("ml-100k")
    results = Path(__file__).parents[1] / "results"
    asked = ["--name", "subgroups", "--results", str(results), "--datasets", "ml-100k", "--protocol", "released"]
    assert main([*asked, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    for record in Store(results).records():
        if (record.dataset.name, record.model) == ("ml-100k", "markov"):
            mine = [r for r in rows if (r["configuration"], r["metric"]) == (record.configuration, "N@20")]
            for grouping in ("history length", "target popularity"):
                groups = [row for row in mine if row["grouping"] == grouping]
                assert sum(row["users"] for row in groups) == 943
                total = sum(row["share"] * row["ours_mean"] for row in groups)
                assert total == pytest.approx(100 * record.metrics["released"]["test"]["N@20"], abs=1e-5)


def ask(store: Store, *arguments: str) -> list[str]:
    return ["--name", "subgroups", "--results", str(store.root), *arguments]


def test_data_that_are_not_on_this_machine_are_one_sentence_and_nothing_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FAVE_BENCH_DATA", raising=False)
    store = Store(tmp_path / "results")
    add_run(store, dataset="ml-100k")
    for check in ([], ["--check"]):
        with pytest.raises(BenchError, match="prepare --dataset ml-100k` gets them") as refused:
            main(ask(store, *check))
        assert refused.value.exit_code == 1
    with pytest.raises(UsageError, match="unknown dataset 'ml-100'"):
        main(ask(store, "--datasets", "ml-100"))


def test_the_verb_renders_and_checks_generated_data(tmp_path: Path, capsys: Any) -> None:
    demo, store = data.load("demo"), Store(tmp_path / "results")
    higher = np.random.default_rng(0).geometric(0.04, len(leave_one_out(demo).test.users)).tolist()
    add_run(store, dataset="demo", fingerprint=demo.fingerprint, higher=higher, synthetic=True)
    out = ["--out", str(tmp_path / "tables")]
    assert main(ask(store, *out)) == 0 and main(ask(store, *out, "--check")) == 0
    assert "SYNTHETIC" in capsys.readouterr().out
    main(ask(store, "--json", "--protocol", "filtered"))
    assert {row["protocol"] for row in json.loads(capsys.readouterr().out)["rows"]} == {"filtered"}
