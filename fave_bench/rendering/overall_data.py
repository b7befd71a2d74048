"""The overall comparison as flat rows for programs: one per dataset, protocol, line and metric, in percent."""

from fave_bench.evaluation.metrics import METRICS
from fave_bench.evaluation.protocols import Protocol
from fave_bench.rendering.boards import Board, Line
from fave_bench.rendering.comparison import Comparison
from fave_bench.rendering.printed import Overall
from fave_bench.rendering.table_model import Scalar

COLUMNS = (
    "dataset", "split", "fingerprint", "synthetic", "users", "protocol", "protocol_version",
    "model", "title", "setting", "variant", "configuration", "metric", "unit", "higher_is_better",
    "paper_value", "paper_source", "paper_impossible", "ours_mean", "ours_sd", "seeds", "sampling_error",
    "difference", "verdict", "place", "truncated", "stopped_because", "best_epoch_min", "best_epoch_max",
    "still_rising", "device",
)  # fmt: skip
LETTERED = (*COLUMNS, "letter", "beats")
"""Where letters were asked for: the row's own, and those of the rows it beats in the metric."""

Facts = dict[str, Scalar]


def flat(board: Board, protocol: Protocol, papers: Overall, columns: tuple[str, ...] = COLUMNS) -> list[Facts]:
    """Every column in every row, null where there is nothing to say."""
    rows: list[Facts] = []
    for metric in METRICS:
        compared = zip(board.lines, board.comparisons(protocol.name, metric, papers), strict=True)
        rows += [about(line) | _figures(cell) | {"metric": metric} for line, cell in compared]
        if metric in board.oracle:
            rows.append(
                {"model": "oracle", "title": "oracle", "metric": metric, "ours_mean": tidy(board.oracle[metric])}
            )
    same = shared(board, protocol)
    return [{column: (same | row).get(column) for column in columns} for row in rows]


def shared(board: Board, protocol: Protocol) -> Facts:
    """What all rows of a board say alike under one protocol."""
    facts: Facts = {
        "dataset": board.dataset, "synthetic": board.synthetic, "protocol": protocol.name,
        "protocol_version": protocol.version, "unit": "percent", "higher_is_better": True,
    }  # fmt: skip
    if board.sample:
        data = board.sample.dataset
        facts |= {"split": data.split, "fingerprint": data.fingerprint, "users": data.users}
    return facts


def about(line: Line) -> Facts:
    """Who a row speaks of, and how its runs ended."""
    if line.summary is None:  # a model's registry name is its title in lower case
        return {"model": line.title.lower(), "title": line.title, "seeds": 0, "truncated": False}
    first, (low, high) = line.summary.first, line.summary.best_epochs
    return {
        "model": first.model, "title": line.title, "setting": first.setting, "variant": first.variant,
        "configuration": first.configuration, "truncated": line.truncated, "device": line.summary.device,
        "stopped_because": line.summary.stopped_because, "best_epoch_min": low, "best_epoch_max": high,
        "still_rising": line.summary.still_rising, "letter": line.letter,
    }  # fmt: skip


def _figures(cell: Comparison) -> Facts:
    facts: Facts = {"difference": tidy(cell.difference), "verdict": cell.verdict, "place": cell.mark or None}
    facts |= {"beats": cell.beats or None}
    if cell.printed:
        facts |= {"paper_value": cell.printed.percent, "paper_source": cell.printed.source}
        facts |= {"paper_impossible": cell.impossible}
    if cell.ours:
        facts |= {"ours_mean": tidy(cell.ours.mean), "ours_sd": tidy(cell.ours.deviation), "seeds": cell.ours.seeds}
        facts |= {"sampling_error": tidy(cell.ours.sampling_error)}
    return facts


def tidy(value: float | None) -> float | None:
    """Six decimals of a percent: far below any error, and free of the last bit's noise, so no negative zero."""
    return None if value is None else round(value, 6) + 0.0
