"""What FAVE prints about diversity, read from paper_tables/reference/."""

from collections.abc import Mapping
from pathlib import Path

from fave_bench.rendering.printed import REFERENCE, read_rows

FILE, SOURCE = "table4_diversity.csv", "FAVE, Table 4"
DATASET = "ml-100k"
"""The table names none; its NDCG@20 are, to the digit, those of Table 1 for this one."""
COLUMNS = {"ILD@20": "ILD", "N@20": "NDCG@20_percent"}
"""Metric -> column. The table gives its ILD no cut-off, so that of the NDCG beside it is taken."""

PrintedDiversity = Mapping[tuple[str, str, str], float]
"""(Model, dataset, metric) -> the number, ILD as a distance and N@20 in percent."""


def read_diversity(folder: Path = REFERENCE) -> PrintedDiversity:
    """FAVE's Table 4. Raises BenchError where the file cannot be read."""
    return {
        (row["method"], DATASET, metric): float(row[column])
        for row in read_rows(folder / FILE)
        for metric, column in COLUMNS.items()
    }
