"""From files of scores, or what else another program left, to a record like any other."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from fave_bench import data
from fave_bench.cli import say
from fave_bench.data.items import genre_matrix
from fave_bench.data.splits import SPLITS, Phase
from fave_bench.efficiency.environment import describe
from fave_bench.errors import UsageError, unknown
from fave_bench.evaluation.diversity import diversity_of
from fave_bench.evaluation.item_spaces import Spaces, shared_spaces
from fave_bench.evaluation.protocols import versions
from fave_bench.evaluation.subgroups import training_counts
from fave_bench.external.formats import open_scores
from fave_bench.external.judging import Judgement, Reading, judge
from fave_bench.external.names import slug_of
from fave_bench.files import sha256
from fave_bench.locking import alone
from fave_bench.records import Record, Store, key_of
from fave_bench.records.facts import LIST_LENGTH, accuracy_facts, dataset_facts, list_length, say_where_other
from fave_bench.runner import WORK

VERSION = 1
"""Raised whenever the same file would be read or ranked otherwise."""
SETTING = "external"
OF_THE_MODEL = {"device", "device_type", "threads", "driver", "tf32"}
"""Facts of an environment that say where a model ran, of which nothing is known here."""


@dataclass(frozen=True)
class Spec:
    """Which files, and for which data. Together with what is in them it decides the record's key."""

    dataset: str
    title: str
    files: dict[str, Path]
    """`test`, and `validation` if there is one -> the file with its users' scores; or `weights` -> theirs."""
    reading: Reading = field(default_factory=Reading)
    note: str = ""
    """A sentence for readers of the numbers; no part of the key."""
    seed: int = 0
    split: str = "leave-one-out"
    source: Path | None = None
    """Where to read the data from, before the usual places."""


class Evaluation:
    """A specification with its data and files resolved: it has a key, and can be executed.

    This one is of files of scores; `weights.WeightsEvaluation` is of a file of weights.
    """

    def __init__(self, spec: Spec) -> None:
        if spec.split not in SPLITS:
            raise unknown("split", spec.split, SPLITS)
        self.spec, self.model = spec, slug_of(spec.title)
        self.sequences = data.load(spec.dataset, spec.source)
        self.split = SPLITS[spec.split](self.sequences)
        self.dataset = dataset_facts(spec.dataset, self.sequences, spec.split)
        self.config: dict[str, Any] = self._open() | {"files": {of: sha256(path) for of, path in spec.files.items()}}
        self.key = key_of(
            config=self.config,
            fingerprint=self.sequences.fingerprint,
            protocol_versions=versions(),
            seed=spec.seed,
            model=self.model,
            setting=SETTING,
            variant="",
            model_version=VERSION,
            split=spec.split,
        )

    def _open(self) -> dict[str, Any]:
        """Open the files, and return what is to know of them beside what is in them."""
        spec = self.spec
        self.given = {phase: open_scores(path, self.sequences, spec.reading.ids) for phase, path in spec.files.items()}
        return {"scores": vars(spec.reading)}

    def execute(self, store: Store) -> Record:
        """Rank and write the record, or find that it is there.

        Raises UsageError where a table could not tell it from another record: see `_refuse_as_second`.
        """
        with alone(store.root / WORK / f"{self.spec.dataset}.{self.model}" / "lock", give_up=lambda: False):
            for record in store.records(self.spec.dataset, self.model):
                if record.key == self.key:
                    say(f"already recorded in {store.folder(record)}")
                    return record
                self._refuse_as_second(record, store)
            return self._made(store)

    def _refuse_as_second(self, record: Record, store: Store) -> None:
        """A row is averaged over its seeds, so it has one title, a seed is one file, and a file one seed."""
        same_data = record.dataset.fingerprint == self.sequences.fingerprint and record.dataset.split == self.spec.split
        if not same_data:
            return
        if record.title != self.spec.title:
            raise UsageError(
                f"--title '{self.spec.title}': too like '{record.title}', which is recorded; spell it alike"
            )
        if record.seed == self.spec.seed:
            raise UsageError(
                f"'{record.title}' with seed {record.seed} is recorded, as run {record.key}, from something else: give "
                f"--seed for the same model trained again, --title for another one, or remove {store.folder(record)}"
            )
        if record.config.get("files") == self.config["files"]:
            raise UsageError(
                f"--seed {self.spec.seed}: the same files are recorded as seed {record.seed}, run {record.key}"
            )

    def _made(self, store: Store) -> Record:
        say_where_other(self.dataset)
        judged = self._judged()
        ranks = {phase: judgement.ranks for phase, judgement in judged.items()}
        notes = [note for judgement in judged.values() for note in judgement.notes]
        lists = ranks["test"].lists
        if lists is None:
            notes.append(f"not everybody's {LIST_LENGTH} best candidates are known, so nothing of diversity is")
        record = Record.model_validate(
            self._identity()
            | self._of_the_model()
            | accuracy_facts(ranks)
            | {
                "training": {"epochs": 0, "best_epoch": 0, "stopped_because": "external", "seconds": 0},
                "diversity": None if lists is None else self._diversity(lists),
                "notes": [f"{self.spec.title}: {note}" for note in filter(None, [self.spec.note, *notes])],
            }
        )
        return store.write(record, ranks, lists=lists)

    def _identity(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "dataset": self.dataset,
            "model": self.model,
            "title": self.spec.title,
            "setting": SETTING,
            "config": self.config,
            "model_version": VERSION,
            "protocols": versions(),
            "seed": self.spec.seed,
        }

    def _of_the_model(self) -> dict[str, Any]:
        """What a record says of the model and of where it ran: nothing is known."""
        environment = {k: v for k, v in describe(torch.device("cpu")).items() if k not in OF_THE_MODEL}
        return {"parameters": 0, "environment": environment}

    def _judged(self) -> dict[str, Judgement]:
        """Phase -> how its targets rank."""
        return {
            phase: judge(given, self.sequences, self._phase(phase), self.spec.reading, list_length(phase))
            for phase, given in self.given.items()
        }

    def _phase(self, name: str) -> Phase:
        return self.split.validation if name == "validation" else self.split.test

    def _own_space(self) -> Spaces:
        """The space of the model's item vectors; there is none where only scores are known."""
        return {}

    def _diversity(self, lists: Any) -> dict[str, Any]:
        spaces = shared_spaces(self.sequences, self.split, genre_matrix(self.sequences, self.spec.source))
        return diversity_of(lists, self._own_space() | spaces, training_counts(self.sequences, self.split)[1:])


def summary(record: Record) -> str:
    """Lines a person wants afterwards: the key, the test metrics under each protocol, and what to know of them."""
    lines = [f"{record.dataset.name} {record.title}, seed {record.seed}; key {record.key}"]
    for protocol, phases in sorted(record.metrics.items()):
        known = [f"{name} {100 * value:.2f} %" for name, value in phases.get("test", {}).items() if name != "MRR"]
        lines.append(f"  test, {protocol}: {', '.join(known) or 'nothing known'}")
    return "\n".join([*lines, *record.notes])
