"""Where records live: results/<dataset>/<model>/<key>/, and what may be believed of what is found there."""

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fave_bench.cli import say_once
from fave_bench.errors import BenchError
from fave_bench.evaluation.metrics import check_consistency, metrics_of
from fave_bench.evaluation.phase_ranks import PhaseRanks
from fave_bench.files import sha256, write_text
from fave_bench.records import siblings
from fave_bench.records.run_file import RECORD, dumps, match, read
from fave_bench.records.schema import Record

if TYPE_CHECKING:
    from torch import Tensor


class Store:
    """The records below one folder. A run without a valid run.json does not exist for any reader."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, record: Record) -> Path:
        return self.root / record.dataset.name / record.model / record.key

    def write(
        self,
        record: Record,
        ranks: Mapping[str, PhaseRanks],
        lists: NDArray[np.int32] | None = None,
        weights: "Mapping[str, Tensor] | None" = None,
    ) -> Record:
        """Write the siblings, then run.json with their checksums; returns the record as stored.

        A valid record of the same key is kept and returned: same inputs, same run. Raises BenchError for metrics that
        the ranks do not give, and for a full disk, in which case nothing of this run stays behind.
        """
        _verify(record, ranks)
        folder = self.folder(record)
        if (folder / RECORD).exists():
            try:
                return read(folder)
            except BenchError as error:
                say_once(f"replacing a damaged record: {error}", str(error))
        with _all_or_nothing(folder):
            siblings.save_ranks(folder, ranks)
            if lists is not None:
                siblings.save_lists(folder, lists)
            if weights is not None:
                siblings.save_weights(folder, weights)
            stored = record.model_copy(update={"files": _checksums(folder)})
            write_text(folder / RECORD, dumps(stored))
        return stored

    def records(self, dataset: str = "[!.]*", model: str = "*") -> Iterator[Record]:
        """All valid records, or those of one dataset or model, by dataset, model and key; a damaged one is left out,
        and named once a command."""
        for path in sorted(self.root.glob(f"{dataset}/{model}/*/{RECORD}")):
            try:
                yield read(path.parent)
            except BenchError as error:
                say_once(f"warning: skipped a damaged record: {error}", str(error))

    def find(self, key: str) -> Record:
        """The one record whose key is, or begins with, `key`; BenchError where there is none, or more than one."""
        known = {record.key: record for record in self.records()}
        found = [record for record in known.values() if key and record.key.startswith(key)]
        if len(found) == 1:
            return found[0]
        if not found:
            near = [known[other] for other in get_close_matches(key, known, n=3, cutoff=0.3)]
            hint = ", ".join(f"{record.key} ({record.dataset.name} {record.model} {record.setting})" for record in near)
            raise BenchError(f"no run '{key}' in {self.root}" + (f"; nearest: {hint}" if hint else ""))
        raise BenchError(f"'{key}' could be any of {', '.join(record.key for record in found)}; give more digits")

    def ranks(self, record: Record) -> dict[str, PhaseRanks]:
        """`validation` and `test` -> per-user counts, checksum verified."""
        return siblings.load_ranks(self._verified(record, siblings.RANKS))

    def lists(self, record: Record) -> NDArray[np.int32]:
        """(E, K) best items of the test users; BenchError where this machine does not have them."""
        return siblings.load_lists(self._verified(record, siblings.LISTS))

    def weights(self, record: Record) -> "dict[str, Tensor]":
        """The trained weights; BenchError where this machine does not have them."""
        return siblings.load_weights(self._verified(record, siblings.WEIGHTS))

    def keeps_weights(self, record: Record) -> bool:
        """Whether this machine has the weights; a clone does not."""
        return (self.folder(record) / siblings.WEIGHTS).is_file()

    def _verified(self, record: Record, name: str) -> Path:
        folder = self.folder(record)
        if not (folder / name).is_file():
            raise BenchError(f"{folder / name} is not on this machine; repeat the run to make it")
        match(folder, name, record)
        return folder


def _verify(record: Record, ranks: Mapping[str, PhaseRanks]) -> None:
    """A record may only say what its ranks give, within the arithmetic of ranks."""
    if record.key != record.expected_key():
        raise BenchError(f"{record.model}: key {record.key} given, but the record calls for {record.expected_key()}")
    for protocol, phases in record.metrics.items():
        for phase, metrics in phases.items():
            check_consistency(metrics, ties=ranks[phase].tied)
            given = metrics_of(ranks[phase]).get(protocol, {})
            wrong = [name for name, value in metrics.items() if abs(value - given.get(name, inf)) > 1e-9]
            if wrong:
                raise BenchError(f"{record.model}: {protocol} {phase} {wrong[0]} is not what the stored ranks give")


def _checksums(folder: Path) -> dict[str, str]:
    names = (siblings.RANKS, siblings.LISTS, siblings.WEIGHTS)
    return {name: sha256(folder / name) for name in names if (folder / name).is_file()}


@contextmanager
def _all_or_nothing(folder: Path) -> Iterator[None]:
    """Removes what an interrupted write left, and turns a full disk into a sentence."""
    _clear(folder)
    try:
        yield
    except BaseException as error:
        _clear(folder)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise BenchError(
                f"no space left to record {folder}: nothing was written, earlier runs are intact"
            ) from None
        raise


def _clear(folder: Path) -> None:
    for name in (RECORD, siblings.RANKS, siblings.LISTS, siblings.WEIGHTS):
        (folder / name).unlink(missing_ok=True)
    with suppress(OSError):  # somebody else's file is in it, or it was never made
        folder.rmdir()
