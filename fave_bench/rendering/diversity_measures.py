"""What the diversity table shows: how each number is taken from a record, its unit and its direction."""

from collections.abc import Callable
from dataclasses import dataclass

from fave_bench.records.schema import ListDistance, Record
from fave_bench.rendering.summary import Summary, Value, over_seeds

SPACES = {"own": "own", "genres": "genres", "co_occurrence": "co-occurrence"}
"""Key in a record, after `ild_` -> the space's name."""
Reading = tuple[float, float | None]
"""A number of one record and its sampling error, None where that is not known."""


@dataclass(frozen=True)
class Measure:
    """One number of a record, and how to read it."""

    metric: str
    unit: str
    higher_is_better: bool
    """More diverse is taken for better, though only the reader can say whether it is."""
    of: Callable[[Record], Reading | None]
    protocol: str = "filtered"
    space: str | None = None
    decimals: int = 2

    @property
    def heading(self) -> str:
        return f"{self.metric} {'↑' if self.higher_is_better else '↓'}"

    def value(self, summary: Summary) -> Value | None:
        """None where some run does not hold it."""
        readings = [reading for record in summary.records if (reading := self.of(record))]
        return over_seeds(readings) if len(readings) == len(summary.records) else None


def accuracy(protocol: str) -> Measure:
    """N@20, without which diversity means little."""

    def of(record: Record) -> Reading | None:
        metrics, errors = (part.get(protocol, {}).get("test", {}) for part in (record.metrics, record.standard_errors))
        return (100 * metrics["N@20"], 100 * errors["N@20"]) if "N@20" in metrics else None

    return Measure("N@20", "percent", True, of, protocol)


def distance(space: str, k: int = 20) -> Measure:
    """ILD of the first 10 or 20 items in one of SPACES."""

    def of(record: Record) -> Reading | None:
        found: ListDistance | None = getattr(record.diversity, f"ild_{space}", None)
        if found is None:
            return None
        return (found.at_20, found.standard_error) if k == 20 else (found.at_10, None)

    return Measure(f"ILD@{k}", "distance", True, of, space=SPACES[space], decimals=4)


def exposure(key: str, name: str, unit: str, *, higher_is_better: bool = False, decimals: int = 2) -> Measure:
    """A number of all lists together, by its key in the record; percent are fractions there."""
    scale = 100 if unit == "percent" else 1

    def of(record: Record) -> Reading | None:
        return (scale * getattr(record.diversity, key), None) if record.diversity else None

    return Measure(f"{name}@20", unit, higher_is_better, of, decimals=decimals)


ACCURACY = (accuracy("released"), accuracy("filtered"))
EXPOSURE = (
    exposure("coverage", "coverage", "percent", higher_is_better=True),
    exposure("gini", "Gini", "fraction", decimals=4),
    exposure("popularity", "popularity", "interactions"),
    exposure("overlap", "overlap", "percent"),
)
EVERYTHING = (*ACCURACY, *(distance(space, k) for space in SPACES for k in (20, 10)), *EXPOSURE)
