"""Recorded runs of generative models whose weights are on this machine, ready to be asked again."""

from collections.abc import Callable, Iterator
from functools import cache

from fave_bench import data
from fave_bench.cli import say
from fave_bench.data.sequences import Sequences
from fave_bench.errors import BenchError
from fave_bench.measure import Request
from fave_bench.models import registry
from fave_bench.models.contract import GenerativeRecommender
from fave_bench.records import Record, Store
from fave_bench.restore import restore
from fave_bench.studies.catalogue import is_variation

Kind = type[GenerativeRecommender]


def kept_runs(
    request: Request, what: str = "a generative model", wanted: Callable[[Kind], bool] = lambda kind: True
) -> Iterator[tuple[Record, Sequences, GenerativeRecommender]]:
    """Record, data and model of each run asked for whose class is `wanted`, that is, of `what` in words.

    Variants of ablations and sweeps are not asked for, nor what another program ranked. Runs without weights here are
    counted on stderr and left out, and one that cannot be restored is named. Raises BenchError where no run is left.
    """
    store, load, found, absent = Store(request.results), cache(data.load), False, 0
    for record in store.records():
        kind = registry.load(record.model) if _asked(record, request) else None
        if not (kind and issubclass(kind, GenerativeRecommender) and wanted(kind)):
            continue
        if not store.keeps_weights(record):
            absent += 1
            continue
        try:
            sequences = load(record.dataset.name)
            model = restore(store, record, sequences, request.device)
        except BenchError as error:
            say(f"skipped {run_name(record)}: {error}")
            continue
        assert isinstance(model, GenerativeRecommender)
        found = True
        yield record, sequences, model
    if not found:
        on = f" on {' or '.join(request.datasets)}" if request.datasets else ""
        raise BenchError(
            f"no recorded run of {what}{on} in {request.results} has its weights on this machine; "
            "`python -m fave_bench.run` makes one and keeps them"
        )
    if absent:
        say(f"left out {absent} run{'s' * (absent > 1)} without weights on this machine")


def labels(record: Record) -> dict[str, object]:
    """The fields that every row measured on a run begins with."""
    return {
        "model": record.model, "title": record.title, "dataset": record.dataset.name, "setting": record.setting,
        "variant": record.variant, "run": record.key, "truncated": record.truncated,
    }  # fmt: skip


def run_name(record: Record) -> str:
    """The run in words, for messages."""
    row = "/".join(filter(None, (record.setting, record.variant)))
    return f"{record.dataset.name} {record.model} {row} seed {record.seed} ({record.key})"


def _asked(record: Record, request: Request) -> bool:
    return (
        record.model in request.models
        and record.model in registry.names()
        and not record.external
        and (not request.datasets or record.dataset.name in request.datasets)
        and (not request.settings or record.setting in request.settings)
        and not is_variation(record.model, record.changes)
    )
