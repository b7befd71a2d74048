"""What the papers print, read from paper_tables/reference/. Percent, as printed."""

import csv
from dataclasses import dataclass
from pathlib import Path

from fave_bench.errors import BenchError
from fave_bench.evaluation.metrics import check_consistency

REFERENCE = Path(__file__).resolve().parents[2] / "paper_tables" / "reference"
OVERALL = (("table1_overall.csv", "FAVE, Table 1"), ("fmrec_table2_overall.csv", "FMRec, Table 2"))
"""In order of precedence: a later file only fills what the earlier ones leave out."""
HALF_A_DIGIT = 5e-5
"""Percent: the papers print four decimals."""
OUT_OF_MEMORY = "OOM"
"""What FMRec prints where a model did not fit."""


@dataclass(frozen=True)
class Printed:
    """One number of a paper, and which table it stands in."""

    percent: float
    source: str


class Overall:
    """The main comparison: printed numbers by (model, dataset, metric)."""

    def __init__(self, values: dict[tuple[str, str, str], Printed], leading: str) -> None:
        self.values = values
        own = [key for key, number in values.items() if number.source == leading]
        self.models = tuple(dict.fromkeys(model for model, _, _ in own))
        """Row order of the leading paper."""
        self.datasets = tuple(dict.fromkeys(dataset for _, dataset, _ in own))
        """The datasets that paper reports, in its order."""

    def get(self, model: str, dataset: str, metric: str) -> Printed | None:
        return self.values.get((model, dataset, metric))

    def impossible(self, model: str, dataset: str) -> bool:
        """Whether no single run can give what is printed for this model on this dataset."""
        row = {metric: number for (*of, metric), number in self.values.items() if of == [model, dataset]}
        printed = {metric: number.percent / 100 for metric, number in row.items()}
        try:  # two differences of two rounded numbers are compared
            check_consistency(printed, tolerance=4 * HALF_A_DIGIT / 100)
        except BenchError:
            return True
        return False


def read_overall(folder: Path = REFERENCE) -> Overall:
    """Table 1 of FAVE, completed by FMRec's Table 2 where FAVE prints no number; each keeps its source."""
    values: dict[tuple[str, str, str], Printed] = {}
    for name, source in OVERALL:
        for row in read_rows(folder / name):
            key = (row["model"], row["dataset"], row["metric"])
            if row["value_percent"] != OUT_OF_MEMORY:
                values.setdefault(key, Printed(float(row["value_percent"]), source))
    return Overall(values, leading=OVERALL[0][1])


def read_rows(path: Path) -> list[dict[str, str]]:
    """A reference file's rows as printed; BenchError where it cannot be read."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise BenchError(f"{path}: the papers' printed numbers cannot be read: {error.strerror}") from None
