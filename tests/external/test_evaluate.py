"""The verb evaluate: a file of scores becomes a record that every view treats like the model's own."""

import gzip
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import actions_csv, add_run, ending
from numpy.typing import NDArray
from scipy import sparse

from fave_bench import compare, data, evaluate, figure, prepare, recommend, report, run, table
from fave_bench.data.splits import SPLITS
from fave_bench.data.windows import windows
from fave_bench.errors import BenchError
from fave_bench.evaluation.ranks import evaluating
from fave_bench.randomness import UserDraw
from fave_bench.records import Record, Store
from fave_bench.restore import restore

Floats = NDArray[np.float32]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    prepare.main(["--dataset", "mine", "--from", str(actions_csv(tmp_path / "mine.csv"))])
    return Store(tmp_path / "results")


def trained(store: Store, model: str, split: str = "leave-one-out") -> Record:
    own = Store(store.root.parent / f"trained-{model}")
    asked = ["--dataset", "mine", "--model", model, "--split", split, "--device", "cpu", "--results", str(own.root)]
    assert run.main(asked) == 0
    (record,) = own.records()
    return record


def exported(store: Store, record: Record) -> dict[str, Path]:
    """Phase -> a .npy file of the scores that the run's model gives; NaN for users whom the phase does not ask."""
    sequences, own = data.load("mine"), Store(store.root.parent / f"trained-{record.model}")
    model, split = restore(own, record, sequences, torch.device("cpu")), SPLITS[record.dataset.split](sequences)
    paths = {}
    for name, phase in (("test", split.test), ("validation", split.validation)):
        ends = (torch.from_numpy(phase.start), torch.from_numpy(phase.stop))
        history = windows(torch.from_numpy(sequences.items), *ends, model.config.window)
        with evaluating(model), torch.inference_mode():
            scores = np.full((sequences.num_users, sequences.num_items + 1), np.nan, np.float32)
            scores[phase.users] = model.scores(history, draw=UserDraw(0, torch.from_numpy(phase.users))).numpy()
        paths[name] = store.root.parent / f"{record.model}-{name}.npy"
        np.save(paths[name], scores)
    return paths


def recorded(store: Store, scores: Path, *options: str, title: str = "Mine") -> Record:
    """The record of an evaluation, which is a new one."""
    before = {record.key for record in store.records()}
    asked = ["--dataset", "mine", "--scores", str(scores), "--title", title, "--results", str(store.root)]
    assert evaluate.main([*asked, *options]) == 0
    (record,) = (record for record in store.records() if record.key not in before)
    return record


def refused(store: Store, capsys: Any, scores: Path, *options: str, title: str = "Mine") -> tuple[int, str]:
    """Exit status and the one sentence; nothing was recorded and nothing is left behind."""
    before = [path for path in store.root.rglob("*") if path.is_file()]
    capsys.readouterr()
    asked = ["--dataset", "mine", "--scores", str(scores), "--title", title, "--results", str(store.root)]
    status = ending(evaluate.main, [*asked, *options])
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    assert [path for path in store.root.rglob("*") if path.is_file()] == before
    return status, said.err


@pytest.mark.parametrize("split", ["leave-one-out", "temporal"])
@pytest.mark.parametrize("model", ["popularity", "itemknn", "markov"])
def test_the_scores_of_a_model_give_the_ranks_of_its_own_record(store: Store, model: str, split: str) -> None:
    own = trained(store, model, split)
    files = exported(store, own)
    found = recorded(store, files["test"], "--validation-scores", str(files["validation"]), "--split", split)
    own_store = Store(store.root.parent / f"trained-{model}")
    assert (found.metrics, found.standard_errors) == (own.metrics, own.standard_errors)
    for phase, ranks in own_store.ranks(own).items():
        mine = store.ranks(found)[phase]
        for protocol in ranks.higher:
            assert (mine.higher[protocol] == ranks.higher[protocol]).all()
            assert (mine.equal[protocol] == ranks.equal[protocol]).all()
    assert (store.lists(found) == own_store.lists(own)).all()
    assert found.diversity and own.diversity
    without_own = own.diversity.model_copy(update={"ild_own": None})
    assert found.diversity == without_own


