"""The verb prepare: one card for every route to the same data, and one sentence for everything that goes wrong."""

import errno
import gzip
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from data_helpers import EVENTS, write_csv, write_per_line, write_pickle, write_u_data

from fave_bench import data
from fave_bench.cli import entry
from fave_bench.data import cache, catalogue
from fave_bench.prepare import main


@pytest.fixture(autouse=True)
def no_data_folder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "real_data" not in request.fixturenames:
        monkeypatch.delenv("FAVE_BENCH_DATA", raising=False)


@pytest.fixture
def card(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, object]]:
    def printed(*argv: object) -> dict[str, object]:
        assert main([*map(str, argv), "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return printed


@pytest.mark.parametrize(
    ("dataset", "files"),
    [("ml-100k", ["u.data", "dataset.pkl"]), ("beauty", ["Beauty.txt", "dataset.pkl"])],
)
def test_both_routes_to_the_real_data_have_one_fingerprint(
    real_data: Callable[[str], Path], card: Callable[..., dict[str, object]], dataset: str, files: list[str]
) -> None:
    cards = [card("--dataset", dataset, "--from", real_data(dataset) / file) for file in files]
    known = catalogue.get(dataset)
    assert {each["fingerprint"] for each in cards} == {known.fingerprint}
    for each in cards:
        assert (each["items"], each["actions"]) == (known.items, known.actions)
        assert each["users"] == (22_363 if dataset == "beauty" else known.users)
        assert each["sha256"] in dict(known.checksums)


def test_times_that_are_no_seconds_order_the_actions_and_are_shown_as_they_are(
    tmp_path: Path, card: Callable[..., dict[str, object]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Amazon's reviews of 2023 come in milliseconds."""
    begin = 1_588_687_728_923
    path = tmp_path / "actions.csv"
    rows = [f"{user},i{n},{begin + 10 * n}" for user in "ab" for n in range(4)]
    path.write_text("\n".join(["user_id,parent_asin,timestamp", *rows]) + "\n")
    assert main(["--dataset", "mine", "--from", str(path)]) == 0
    assert "1,588,687,728,923 to 1,588,687,728,953" in capsys.readouterr().out
    assert card("--dataset", "mine")["order"]["first"] == begin  # type: ignore[index]


def test_a_difference_from_the_papers_counts_is_one_line(
    tmp_path: Path, card: Callable[..., dict[str, object]], capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_per_line(tmp_path / "Beauty.txt", EVENTS)
    counts, fingerprint = card("--dataset", "beauty", "--from", path)["differences"]  # type: ignore[misc]
    assert counts.startswith("3 users, the paper prints 22,361; 4 items, the paper prints 12,101; 12 actions")
    assert fingerprint == "not the public sequences behind the paper's tables"
    main(["--dataset", "beauty", "--from", str(path)])
    assert f"differs                     {counts}\n" in capsys.readouterr().out


def test_equal_counts_in_another_order_are_laid_to_tied_times(
    tmp_path: Path, card: Callable[..., dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    known = catalogue.entries()
    ours = replace(known["ml-100k"], users=3, items=4, actions=12)
    monkeypatch.setattr(catalogue, "entries", lambda: known | {"ml-100k": ours})
    (line,) = card("--dataset", "ml-100k", "--from", write_u_data(tmp_path / "u.data", EVENTS))["differences"]  # type: ignore[misc]
    assert "the counts agree, but 33.3% of neighbouring actions have the same time" in line


def test_the_card_holds_the_documented_keys(tmp_path: Path, card: Callable[..., dict[str, object]]) -> None:
    found = card("--dataset", "mine", "--from", write_csv(tmp_path / "mine.csv", EVENTS))
    assert found["dataset"] == "mine"
    assert (found["users"], found["items"], found["actions"]) == (3, 4, 12)
    assert {"fingerprint", "sha256", "sparsity", "lengths", "repeated_actions", "unseen_test_targets", "order"} <= set(
        found
    )
    assert found["source"] == "mine.csv (CSV or TSV table)"
    assert found["synthetic"] is False


def test_synthetic_data_say_so_first_and_print_the_oracle(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--dataset", "markov"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("SYNTHETIC")
    assert [line.split()[1] for line in lines if line.startswith("oracle")] == [
        "H@5", "N@5", "H@10", "N@10", "H@20", "N@20", "MRR",
    ]  # fmt: skip


def test_what_was_prepared_is_used_from_then_on(tmp_path: Path, card: Callable[..., dict[str, object]]) -> None:
    path = write_csv(tmp_path / "mine.csv", [*EVENTS, (99, 10, 5)])
    prepared = card("--dataset", "mine", "--from", path, "--min-user", 3)
    path.unlink()
    assert data.load("mine").fingerprint == prepared["fingerprint"]
    assert data.available("mine")
    assert card("--dataset", "mine")["fingerprint"] == prepared["fingerprint"]


def test_data_prepared_anew_are_still_known_by_where_they_came_from(
    tmp_path: Path, card: Callable[..., dict[str, object]]
) -> None:
    path = write_csv(tmp_path / "mine.csv", EVENTS)
    card("--dataset", "mine", "--from", path)
    for _ in range(2):
        card("--dataset", "mine", "--min-user", 3)
    assert cache.remembered_source("mine") == path


def test_it_says_where_the_data_folder_will_be_read_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data" / "mine").mkdir(parents=True)
    write_csv(tmp_path / "data" / "mine" / "mine.csv", EVENTS)
    monkeypatch.setenv("FAVE_BENCH_DATA", str(tmp_path / "data"))
    for events, said in ((EVENTS, False), ([(user, item, -t) for user, item, t in EVENTS], True)):
        main(["--dataset", "mine", "--from", str(write_csv(tmp_path / "mine.csv", events))])
        assert ("prepare this under another name" in capsys.readouterr().err) == said


def outcome(argv: Sequence[object], capsys: pytest.CaptureFixture[str]) -> tuple[object, str]:
    """Exit status and what stood on stderr; nothing may stand on stdout."""
    with pytest.raises(SystemExit) as ended:
        entry(lambda _: main([str(argument) for argument in argv]))
    captured = capsys.readouterr()
    assert captured.out == ""
    return ended.value.code, captured.err


class Harmful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch harmed",)


BAD_FILES = {
    "empty.csv": b"",
    "u.data": b"1\tx\t3\t4\n",
    "negative/u.data": b"-1\t2\t3\t4\n",
    "columns/u.data": b"1\t2\t3\n",
    "text.txt": b"1 2 x\n",
    "short.txt": b"1 2 3 4\n2 3 4\n",
    "cut.csv.gz": gzip.compress(b"user,item\n" + os.urandom(4000).hex().encode())[:-1000],
    "dataset.pkl": pickle.dumps({"train": Harmful()}),
    "header.csv": b"who,what\na,b\n",
    "quote.tsv": b"user\titem\ttitle\n" + b"".join(b'u%d\ti%d\t"Weird Al\n' % (n // 4, n) for n in range(8)),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_ends_with_one_sentence_and_status_1_and_leaves_nothing(
    tmp_path: Path, own_cache: Path, capsys: pytest.CaptureFixture[str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(BAD_FILES[name])
    good = write_csv(tmp_path / "good.csv", EVENTS)
    main(["--dataset", "mine", "--from", str(good)])
    before = data.load("mine").fingerprint
    capsys.readouterr()
    code, message = outcome(["--dataset", "mine", "--from", path], capsys)
    assert code == 1
    assert message.startswith("fave-bench: ") and message.count("\n") == 1
    assert not (tmp_path / "harmed").exists()
    assert not [path for path in own_cache.rglob("*") if path.suffix in (".tmp", ".part")]
    assert data.load("mine").fingerprint == before, "what was prepared before is untouched"


def test_a_user_with_two_interactions_is_named_with_the_way_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "short.txt"
    path.write_bytes(BAD_FILES["short.txt"])
    _, message = outcome(["--dataset", "mine", "--from", path], capsys)
    assert "user '2' has 2 interactions" in message and "--min-user 3" in message
    assert main(["--dataset", "mine", "--from", str(path), "--min-user", "3"]) == 0


@pytest.mark.parametrize(
    "argv",
    [
        ["--dataset", "beuaty"],
        ["--dataset", "nothing-like-it"],
        ["--dataset", "../up", "--from", "x"],
        ["--dataset", "demo", "--from", "x"],
        ["--dataset", "mine", "--from", "good.csv", "--min-user", "0"],
        ["--dataset", "mine", "--from", "good.csv", "--min-item", "many"],
        ["--dataset", "mine", "--from", "good.csv", "--user-column", "nobody"],
        ["--dataset", "mine", "--from", "good.pkl", "--user-column", "user"],
        ["--dataset", "mine", "--form", "good.csv"],
        [],
    ],
)
def test_a_usage_error_ends_with_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], argv: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_csv(Path("good.csv"), EVENTS)
    write_pickle(Path("good.pkl"), EVENTS)
    code, message = outcome(argv, capsys)
    assert code == 2
    assert message.count("\n") == 1


def test_a_missing_file_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, message = outcome(["--dataset", "mine", "--from", tmp_path / "gone.csv"], capsys)
    assert code == 1 and message.endswith("gone.csv: no such file or folder\n")


def test_an_unreadable_file_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal is made up, because the superuser may read everything."""
    path = write_csv(tmp_path / "mine.csv", EVENTS)

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    code, message = outcome(["--dataset", "mine", "--from", path], capsys)
    assert code == 1 and "Permission denied" in message


def test_the_command_line_itself(tmp_path: Path) -> None:
    """As a user runs it: card on stdout, sentence on stderr, help without waiting for numpy."""

    def run(*argv: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "fave_bench.prepare", *argv]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    path = write_csv(tmp_path / "mine.csv", EVENTS)
    good, bad = run("--dataset", "mine", "--from", str(path)), run("--dataset", "beuaty")
    assert good.returncode == 0 and good.stdout.startswith("dataset ") and good.stderr == ""
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr.startswith("fave-bench: unknown dataset 'beuaty'; did you mean 'beauty'?")
    assert "example:" in run("--help").stdout
