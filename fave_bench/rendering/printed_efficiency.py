"""What the papers print about cost and speed, read from paper_tables/reference/. Units as printed: G, ms, s."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fave_bench.rendering.printed import REFERENCE, read_rows

FILE, SOURCE = "table3_efficiency.csv", "FAVE, Table 3"
FLOPS, LATENCY, TEST_SET = "FLOPs", "Latency", "Inference time"
"""Rows of the printed table: G of multiply-accumulates, ms of one user, s of the test set."""


@dataclass(frozen=True)
class Efficiency:
    """Printed numbers by (model, dataset, metric)."""

    values: Mapping[tuple[str, str, str], float]
    models: tuple[str, ...]
    """Column order of the table; the last one is the paper's own model."""
    datasets: tuple[str, ...]

    @property
    def references(self) -> tuple[str, ...]:
        """The models that the paper's own is compared with."""
        return self.models[:-1]

    def get(self, model: str, dataset: str | None, metric: str) -> float | None:
        return self.values.get((model, dataset, metric)) if dataset else None

    def speedup(self, model: str, over: str, dataset: str | None) -> float | None:
        """How many times as fast as `over` the printed latencies make `model`."""
        own, other = self.get(model, dataset, LATENCY), self.get(over, dataset, LATENCY)
        return other / own if own and other else None


def read_efficiency(folder: Path = REFERENCE) -> Efficiency:
    """FAVE's Table 3; a model is a column there. Raises BenchError where the file cannot be read."""
    rows = read_rows(folder / FILE)
    models = tuple(name for name in rows[0] if name not in ("dataset", "metric", "unit"))
    return Efficiency(
        values={(model, row["dataset"], row["metric"]): float(row[model]) for row in rows for model in models},
        models=models,
        datasets=tuple(dict.fromkeys(row["dataset"] for row in rows)),
    )