def test_popularity_counted_in_the_export_is_the_registered_model(store: Store, tmp_path: Path) -> None:
    """Whoever has nothing but the three files can be compared like with like."""
    out = tmp_path / "export"
    prepare.main(["--dataset", "mine", "--export", str(out)])
    users, items, actions = (pd.read_csv(out / f"{name}.csv") for name in ("users", "items", "interactions"))
    counts = actions[actions.part == "train"].item.value_counts().reindex(items.item, fill_value=0)
    np.save(tmp_path / "popularity.npy", np.tile(counts.to_numpy(), (len(users), 1)))
    own = trained(store, "popularity")
    file = tmp_path / "popularity.npy"
    found = recorded(store, file, "--validation-scores", str(file))
    assert found.metrics["filtered"] == own.metrics["filtered"]
    assert found.metrics["released"] == own.metrics["released"], "no target is so rare that it ties with padding"
    assert any("no column for padding" in note for note in found.notes)


def as_lists(scores: Floats, k: int, *, ids: str = "canonical", seen: bool = True) -> str:
    """The k best items of every user, by score and then item, as text."""
    sequences, lines = data.load("mine"), []
    for user, row in enumerate(scores):
        own = {*sequences.items[sequences.offsets[user] : sequences.offsets[user + 1] - 1].tolist()}
        order = [item for item in np.lexsort((np.arange(len(row)), -row)) if seen or (item and item not in own)]
        for item in order[:k]:
            who = user if ids == "canonical" else sequences.user_labels[user]
            what = item if ids == "canonical" else sequences.item_labels[item - 1]
            lines.append(f"{who},{what},{row[item]!r}".replace("np.float32(", "").replace(")", ""))
    return "user,item,score\n" + "\n".join(lines) + "\n"


def distinct(store: Store) -> Floats:
    """Scores without ties for everybody, padding included."""
    sequences = data.load("mine")
    shape = (sequences.num_users, sequences.num_items + 1)
    return np.random.default_rng(1).permutation(shape[0] * shape[1]).reshape(shape).astype(np.float32)


def test_lists_say_what_the_matrix_says_where_they_decide_it(store: Store, tmp_path: Path) -> None:
    scores = distinct(store)
    np.save(tmp_path / "scores.npy", scores)
    whole = recorded(store, tmp_path / "scores.npy", title="Whole")
    (tmp_path / "top.csv").write_text(as_lists(scores, 11))
    short = recorded(store, tmp_path / "top.csv", "--ids", "canonical", title="Short")
    assert short.metrics["released"]["test"] == {
        name: value for name, value in whole.metrics["released"]["test"].items() if name[2:] in ("5", "10")
    }
    assert all(
        value == whole.metrics["filtered"]["test"][name]
        for name, value in short.metrics.get("filtered", {"test": {}})["test"].items()
    )
    assert short.diversity is None and any("goes without H@20, N@20, MRR" in note for note in short.notes)


def test_lists_of_new_items_have_no_released_metrics(store: Store, tmp_path: Path) -> None:
    scores = distinct(store)
    np.save(tmp_path / "scores.npy", scores)
    whole = recorded(store, tmp_path / "scores.npy", title="Whole")
    with gzip.open(tmp_path / "top.csv.gz", "wt") as file:
        file.write(as_lists(scores, 30, ids="original", seen=False))
    found = recorded(store, tmp_path / "top.csv.gz", "--ids", "original", title="New items")
    assert found.metrics == {"filtered": whole.metrics["filtered"]}
    assert (store.lists(found) == store.lists(whole)).all() and found.diversity == whole.diversity
    assert any("histories were removed" in note for note in found.notes)


def test_the_order_of_lines_changes_nothing(store: Store, tmp_path: Path) -> None:
    header, *lines = as_lists(distinct(store), 15).splitlines()
    (tmp_path / "straight.csv").write_text("\n".join([header, *lines]))
    shuffled = np.random.default_rng(0).permutation(lines).tolist()
    (tmp_path / "shuffled.csv").write_text("\n".join([header, *shuffled]))
    a = recorded(store, tmp_path / "straight.csv", "--ids", "canonical", title="Straight")
    b = recorded(store, tmp_path / "shuffled.csv", "--ids", "canonical", title="Shuffled")
    assert (a.metrics, a.diversity, a.files) == (b.metrics, b.diversity, b.files)


def test_a_masked_matrix_has_no_released_metrics(store: Store, tmp_path: Path) -> None:
    scores, sequences = distinct(store), data.load("mine")
    np.save(tmp_path / "scores.npy", scores)
    whole = recorded(store, tmp_path / "scores.npy", title="Whole")
    for user in range(len(scores)):
        own = sequences.items[sequences.offsets[user] : sequences.offsets[user + 1] - 1]
        scores[user, own] = -np.inf
    np.save(tmp_path / "masked.npy", scores)
    found = recorded(store, tmp_path / "masked.npy", title="Masked")
    assert found.metrics == {"filtered": whole.metrics["filtered"]}
    finite = np.where(np.isinf(scores), -1e9, scores)
    np.save(tmp_path / "finite.npy", finite)
    hinted = recorded(store, tmp_path / "finite.npy", title="Hinted")
    assert any("were histories removed (--history)?" in note for note in hinted.notes)
    said = recorded(store, tmp_path / "finite.npy", "--history", "removed", title="Said")
    assert said.metrics == found.metrics


