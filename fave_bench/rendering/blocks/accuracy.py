"""What Table 1 holds of a dataset: everything, what got a verdict and why, and what did not run to its end."""

from fave_bench.records.schema import LEAVE_ONE_OUT
from fave_bench.rendering import causes
from fave_bench.rendering.blocks.one_run import ENDS
from fave_bench.rendering.blocks.words import METRICS, ORDER, numbers, require_dataset, spaced
from fave_bench.rendering.boards import Board, Line, boards
from fave_bench.rendering.comparison import Comparison
from fave_bench.rendering.contents import Contents
from fave_bench.rendering.markdown import escape
from fave_bench.rendering.overall import chosen
from fave_bench.rendering.printed import read_overall
from fave_bench.rendering.summary import Value
from fave_bench.rendering.table_model import signed


def headline(contents: Contents, dataset: str) -> str:
    """Every row of Table 1 that was run, its full runs where there are some, else the longest that was cut short: the
    printed H@20, and ours."""
    board, papers = _board(contents, dataset), read_overall()
    rows = []
    for line in _longest(board):
        printed = board.printed(papers, line, "H@20")
        values = [line.value(protocol, metric) for protocol, metric in ORDER]
        rows.append([_name(line), f"{printed.percent:.2f}" if printed else "–", *map(_value, values)])
    return numbers(["model", "paper H@20 ↑", *(f"{metric} ↑ {protocol}" for protocol, metric in ORDER)], rows)


def verdicts(contents: Contents, dataset: str) -> str:
    """The rows that ran to their end beside what is printed for them, under the protocol printed numbers come from."""
    board, papers = _board(contents, dataset), read_overall()
    compared = [board.comparisons("released", metric, papers) for metric in METRICS]
    rows = [
        [_name(line), str(len(line.summary.records)), *(part for cell in cells for part in _judged(cell))]
        for line, *cells in zip(board.lines, *compared, strict=True)
        if line.summary and not line.truncated and all(cell.printed for cell in cells)
    ]
    if not rows:
        return "None yet."
    named = (f"{metric} {part}" for metric in METRICS for part in ("printed", "ours", "difference", "verdict"))
    return numbers(["model", "seeds", *named], rows)


def explained(contents: Contents, dataset: str) -> str:
    """What is known of each row that was not reproduced, a bullet each."""
    require_dataset(contents, dataset)
    found = causes.causes(contents, dataset)
    return "\n".join(f"- **{escape(c.title)}**, {c.verdict}: {escape(c.note)}" for c in found) or "None."


def unfinished(contents: Contents, dataset: str) -> str:
    """The rows of which no run went to its end, and how far the longest went."""
    board = _board(contents, dataset)
    lines = [
        f"- {_name(line)}: {line.summary.epochs:.3g} epochs, {ENDS[line.summary.first.training.stopped_because]}"
        for line in _longest(board)
        if line.truncated and line.summary
    ]
    lines += [f"- {line.title}: not run" for line in board.lines if line.summary is None]
    return "\n".join(lines) or "None."


def _board(contents: Contents, dataset: str) -> Board:
    papers = read_overall()
    records = [one for one in chosen(contents.records, [dataset], papers) if one.dataset.split == LEAVE_ONE_OUT]
    return boards(records, [dataset], papers)[0]


def _longest(board: Board) -> list[Line]:
    """Of lines that were cut short and are otherwise of one row, the one that went furthest; all others as they are."""
    found: dict[tuple[str, ...], Line] = {}
    for line in board.run_lines:
        assert line.summary
        first = line.summary.first
        row = (first.model, first.setting, first.variant, "" if line.truncated else first.configuration)
        found[row] = max(found.get(row, line), line, key=_passes)
    return list(found.values())


def _passes(line: Line) -> float:
    return line.summary.epochs if line.summary else 0.0


def _name(line: Line) -> str:
    assert line.summary
    parts = [line.title, line.summary.first.setting, *filter(None, [spaced(line.label)])]
    return ", ".join(parts) + " †" * line.truncated


def _judged(cell: Comparison) -> tuple[str, ...]:
    printed, difference = cell.printed, cell.difference
    assert printed
    gap = "–" if difference is None else signed(difference)
    return f"{printed.percent:.2f}", _value(cell.ours), gap, cell.verdict or "–"


def _value(value: Value | None) -> str:
    if value is None:
        return "–"
    return f"{value.mean:.2f}" + (f" ± {value.deviation:.2f}" if value.deviation is not None else "")
