"""Diversity as flat rows for programs: one per dataset, line and measure."""

from collections.abc import Iterator

from fave_bench.evaluation.protocols import PROTOCOLS
from fave_bench.rendering.boards import Board, Line
from fave_bench.rendering.diversity_block import printed
from fave_bench.rendering.diversity_measures import EVERYTHING, Measure
from fave_bench.rendering.overall_data import Facts, about, shared, tidy
from fave_bench.rendering.printed_diversity import SOURCE, PrintedDiversity

COLUMNS = (
    "dataset", "split", "fingerprint", "synthetic", "users", "protocol", "protocol_version",
    "model", "title", "setting", "variant", "configuration", "metric", "space", "unit", "higher_is_better",
    "paper_value", "paper_source", "ours_mean", "ours_sd", "seeds", "sampling_error",
    "truncated", "stopped_because", "best_epoch_min", "best_epoch_max", "still_rising", "device",
)  # fmt: skip


def flat(board: Board, papers: PrintedDiversity) -> Iterator[Facts]:
    """Every column in every row, null where there is nothing to say; `metric` is of the lists of `protocol`."""
    for measure in EVERYTHING:
        same = shared(board, PROTOCOLS[measure.protocol]) | _measured(measure)
        for line in board.lines:
            row = same | about(line) | _figures(line, board, measure, papers)
            yield {column: row.get(column) for column in COLUMNS}


def _measured(measure: Measure) -> Facts:
    return {
        "metric": measure.metric, "space": measure.space, "unit": measure.unit,
        "higher_is_better": measure.higher_is_better,
    }  # fmt: skip


def _figures(line: Line, board: Board, measure: Measure, papers: PrintedDiversity) -> Facts:
    facts: Facts = {}
    number = printed(line, board, papers, measure.metric)
    if number is not None and measure.space in (None, "own"):
        facts |= {"paper_value": number, "paper_source": SOURCE}
    value = measure.value(line.summary) if line.summary else None
    if value:
        facts |= {"ours_mean": tidy(value.mean), "ours_sd": tidy(value.deviation), "seeds": value.seeds}
        facts |= {"sampling_error": tidy(value.sampling_error)}
    return facts