def test_a_record_says_where_it_comes_from_and_is_made_once(store: Store, tmp_path: Path, capsys: Any) -> None:
    np.save(tmp_path / "scores.npy", distinct(store))
    record = recorded(store, tmp_path / "scores.npy", "--note", "by hand", "--seed", "3", title="My Modèle!")
    assert (record.model, record.title, record.setting, record.seed) == ("my-modele", "My Modèle!", "external", 3)
    assert record.external and not record.truncated and record.notes[0] == "My Modèle!: by hand"
    assert "device" not in record.environment and "commit" in record.environment
    before = (store.folder(record) / "run.json").read_bytes()
    (tmp_path / "scores.npy").rename(tmp_path / "renamed.npy")
    capsys.readouterr()
    again = ["--dataset", "mine", "--title", "My Modèle!", "--results", str(store.root), "--seed", "3", "--json"]
    assert evaluate.main([*again, "--scores", str(tmp_path / "renamed.npy")]) == 0
    said = capsys.readouterr()
    assert "already recorded" in said.err and json.loads(said.out)["key"] == record.key
    assert (store.folder(record) / "run.json").read_bytes() == before


def test_other_data_under_a_printed_name_are_told(store: Store, tmp_path: Path, capsys: Any) -> None:
    np.save(tmp_path / "scores.npy", distinct(store))
    asked = ["--scores", str(tmp_path / "scores.npy"), "--title", "Mine", "--results", str(store.root)]
    source = str(tmp_path / "mine.csv")
    for name, told in (("mine", False), ("ml-100k", True)):
        capsys.readouterr()
        assert ending(evaluate.main, ["--dataset", name, "--from", source, *asked]) == 0
        assert ("so it is not the papers' ml-100k" in capsys.readouterr().err) == told


def test_seeds_are_one_row_and_a_seed_is_one_file(store: Store, tmp_path: Path, capsys: Any) -> None:
    files = [tmp_path / f"{seed}.npy" for seed in range(3)]
    for seed, path in enumerate(files):
        np.save(path, np.roll(distinct(store), seed, axis=0))
    first, second = (recorded(store, path, "--seed", str(seed)) for seed, path in enumerate(files[:2]))
    assert first.configuration == second.configuration and first.key != second.key
    rows = as_json(capsys, table.main, "--name", "overall", "--results", str(store.root))["rows"]
    (row,) = (row for row in rows if row["metric"] == "H@20" and row["protocol"] == "filtered")
    values = [100 * record.metrics["filtered"]["test"]["H@20"] for record in (first, second)]
    assert row["seeds"] == 2 and row["ours_mean"] == pytest.approx(np.mean(values), abs=1e-6)
    assert row["ours_sd"] == pytest.approx(np.std(values, ddof=1), abs=1e-6)
    status, sentence = refused(store, capsys, files[2])
    assert status == 2 and f"is recorded, as run {first.key}, from something else" in sentence
    status, sentence = refused(store, capsys, files[2], "--seed", "2", title="mine!")
    assert status == 2 and "too like 'Mine', which is recorded" in sentence, "they would share a folder and a row"
    status, sentence = refused(store, capsys, files[1], "--seed", "5")
    assert status == 2 and f"the same files are recorded as seed 1, run {second.key}" in sentence


def test_two_files_of_one_seed_put_together_are_no_row(store: Store, tmp_path: Path) -> None:
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", distinct(store) if name == "a" else -distinct(store))
        recorded(Store(tmp_path / name), tmp_path / f"{name}.npy")
        source = tmp_path / name / "mine" / "mine"
        (store.root / "mine" / "mine").mkdir(parents=True, exist_ok=True)
        (folder,) = source.iterdir()
        folder.rename(store.root / "mine" / "mine" / folder.name)
    with pytest.raises(BenchError, match="are both seed 0 of Mine, from different scores"):
        table.main(["--name", "overall", "--format", "md", "--results", str(store.root)])


