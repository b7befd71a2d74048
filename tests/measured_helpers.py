"""Small hand-built measurements for tests of what is rendered from them."""

from pathlib import Path
from typing import Any, get_args

from fave_bench.records.measurements import ROWS, FlopsRow, LatencyRow, Measurement, What, write
from fave_bench.records.row import Row

DEVICE = {"device": "test device", "threads": 2, "torch": "2.0"}


def flops(model: str, steps: int | None = None, paper: float = 0.05, **fields: Any) -> FlopsRow:
    """Counts that follow from one number: the papers' count of it all."""
    content: dict[str, Any] = {
        "model": model, "title": model.title(), "dataset": "toy", "setting": "released", "items": 50, "steps": steps,
        "parameters": 1_234_567, "paper_gmacs": paper, "paper_without_decoder_gmacs": 0.9 * paper,
        "complete_gmacs": 1.1 * paper, "step_gmacs": None if steps is None else 1.1 * paper / steps,
    }  # fmt: skip
    return FlopsRow.model_validate(content | fields)


def latency(model: str, p50: float, batch_size: int = 1, steps: int | None = None, **fields: Any) -> LatencyRow:
    content: dict[str, Any] = {
        "model": model, "title": model.title(), "dataset": "toy", "setting": "released", "execution": "optimised",
        "batch_size": batch_size, "steps": steps, "p50_ms": p50, "p95_ms": 1.1 * p50, "p99_ms": 1.5 * p50, "calls": 30,
    }  # fmt: skip
    return LatencyRow.model_validate(content | fields)


def measurement(*rows: Row, hour: int = 0, **environment: Any) -> Measurement:
    """One call of the verb, of the kind that its rows are."""
    content = {
        "what": next(what for what in get_args(What) if isinstance(rows[0], ROWS[what])),
        "measured_at": f"2026-01-01T{hour:02}:00:00Z",
        "environment": DEVICE | environment,
        "rows": list(rows),
    }
    return Measurement.model_validate(content)


def keep(results: Path, *rows: Row, hour: int = 0, **environment: Any) -> None:
    write(results, measurement(*rows, hour=hour, **environment))
