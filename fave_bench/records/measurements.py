"""Measurements: what `python -m fave_bench.measure` leaves behind, one file a call, never changed.

results/measured/<what>/<time>-<digest>.json holds the rows of one call and the environment they were taken in. Newer
files do not replace older ones; a view takes the newest row of each kind for the device it shows.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, cast

from pydantic import ConfigDict, Field, FiniteFloat, ValidationError

from fave_bench.cli import say_once
from fave_bench.errors import BenchError, first_complaint
from fave_bench.files import write_text
from fave_bench.records.geometry_rows import PriorsRow, TrajectoriesRow
from fave_bench.records.row import Frozen, Row, RunRow

SCHEMA = 1
FOLDER = "measured"
What = Literal["flops", "latency", "training", "scale", "steps", "trajectories", "priors"]
Execution = Literal["released", "eager", "optimised"]


class FlopsRow(Row):
    """Multiply-accumulates of scoring one user, in units of 10⁹ (evaluation.md, FLOPs)."""

    items: int
    """N."""
    steps: int | None = None
    """Network evaluations of the sampler; null for a model without one."""
    parameters: int
    paper_gmacs: FiniteFloat
    """Convention of the papers: linear layers only, sampler loop and training-only decoder included."""
    complete_gmacs: FiniteFloat
    """Every product that is executed, attention and scoring included, decoder left out as it is never needed."""
    step_gmacs: FiniteFloat | None = None
    """Of `complete_gmacs`, what one more step costs; null for a model without a sampler."""
    paper_without_decoder_gmacs: FiniteFloat
    """As `paper_gmacs`, without the training-only decoder."""


class LatencyRow(Row):
    """Time from a history on the device to its 20 best items; milliseconds a call, of `batch_size` users each."""

    execution: Execution
    batch_size: int
    steps: int | None = None
    own_steps: bool | None = None
    """Whether these are the steps of the row's own configuration; null in rows from before it was said."""
    p50_ms: FiniteFloat
    p95_ms: FiniteFloat
    p99_ms: FiniteFloat
    calls: int
    parts_ms: dict[str, FiniteFloat] = Field(default_factory=dict)
    """Median of each part, measured alone: `encode`, `sampler`, `score`, `top-k`; empty where it has no parts."""
    test_seconds: FiniteFloat | None = None
    """The whole test set with exact ranks, end to end, at this batch size; null where it was not asked for."""
    raw_ms: list[FiniteFloat] = Field(default_factory=list)
    """Timed calls in order: all of them, or 1,000 to 2,000 evenly spaced ones."""


class TrainingRow(Row):
    """Speed of training steps: batch, losses, gradients and optimiser."""

    stage: str
    precision: Literal["fp32", "bf16"]
    compiled: bool = False
    """Whether the step ran compiled."""
    batch_size: int
    samples_per_second: FiniteFloat
    step_ms: FiniteFloat
    """Median."""
    steps: int
    """Steps timed."""
    epoch_seconds: FiniteFloat
    """What one pass over the training samples takes at this speed."""
    peak_fraction: FiniteFloat
    """Products that a step executes, over what the device's own matrix product does in the same time and precision."""


class ScaleRow(Row):
    """One part of working through a dataset from end to end."""

    part: str
    users: int
    items: int
    seconds: FiniteFloat
    peak_gib: FiniteFloat
    """Resident memory of the process at its highest, which did only this part and what it needs."""


class StepsRow(RunRow):
    """Accuracy of one run's weights sampled in another number of steps."""

    steps: int
    metrics: dict[str, dict[str, FiniteFloat]]
    """Protocol -> metric -> fraction, over the test users."""
    standard_errors: dict[str, dict[str, FiniteFloat]]
    """Sampling error of each metric, as in a record."""


ROWS: dict[What, type[Row]] = {
    "flops": FlopsRow,
    "latency": LatencyRow,
    "training": TrainingRow,
    "scale": ScaleRow,
    "steps": StepsRow,
    "trajectories": TrajectoriesRow,
    "priors": PriorsRow,
}


class Measurement(Frozen):
    """One call of the verb."""

    version: int = Field(SCHEMA, alias="schema")
    what: What
    measured_at: str = Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
    """UTC, ISO 8601."""
    environment: dict[str, str | int | float | bool | None]
    """As in a record: device, threads, versions, commit."""
    rows: (
        list[FlopsRow]
        | list[LatencyRow]
        | list[TrainingRow]
        | list[ScaleRow]
        | list[StepsRow]
        | list[TrajectoriesRow]
        | list[PriorsRow]
    )

    model_config = ConfigDict(populate_by_name=True)


def write(root: Path, measurement: Measurement) -> Path:
    """Store a measurement below the results folder `root`; returns its path."""
    content = measurement.model_dump(mode="json", by_alias=True)
    text = json.dumps(content, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    stamp = measurement.measured_at.replace(":", "").replace("-", "")
    path = root / FOLDER / measurement.what / f"{stamp}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.json"
    write_text(path, text)
    return path


def measurements(root: Path, what: What) -> Iterator[Measurement]:
    """All valid measurements of one kind, oldest first; a damaged one is named on stderr and left out."""
    for path in sorted((root / FOLDER / what).glob("*.json")):
        try:
            yield read(path)
        except BenchError as error:
            say_once(f"warning: skipped a damaged measurement: {error}", str(error))


def read(path: Path) -> Measurement:
    """The measurement in a file, whose folder names its kind; BenchError, with the reason, for anything else."""
    what = cast(What, path.parent.name)
    try:
        content = json.loads(path.read_bytes())
        rows = [ROWS[what].model_validate(row) for row in content["rows"]]
        measurement = Measurement.model_validate({**content, "rows": rows})
    except ValidationError as error:
        raise BenchError(f"{path}: {first_complaint(error)}") from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BenchError(f"{path}: {error}") from None
    if (measurement.version, measurement.what) != (SCHEMA, what):
        raise BenchError(f"{path}: schema {measurement.version}, what {measurement.what}")
    return measurement


def as_lines(rows: Sequence[Row]) -> list[str]:
    """The rows as aligned columns for a terminal: short fields only, numbers to four digits."""
    shown = [
        {
            name: f"{value:.4g}" if isinstance(value, float) else "–" if value in (None, "") else str(value)
            for name, value in row.model_dump().items()
            if not isinstance(value, list | dict) and name != "title"
        }
        for row in rows
    ]
    names = list(dict.fromkeys(name for row in shown for name in row))
    cells = [names, *([row.get(name, "–") for name in names] for row in shown)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(names))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