def as_json(capsys: Any, main: Callable[..., int], *arguments: str) -> Any:
    capsys.readouterr()
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def mixed(store: Store, tmp_path: Path) -> Store:
    """A registered model, a full matrix, and lists that decide little and no protocol released."""
    assert (
        run.main(["--dataset", "mine", "--model", "popularity", "--device", "cpu", "--results", str(store.root)]) == 0
    )
    np.save(tmp_path / "scores.npy", distinct(store))
    recorded(store, tmp_path / "scores.npy", title="Whole|<b>")
    (tmp_path / "top.csv").write_text(as_lists(distinct(store), 11, seen=False))
    recorded(store, tmp_path / "top.csv", "--ids", "canonical", title="Short")
    return store


def test_every_view_shows_what_is_known_and_a_dash_for_the_rest(mixed: Store, tmp_path: Path, capsys: Any) -> None:
    results = ["--results", str(mixed.root)]
    for name in ("overall", "diversity", "subgroups"):
        rows = as_json(capsys, table.main, "--name", name, *results)["rows"]
        known = {row["title"] for row in rows if row["ours_mean"] is not None}
        assert {"Popularity", "Whole|<b>"} <= known
    rows = as_json(capsys, table.main, "--name", "overall", "--letters", *results)["rows"]
    short = {(row["protocol"], row["metric"]): row for row in rows if row["title"] == "Short"}
    assert short["filtered", "H@10"]["ours_mean"] is not None
    assert short["filtered", "H@20"]["ours_mean"] is None and short["released", "H@10"]["ours_mean"] is None
    assert short["filtered", "H@10"]["letter"] == "", "it cannot be tested in H@20"
    table.main(["--name", "overall", "--format", "md", *results])
    (line, *_) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("| Short |"))
    assert line.split(" | ")[1:4] == ["external", "–", "single seed"] and line.endswith("| external | unknown |")


def test_compare_says_what_cannot_be_compared(mixed: Store, capsys: Any) -> None:
    asked = ["--dataset", "mine", "--results", str(mixed.root), "--permutations", "100", "--resamples", "100"]
    pairs = as_json(capsys, compare.main, *asked, "--models", "popularity", "whole-b")["pairs"]
    assert {pair["b"] for pair in pairs} == {"popularity:reference", "whole-b:external"} & {p["b"] for p in pairs}
    pairs = as_json(capsys, compare.main, *asked, "--metrics", "H@10")["pairs"]
    assert len(pairs) == 3
    with pytest.raises(BenchError, match=r"Short, external: its scores do not say H@20, N@20 under protocol filtered"):
        compare.main(asked)


def test_the_report_and_the_figures_hold_external_rows(mixed: Store, tmp_path: Path, capsys: Any) -> None:
    assert report.main(["--results", str(mixed.root), "--out", str(tmp_path / "out")]) == 0
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Whole|&lt;b&gt;" in page and "Whole|<b>" not in page and "Some records note: Short: top.csv" in page
    with pytest.raises(BenchError):
        figure.main(["--name", "pareto", "--results", str(mixed.root), "--out", str(tmp_path)])


@pytest.mark.parametrize("name", ["trajectories", "priors"])
def test_figures_of_weights_pass_by_rows_that_have_none(mixed: Store, tmp_path: Path, name: str) -> None:
    with pytest.raises(BenchError, match="has its weights on this machine"):
        figure.main(["--name", name, "--results", str(mixed.root), "--out", str(tmp_path)])


def test_there_is_no_model_to_ask_or_to_train_again(mixed: Store) -> None:
    (record,) = (record for record in mixed.records() if record.title == "Short")
    with pytest.raises(BenchError, match="has no model here"):
        recommend.main(["--run", record.key, "--user", "u1", "--results", str(mixed.root), "--device", "cpu"])
    with pytest.raises(BenchError, match="give the file to the verb evaluate again"):
        run.main(["--repeat", record.key, "--results", str(mixed.root), "--device", "cpu"])


@pytest.mark.parametrize(
    "title", ["SASRec", "fave", "Item KNN", "GRU4-Rec", "Oracle", "", " x", "a\x1b[31m", "模型", "x" * 61]
)
def test_a_title_that_could_be_taken_for_another_row_is_refused(store: Store, capsys: Any, title: str) -> None:
    assert refused(store, capsys, Path("none.npy"), title=title)[0] == 2


class Harm:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("ran"),)


def _npy(value: Any, **options: Any) -> Callable[[Path], None]:
    return lambda path: np.save(path, value, **options)


def _cut(path: Path) -> None:
    np.save(path, np.zeros((60, 25)))
    path.write_bytes(path.read_bytes()[:-8])


def _bad_indices(path: Path) -> None:
    table = sparse.csr_array(np.ones((60, 25)))
    table.indices[3] = 10_000_000
    sparse.save_npz(path, table)


