"""What a paper prints about the variants of a model, read from paper_tables/reference/. Percent, as printed."""

from pathlib import Path

from fave_bench.evaluation.metrics import METRICS
from fave_bench.rendering.printed import REFERENCE, read_rows
from fave_bench.studies.catalogue import Family

PrintedVariants = dict[tuple[str, str, str], float]
"""(variant, dataset, metric) -> percent."""


def read_ablation(family: Family, folder: Path = REFERENCE) -> PrintedVariants:
    """The printed numbers of a family, from a row or a column per metric; empty where no paper prints any."""
    if family.printed is None:
        return {}
    found: PrintedVariants = {}
    for row in read_rows(folder / family.printed):
        values = {row["metric"]: row["value_percent"]} if "metric" in row else {m: row[m] for m in METRICS if m in row}
        found |= {(row["variant"], row["dataset"], metric): float(value) for metric, value in values.items()}
    return found
