"""A metric of one line of a table in another number of sampler steps than its own."""

from collections.abc import Mapping

from fave_bench.records.measurements import StepsRow
from fave_bench.rendering.summary import Summary, Value, over_seeds


def own_steps(summary: Summary) -> int | None:
    """The number of steps the line's runs were ranked in; None for a model without a sampler."""
    inference = summary.first.inference
    return inference.steps if inference else None


def of_one_set(summary: Summary, in_steps: Mapping[tuple[str, int], StepsRow]) -> Summary:
    """The line with those seeds alone whose weights were ranked again in the most numbers of steps, so that a curve is
    about the same weights at every number; the line itself where none was."""
    counts = {record.key: sum(key == record.key for key, _ in in_steps) for record in summary.records}
    most = max(counts.values())
    return Summary(tuple(record for record in summary.records if counts[record.key] == most))


def value_in_steps(
    summary: Summary, in_steps: Mapping[tuple[str, int], StepsRow], protocol: str, metric: str, steps: int | None
) -> Value | None:
    """Over those seeds whose weights were ranked again in so many steps; at the line's own number, of its records."""
    if steps == own_steps(summary):
        return summary.value(protocol, metric)
    rows = [in_steps.get((record.key, steps)) for record in summary.records if steps is not None]
    found = [(100 * row.metrics[protocol][metric], 100 * row.standard_errors[protocol][metric]) for row in rows if row]
    return over_seeds(found) if found else None