def _two_arrays(path: Path) -> None:
    np.savez(path, a=np.zeros((60, 25)), b=np.zeros(3))


def _bomb(path: Path) -> None:
    """Twenty megabytes in twenty kilobytes."""
    with gzip.open(path, "wb") as file:
        file.write(b"user,item,score\n" + bytes(20 << 20))


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "rows.npy": (_npy(np.zeros((59, 25))), "it has the shape (59, 25), and mine asks for 60 rows"),
    "columns.npy": (_npy(np.zeros((60, 27))), "it has the shape (60, 27)"),
    "turned.npy": (_npy(np.zeros((25, 60))), "it has the shape (25, 60) (it looks transposed)"),
    "flat.npy": (_npy(np.zeros(60)), "it has the shape (60,)"),
    "words.npy": (_npy(np.full((60, 25), "a")), "where numbers are due"),
    "complex.npy": (_npy(np.zeros((60, 25), complex)), "it holds complex128 where numbers are due"),
    "objects.npy": (_npy(np.full((60, 25), Harm(), object), allow_pickle=True), "holds no scores"),
    "cut.npy": (_cut, "holds no scores"),
    "nan.npy": (_npy(np.full((60, 25), np.nan)), "is NaN, so nobody can be ranked"),
    "indices.npz": (_bad_indices, "holds no scores"),
    "arrays.npz": (_two_arrays, "found 2 arrays"),
    "harm.pkl": (lambda path: path.write_bytes(pickle.dumps(Harm())), "it is a pickle"),
    "empty.csv": (lambda path: path.write_bytes(b""), "the file is empty"),
    "noise.bin": (lambda path: path.write_bytes(bytes(range(1, 99))), "neither a matrix"),
    "users.csv": (lambda path: path.write_text("user,item,score\nnobody,i1,1\n"), "'nobody' is no user of the data"),
    "few.csv": (lambda path: path.write_text("user,item,score\nu1,i1,1\n"), "has no list"),
    "bomb.csv.gz": (_bomb, "16 MiB in a row unpack from less"),
    "folder": (Path.mkdir, "not a regular file"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_sentence_and_leaves_nothing(
    store: Store, tmp_path: Path, capsys: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make, sentence = BAD[name]
    path = tmp_path / name
    make(path)
    options = ["--ids", "original"] if path.suffix in (".csv", ".gz", ".bin") else []
    status, said = refused(store, capsys, path, *options)
    assert status == 1 and sentence in said and name in said
    assert not (tmp_path / "ran").exists()


def test_missing_and_contradictory_statements_end_with_status_2(store: Store, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "top.csv").write_text(as_lists(distinct(store), 11))
    np.save(tmp_path / "scores.npy", distinct(store))
    for path, options, sentence in (
        ("top.csv", [], "say with --ids whose numbers they speak"),
        ("top.csv", ["--ids", "orignal"], "did you mean 'original'?"),
        ("top.csv", ["--ids", "canonical", "--history", "removed"], "--history removed, but the list of user"),
        ("scores.npy", ["--ids", "original"], "is a matrix, whose rows and columns are canonical numbers"),
        ("scores.npy", ["--ids", "nonsense"], "unknown value of --ids 'nonsense'"),
        ("scores.npy", ["--ties-listed"], "is a matrix, whose ties are seen"),
        ("scores.npy", ["--split", "randm"], "unknown split 'randm'"),
    ):
        status, said = refused(store, capsys, tmp_path / path, *options)
        assert status == 2 and sentence in said


@pytest.mark.parametrize("name", ["scores.npy.gz", "lists.zip"])
def test_what_is_packed_is_said_to_be_and_nobody_is_told_to_unpickle(
    store: Store, tmp_path: Path, capsys: Any, name: str
) -> None:
    np.save(tmp_path / "scores.npy", distinct(store))
    (tmp_path / "scores.npy.gz").write_bytes(gzip.compress((tmp_path / "scores.npy").read_bytes()))
    with zipfile.ZipFile(tmp_path / "lists.zip", "w") as archive:
        archive.writestr("lists.csv", as_lists(distinct(store), 11))
    status, said = refused(store, capsys, tmp_path / name)
    assert status == 1 and "unpack" in said and "pickle" not in said


def test_what_a_view_needs_of_old_records_is_unchanged(store: Store) -> None:
    """A record without `files` in its configuration keeps the configuration key that it had."""
    record = add_run(store, dataset="mine")
    assert record.configuration == record.model_copy(update={"seed": 0}).expected_key()
