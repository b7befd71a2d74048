"""Where every number comes from: all records and all measurements, one line each."""

from itertools import groupby

from fave_bench.records import Record
from fave_bench.records.measurements import Measurement
from fave_bench.rendering.contents import Contents
from fave_bench.rendering.table_model import NOTHING, Block, Cell, Column, Quantity, Text

COMMIT = 10
"""Digits of a commit."""
RUN = (
    *(Column(name, numeric=False) for name in ("model", "setting", "variant")),
    Column("seed"),
    Column("key", numeric=False),
    Column("stopped because", numeric=False),
    *(Column(name) for name in ("epochs", "training, s", "test set, s", "parameters")),
    Column("commit", numeric=False),
    Column("device", numeric=False),
    Column("threads"),
    Column("torch", numeric=False),
)
MEASUREMENT = (
    *(Column(name, numeric=False) for name in ("what", "measured at")),
    Column("rows"),
    Column("commit", numeric=False),
    Column("device", numeric=False),
    Column("threads"),
    Column("torch", numeric=False),
)


def blocks(contents: Contents) -> tuple[Block, ...]:
    """Runs dataset by dataset, then measurements."""
    by_dataset = groupby(contents.records, key=lambda record: record.dataset.name)
    runs = [(name, tuple(_run(record) for record in records)) for name, records in by_dataset]
    found = [Block(f"Runs on {name} ({len(rows)})", RUN, rows) for name, rows in runs]
    measured = tuple(_measurement(measurement) for measurement in contents.measurements)
    return (*found, Block(f"Measurements ({len(measured)})", MEASUREMENT, measured)) if measured else tuple(found)


def _run(record: Record) -> tuple[Cell, ...]:
    took = record.inference.test_seconds if record.inference else None
    return (
        Text(record.title),
        Text(record.setting),
        Text(record.variant) if record.variant else NOTHING,
        Text(str(record.seed)),
        Text(record.key),
        Text(record.training.stopped_because),
        NOTHING if record.external else Quantity(record.training.epochs),
        NOTHING if record.external else Quantity(record.training.seconds),
        NOTHING if took is None else Quantity(took),
        NOTHING if record.external else Text(f"{record.parameters:,}"),
        *_place(record),
    )


def _measurement(measurement: Measurement) -> tuple[Cell, ...]:
    return (
        Text(measurement.what),
        Text(measurement.measured_at),
        Text(str(len(measurement.rows))),
        *_place(measurement),
    )


def _place(taken: Record | Measurement) -> tuple[Cell, Cell, Cell, Cell]:
    """Commit, with a word where the code differed from it; device, threads and torch."""
    known = taken.environment
    commit = str(known.get("commit") or "")[:COMMIT] + " and changes" * bool(known.get("dirty"))
    device, threads, torch = (known.get(name) for name in ("device", "threads", "torch"))
    return Text(commit or "–"), Text(str(device or "–")), Text(str(threads or "–")), Text(str(torch or "–"))
