"""Runs that differ in their seed alone, as one line of a table."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise
from statistics import fmean, stdev

from fave_bench.errors import BenchError
from fave_bench.records.schema import Metrics, Nested, Record
from fave_bench.rendering.table_model import Estimate, Mark

SETTINGS = ("released", "paper")


@dataclass(frozen=True)
class Value:
    """A metric over seeds, in its unit."""

    mean: float
    seeds: int
    deviation: float | None
    """Standard deviation over seeds (n - 1); None for a single seed."""
    sampling_error: float | None
    """What another draw of users would change, averaged over seeds; None where that is not known."""

    @property
    def spread(self) -> float:
        """What a bar shows: the deviation over seeds, or for a single one the sampling error (0 if not known)."""
        return (self.sampling_error or 0.0) if self.deviation is None else self.deviation

    @property
    def uncertainty(self) -> float:
        """Both sources together; a single seed says nothing about seeds and adds nothing."""
        return float(((self.sampling_error or 0.0) ** 2 + (self.deviation or 0.0) ** 2) ** 0.5)

    def cell(self, mark: Mark = "", flag: str = "", raised: str = "", decimals: int = 2) -> Estimate:
        """As a table shows it: with the spread over seeds, or a single seed's sampling error."""
        if self.deviation is None:
            return Estimate(self.mean, self.sampling_error, "users", mark, flag, raised, decimals)
        return Estimate(self.mean, self.deviation, "seeds", mark, flag, raised, decimals)


def over_seeds(found: Sequence[tuple[float, float | None]]) -> Value:
    """From each seed's (mean, sampling error), in one unit."""
    means, errors = [mean for mean, _ in found], [error for _, error in found if error is not None]
    return Value(
        mean=fmean(means),
        seeds=len(means),
        deviation=stdev(means) if len(means) > 1 else None,
        sampling_error=fmean(errors) if len(errors) == len(found) else None,
    )


@dataclass(frozen=True)
class Summary:
    """The records behind one line: same data, model, configuration and way of ending, other seeds."""

    records: tuple[Record, ...]

    @property
    def first(self) -> Record:
        return self.records[0]

    def value(self, protocol: str, metric: str) -> Value | None:
        """The test metric over seeds; None where the records do not hold it."""
        tests = [(_test(r.metrics, protocol), _test(r.standard_errors, protocol)) for r in self.records]
        if any(metric not in metrics or metric not in errors for metrics, errors in tests):
            return None
        return over_seeds([(100 * metrics[metric], 100 * errors[metric]) for metrics, errors in tests])

    @cached_property
    def stopped_because(self) -> str:
        return " + ".join(sorted({record.training.stopped_because for record in self.records}))

    @cached_property
    def epochs(self) -> float:
        """Passes over the samples, averaged over seeds."""
        return fmean(record.training.epochs for record in self.records)

    @cached_property
    def best_epochs(self) -> tuple[int, int]:
        """Smallest and largest over seeds."""
        epochs = [record.training.best_epoch for record in self.records]
        return min(epochs), max(epochs)

    @cached_property
    def still_rising(self) -> bool:
        """Whether some run hit its limit of epochs while its last look at validation was its best."""
        return any(record.still_rising for record in self.records)

    @cached_property
    def device(self) -> str:
        """Every device that took part, in alphabetical order, with what `hurry` says of its runs."""
        return ", ".join(sorted({_device(record) for record in self.records}))


def summarise(records: Iterable[Record]) -> list[Summary]:
    """Runs grouped so that only seeds differ: setting `released` first, then `paper`; cut-short runs apart and last,
    by the passes that they were limited to.

    Where a seed was run with a budget that it did not use up, and without, it counts once. Raises BenchError where two
    files of external scores, put together from elsewhere, claim to be one seed of one row.
    """
    ordered = sorted(records, key=lambda record: (*_line(record), record.seed, budget(record) is not None))
    found = [Summary(tuple(_without_repeats(group))) for _, group in groupby(ordered, key=_line)]
    for one, other in (pair for summary in found for pair in pairwise(summary.records)):
        if one.seed == other.seed:
            raise BenchError(
                f"{one.dataset.name}: runs {one.key} and {other.key} are both seed {one.seed} of {one.title}, from "
                "different scores; one of the two cannot stay in the results folder"
            )
    return sorted(found, key=_place)


def _without_repeats(ordered: Iterable[Record]) -> Iterator[Record]:
    """The records of one line, but for a seed that comes once more with a budget."""
    seen = set[int]()
    for record in ordered:
        if record.seed not in seen or budget(record) is None:
            yield record
        seen.add(record.seed)


def budget(record: Record) -> float | None:
    """Seconds that training might take."""
    training = record.config.get("training")
    seconds = training.get("time_budget") if isinstance(training, dict) else None
    return float(seconds) if isinstance(seconds, int | float) else None


def allowance(record: Record) -> list[str]:
    """The budget of a run: the passes that were its limit, else the seconds that it might take; none is no budget."""
    seconds, passes = budget(record), record.training.epochs
    if record.training.stopped_because == "limit":
        return [f"at most {passes:g} epoch{'s' * (passes != 1)}"]
    return [] if seconds is None else [f"at most {seconds:g} s"]


def hurry(record: Record) -> list[str]:
    """How training was made faster at a price: precision if not fp32, sampler steps at looks if not the model's own."""
    training = record.config.get("training")
    known = training if isinstance(training, dict) else {}
    precision, steps = known.get("precision", "fp32"), known.get("look_steps")
    looks = [f"looks in {steps} step{'s' * (steps != 1)}"] if isinstance(steps, int) else []
    return [str(precision)] * (precision != "fp32") + looks


def _device(record: Record) -> str:
    return ", ".join([str(record.environment.get("device", "unknown")), *hurry(record)])


def _test(nested: Nested, protocol: str) -> Metrics:
    return nested.get(protocol, {}).get("test", {})


def _place(summary: Summary) -> tuple[object, ...]:
    first = summary.first
    *name, configuration = _line(first)
    return (*name, first.training.epochs if first.training.stopped_because == "limit" else 0.0, configuration)


def _line(record: Record) -> tuple[str, int, str, str, bool, str]:
    place = SETTINGS.index(record.setting) if record.setting in SETTINGS else len(SETTINGS)
    return record.model, place, record.setting, record.variant, record.truncated, record.configuration
