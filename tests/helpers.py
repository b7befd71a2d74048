"""Small hand-built records, whose metrics are what the given counts say; a small file of actions; a shell's view."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fave_bench.cli import Main, entry
from fave_bench.evaluation.metrics import errors_of, metrics_of
from fave_bench.evaluation.phase_ranks import PhaseRanks
from fave_bench.evaluation.protocols import versions
from fave_bench.records import Dataset, Record, Store, TrainingSummary

FINGERPRINT = "0123456789abcdef" * 4


def make_ranks(higher: Sequence[int], equal: Sequence[int] | None = None, seen: int = 1) -> PhaseRanks:
    """Filtered counts as given; `seen` more items beat each target when nothing is filtered."""
    above = np.array(higher, np.int32)
    level = np.array([0] * len(higher) if equal is None else equal, np.int32)
    users = np.arange(len(higher), dtype=np.int32)
    return PhaseRanks(users, {"filtered": above, "released": above + seen}, {"filtered": level, "released": level})


def make_run(
    *,
    dataset: str = "toy",
    fingerprint: str = FINGERPRINT,
    split: str = "leave-one-out",
    other_data: bool = False,
    model: str = "sasrec",
    title: str = "SASRec",
    seed: int = 0,
    higher: Sequence[int] = (0, 3, 7, 12, 40),
    stopped_because: str = "converged",
    synthetic: bool = False,
    oracle: dict[str, float] | None = None,
    best_epoch: int = 7,
    device: str = "test device",
    **fields: Any,
) -> tuple[Record, dict[str, PhaseRanks]]:
    """A valid record and its ranks; other keywords replace fields of the record."""
    ranks = {"validation": make_ranks(higher), "test": make_ranks(higher)}
    by_phase = {phase: (metrics_of(found), errors_of(found)) for phase, found in ranks.items()}
    content: dict[str, Any] = {
        "key": "0" * 12,
        "dataset": Dataset(
            name=dataset, source="made by hand", fingerprint=fingerprint, users=len(higher), items=50, actions=99,
            split=split, synthetic=synthetic, oracle=oracle or {}, other_data=other_data,
        ),
        "model": model,
        "title": title,
        "setting": "released",
        "config": {"model": {"window": 50}, "training": {"batch_size": 512}},
        "model_version": 1,
        "protocols": versions(),
        "seed": seed,
        "metrics": {name: {phase: by_phase[phase][0][name] for phase in ranks} for name in versions()},
        "standard_errors": {name: {phase: by_phase[phase][1][name] for phase in ranks} for name in versions()},
        "parameters": 1234,
        "training": TrainingSummary(epochs=9, best_epoch=best_epoch, stopped_because=stopped_because, seconds=1.5),
        "environment": {"device": device},
    }  # fmt: skip
    record = Record(**(content | fields))
    return record.model_copy(update={"key": record.expected_key()}), ranks


def make_record(**options: Any) -> Record:
    """The record of `make_run` alone."""
    return make_run(**options)[0]


def add_run(store: Store, **options: Any) -> Record:
    """Write a run into `store` and return its record as stored."""
    return store.write(*make_run(**options))


def actions_csv(path: Path) -> Path:
    """Actions of 60 users on 25 items, in time order."""
    random = np.random.default_rng(0)
    rows = [(u, i, t) for u in range(60) for t, i in enumerate(random.permutation(25)[: random.integers(5, 15)])]
    path.write_text("user,item,time\n" + "".join(f"u{u},i{i},{t}\n" for u, i, t in rows))
    return path


def ending(main: Main, arguments: list[str]) -> int:
    """The exit status a shell would see."""
    with pytest.raises(SystemExit) as ended:
        entry(lambda _: main(arguments))
    return int(ended.value.code or 0)
