"""The verb `compare`: what it pairs, what it refuses, and what it prints."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import add_run

from fave_bench.compare import main
from fave_bench.errors import BenchError, UsageError
from fave_bench.evaluation.metrics import METRICS
from fave_bench.records import Record, Store

USERS = 60


def higher(typical: int, seed: int = 0) -> list[int]:
    return np.random.default_rng([typical, seed]).poisson(typical, USERS).tolist()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A row of two seeds, one that beats it, and one cut short that is far behind."""
    found = Store(tmp_path / "results")
    for seed in range(2):
        add_run(found, model="slow", title="Slow", seed=seed, higher=higher(20, seed))
    add_run(found, model="good", title="Good", setting="paper", variant="ce", higher=higher(5))
    add_run(found, model="cut", title="Cut", stopped_because="budget", higher=higher(45))
    return found


def ask(store: Store, *arguments: str) -> list[str]:
    return ["--dataset", "toy", "--results", str(store.root), "--resamples", "200", *arguments]


def pairs(store: Store, capsys: Any, *arguments: str) -> list[dict[str, Any]]:
    assert main(ask(store, "--json", *arguments)) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["pairs"]
    return found


def test_every_pair_in_every_metric_and_differences_are_those_of_the_records(store: Store, capsys: Any) -> None:
    found = pairs(store, capsys, "--metrics", *METRICS, "--protocol", "released")
    assert [(pair["a"], pair["b"]) for pair in found[:3]] == [
        ("cut:released", "good:paper:ce"), ("cut:released", "slow:released"), ("good:paper:ce", "slow:released"),
    ]  # fmt: skip
    assert len(found) == 3 * len(METRICS)
    recorded: dict[str, list[Record]] = {}
    for record in store.records():
        recorded.setdefault(record.model, []).append(record)
    for pair in found:
        a, b = (recorded[pair[side].partition(":")[0]] for side in "ab")
        mean = [np.mean([r.metrics["released"]["test"][pair["metric"]] for r in row]) for row in (a, b)]
        assert pair["difference"] == pytest.approx(mean[0] - mean[1])
        low, high = pair["interval"]
        assert low <= pair["difference"] <= high
        assert pair["p"] <= pair["p_holm"] <= 1
        assert pair["wins"] + pair["ties"] + pair["losses"] == USERS
        assert (pair["a_seeds"], pair["b_seeds"]) == (len(a), len(b))
        assert (pair["a_truncated"], pair["b_truncated"]) == (a[0].truncated, b[0].truncated)


def test_a_row_can_be_named_by_model_setting_or_variant(store: Store, capsys: Any) -> None:
    for name in ("good", "good:paper", "good:paper:ce"):
        (pair,) = pairs(store, capsys, "--models", name, "slow", "--metrics", "H@20")
        assert (pair["a"], pair["b"]) == ("good:paper:ce", "slow:released")
        assert pair["p"] == pair["p_holm"]


def test_a_key_names_one_run_of_a_row(store: Store, capsys: Any) -> None:
    one = next(record for record in store.records() if record.model == "slow" and record.seed == 1)
    (pair,) = pairs(store, capsys, "--models", "good", one.key, "--metrics", "H@20")
    assert (pair["a_seeds"], pair["b"], pair["b_seeds"]) == (1, "slow:released", 1)


def test_the_table_says_who_is_better_and_who_was_cut_short(store: Store, capsys: Any) -> None:
    main(ask(store))
    page = capsys.readouterr().out
    assert "| Good, paper, ce | Slow, released |" in page and "Cut, released † |" in page
    row = next(line for line in page.splitlines() if line.startswith("| Cut, released † | Good"))
    assert "b is better" in row and "−" in row
    assert "stopped by a budget" in page and "60 users" in page


@pytest.mark.parametrize("ending", ["tex", "csv", "html"])
def test_other_formats_say_the_same(store: Store, capsys: Any, ending: str) -> None:
    main(ask(store, "--format", ending))
    assert ("good:paper:ce" if ending == "csv" else "Good, paper, ce") in capsys.readouterr().out


def test_the_same_seed_prints_the_same_bytes(store: Store, capsys: Any) -> None:
    printed = [main(ask(store, "--seed", seed)) or capsys.readouterr().out for seed in ("4", "4", "5")]
    assert printed[0] == printed[1] != printed[2]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"fingerprint": "f" * 64}, r"learned from different data \(01234567, ffffffff\)"),
        ({"split": "temporal"}, "splits leave-one-out and temporal; choose one with --split"),
        ({"synthetic": True}, "synthetic and real runs cannot be compared"),
        ({"protocols": {"filtered": 0, "released": 1}}, "another version of the protocols"),
        ({"higher": [1, 2, 3]}, "not ranked for the same test users"),
    ],
)
def test_runs_that_do_not_answer_the_same_question_are_refused(store: Store, changes: Any, sentence: str) -> None:
    add_run(store, model="odd", **({"higher": higher(9)} | changes))
    with pytest.raises(BenchError, match=sentence) as refused:
        main(ask(store))
    assert refused.value.exit_code == 1
    assert main(ask(store, "--models", "good", "slow")) == 0  # the others can still be compared


def test_a_split_can_be_chosen(store: Store, capsys: Any) -> None:
    add_run(store, model="odd", higher=higher(9), split="temporal")
    assert len(pairs(store, capsys, "--split", "leave-one-out", "--metrics", "H@5")) == 3
    with pytest.raises(BenchError, match="toy temporal has 1"):
        main(ask(store, "--split", "temporal"))


def test_fewer_than_two_rows_are_one_sentence(store: Store) -> None:
    with pytest.raises(BenchError, match="needs two rows, and toy with --models slow has 1"):
        main(ask(store, "--models", "slow"))
    with pytest.raises(BenchError, match="no finished run of beauty to compare"):
        main(["--dataset", "beauty", "--results", str(store.root)])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--models", "god"], "unknown model 'god'; did you mean 'good'"),
        (["--metrics", "HR@20"], "unknown metric 'HR@20'; there are H@K"),
        (["--metrics", "H@0"], "unknown metric 'H@0'"),
        (["--permutations", "9"], "--permutations must be at least 100"),
        (["--resamples", "0"], "--resamples must be at least 100"),
        (["--seed", "-1"], "--seed must not be negative"),
        (["--dataset", "tyo"], "unknown dataset 'tyo'; did you mean 'toy'"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(store: Store, arguments: list[str], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        main(ask(store, *arguments))


def test_comparing_needs_no_torch_and_its_help_no_scipy() -> None:
    for module, code in (
        ("torch", "import fave_bench.rendering.paired"),
        ("scipy", "import fave_bench.compare"),
    ):
        asked = f"import sys; {code}; sys.exit({module!r} in sys.modules)"
        assert subprocess.run([sys.executable, "-c", asked], cwd=Path(__file__).parents[1]).returncode == 0
