"""Metrics by history length and by popularity of the target: for whom a row is good."""

from collections.abc import Callable, Iterable, Sequence

from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import SPLITS
from fave_bench.errors import BenchError
from fave_bench.evaluation.protocols import Protocol
from fave_bench.evaluation.subgroups import Grouping, history_length, target_popularity
from fave_bench.rendering.boards import Board, Line
from fave_bench.rendering.overall_data import tidy
from fave_bench.rendering.paired import Ranks
from fave_bench.rendering.subgroup_values import SHOWN, Sheet
from fave_bench.rendering.summary import Value
from fave_bench.rendering.table_model import NOTHING, Block, Cell, Column, Scalar, Table, Text

COLUMNS = (
    "dataset", "split", "fingerprint", "synthetic", "protocol", "protocol_version", "grouping", "group", "unit", "low",
    "high", "users", "share", "model", "title", "setting", "variant", "configuration", "truncated", "metric",
    "ours_mean", "ours_sd", "seeds", "sampling_error",
)  # fmt: skip
UNITS = (
    "Test metrics in percent of the users in each group, ↑ higher is better: mean ± standard deviation over seeds; a "
    "single seed shows (± the sampling error of the group's users) instead. n: users in the group."
)
HISTORY = "History length: items before the test target, four groups of about equal size; equal lengths stay together."
POPULARITY = (
    "Target popularity: the head are the most popular items that hold a third of all training actions, mid the next "
    "third, the tail all others; the ranges are the training actions of the groups' targets."
)
CUT_SHORT = "† stopped by a budget: no verdict on the model."
SYNTHETIC = "SYNTHETIC data were made by this program."


def subgroups(
    boards: Iterable[Board], protocols: Sequence[Protocol], ranks: Ranks, load: Callable[[str], Sequences]
) -> Table:
    """A block per board, protocol and grouping, with a column per group and metric.

    `load` gives a dataset's sequences. Raises BenchError where they are not those that the runs learned from.
    """
    grouped = [(board, groupings(board, load(board.dataset))) for board in boards]
    sheets = [
        Sheet(board, protocol, grouping, ranks)
        for board, found in grouped
        for protocol in protocols
        for grouping in found
    ]
    return Table(
        name="subgroups",
        title="For whom: metrics by history length and target popularity",
        legend=_legend(protocols, sheets),
        blocks=tuple(_block(sheet) for sheet in sheets),
        columns=COLUMNS,
        rows=tuple(row for sheet in sheets for row in _rows(sheet)),
    )


def groupings(board: Board, sequences: Sequences) -> list[Grouping]:
    """How a board's test users are grouped; BenchError where `sequences` are not what its runs learned from."""
    assert board.sample
    recorded = board.sample.dataset
    if sequences.fingerprint != recorded.fingerprint:
        raise BenchError(
            f"{recorded.name}: its runs learned from data {recorded.fingerprint[:8]}, and what is here under that name "
            f"is {sequences.fingerprint[:8]}; prepare the data that the runs had, or name other --datasets"
        )
    split = SPLITS[recorded.split](sequences)
    return [history_length(split), target_popularity(sequences, split)]


def _legend(protocols: Sequence[Protocol], sheets: Sequence[Sheet]) -> tuple[str, ...]:
    said = [
        *((True, sentence) for sentence in (UNITS, HISTORY, POPULARITY)),
        *((True, f"Protocol {p.name}, version {p.version}: {p.description}.") for p in protocols),
        (any(line.truncated for sheet in sheets for line in sheet.lines), CUT_SHORT),
        (any(sheet.board.synthetic for sheet in sheets), SYNTHETIC),
    ]
    return tuple(sentence for needed, sentence in said if needed)


def _block(sheet: Sheet) -> Block:
    assert sheet.board.sample
    data = sheet.board.sample.dataset
    title = [
        data.name, f"{data.split}, data {data.fingerprint[:8]}", *["SYNTHETIC"] * data.synthetic,
        f"by {sheet.grouping.by}", f"protocol {sheet.protocol.name}",
    ]  # fmt: skip
    who = [Column(name, numeric=False) for name in ("model", "setting", "variant")]
    groups = [Column(f"{metric} ↑", _heading(sheet, i)) for i in range(len(sheet.shares)) for metric in SHOWN]
    rows = [
        (*_who(line), *(_cell(line, value) for values in groups for value in values.values()))
        for line, groups in zip(sheet.lines, sheet.values, strict=True)
    ]
    return Block(" · ".join(title), (*who, *groups), tuple(rows))


def _heading(sheet: Sheet, i: int) -> str:
    low, high = sheet.grouping.bounds[i]
    counts = f"{low:,}–{high:,}" if low < high else f"{low:,}"
    words = " ".join(filter(None, (sheet.grouping.names[i], counts, sheet.grouping.unit)))
    return f"{words}, n = {sheet.grouping.sizes[i]:,}"


def _who(line: Line) -> tuple[Cell, ...]:
    assert line.summary
    label = Text(line.label) if line.label else NOTHING
    return Text(line.title + " †" * line.truncated), Text(line.summary.first.setting), label


def _cell(line: Line, value: Value | None) -> Cell:
    return value.cell(flag="†" * line.truncated) if value else NOTHING


def _rows(sheet: Sheet) -> list[dict[str, Scalar]]:
    rows = [
        _shared(sheet) | _group(sheet, i) | _about(line) | _figures(metric, value)
        for line, groups in zip(sheet.lines, sheet.values, strict=True)
        for i, values in enumerate(groups)
        for metric, value in values.items()
    ]
    return [{column: row[column] for column in COLUMNS} for row in rows]


def _shared(sheet: Sheet) -> dict[str, Scalar]:
    assert sheet.board.sample
    data = sheet.board.sample.dataset
    return {
        "dataset": data.name, "split": data.split, "fingerprint": data.fingerprint, "synthetic": data.synthetic,
        "protocol": sheet.protocol.name, "protocol_version": sheet.protocol.version, "grouping": sheet.grouping.by,
        "unit": sheet.grouping.unit,
    }  # fmt: skip


def _group(sheet: Sheet, i: int) -> dict[str, Scalar]:
    low, high = sheet.grouping.bounds[i]
    return {
        "group": sheet.grouping.names[i] or f"{low}–{high}", "low": low, "high": high,
        "users": sheet.grouping.sizes[i], "share": round(sheet.shares[i], 9),
    }  # fmt: skip


def _about(line: Line) -> dict[str, Scalar]:
    assert line.summary
    first = line.summary.first
    return {
        "model": first.model, "title": line.title, "setting": first.setting, "variant": first.variant,
        "configuration": first.configuration, "truncated": line.truncated,
    }  # fmt: skip


def _figures(metric: str, value: Value | None) -> dict[str, Scalar]:
    if value is None:
        return {"metric": metric, **dict.fromkeys(("ours_mean", "ours_sd", "seeds", "sampling_error"))}
    return {
        "metric": metric, "ours_mean": tidy(value.mean), "ours_sd": tidy(value.deviation), "seeds": value.seeds,
        "sampling_error": tidy(value.sampling_error),
    }  # fmt: skip
