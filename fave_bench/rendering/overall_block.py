"""One dataset under one protocol, as a grid of cells."""

from fave_bench.evaluation.protocols import Protocol
from fave_bench.rendering.boards import Board, Line
from fave_bench.rendering.comparison import Comparison
from fave_bench.rendering.printed import Overall
from fave_bench.rendering.run_cells import CUT_SHORT, estimate, seeds, stopped
from fave_bench.rendering.table_model import NOTHING, Block, Cell, Column, Difference, Estimate, Number, Text

SHOWN = ("H@10", "N@10", "H@20", "N@20")
"""What people see; CSV and JSON hold every metric."""
IMPOSSIBLE = "‡"
WHO = tuple(Column(name, numeric=False) for name in ("model", "setting", "variant", "seeds"))
HOW = tuple(Column(name, numeric=False) for name in ("stopped", "device"))


def block(board: Board, protocol: Protocol, papers: Overall) -> Block:
    """A row per line of the board; per metric the paper's number, ours, and the difference with its verdict."""
    compared = [board.comparisons(protocol.name, metric, papers) for metric in SHOWN]
    letters = any(line.letter for line in board.lines)
    rows = [
        (*who(line, letters), *(part for cell in cells for part in _three(cell)), *how(line))
        for line, *cells in zip(board.lines, *compared, strict=True)
    ]
    if board.oracle:
        rows.append(_oracle(board, letters))
    return Block(title(board, f"protocol {protocol.name}"), _columns(letters), tuple(rows))


def title(board: Board, *more: str) -> str:
    """The block's heading: the dataset, what it is, then `more`."""
    parts = [board.dataset]
    if board.sample:
        data = board.sample.dataset
        parts.append(f"{data.users:,} users, {data.items:,} items, {data.split}, data {data.fingerprint[:8]}")
        parts += ["not the papers' data"] * data.other_data
    if board.synthetic:
        parts.append("SYNTHETIC")
    return " · ".join([*parts, *more])


def _columns(letters: bool) -> tuple[Column, ...]:
    compared = [Column(name, f"{metric} ↑") for metric in SHOWN for name in ("paper", "ours", "difference")]
    model, *others = WHO
    return (model, *([Column("letter", numeric=False)] if letters else []), *others, *compared, *HOW)


def who(line: Line, letters: bool = False) -> tuple[Cell, ...]:
    """As many cells as WHO has columns, and after the first the line's letter if `letters`."""
    letter = [Text(line.letter) if line.letter else NOTHING] if letters else []
    if line.summary is None:
        return Text(line.title), *letter, NOTHING, NOTHING, NOTHING
    return (
        Text(line.title + (f" {CUT_SHORT}" if line.truncated else "")),
        *letter,
        Text(line.summary.first.setting),
        Text(line.label) if line.label else NOTHING,
        seeds(line.summary),
    )


def _three(cell: Comparison) -> tuple[Cell, Cell, Cell]:
    paper = Number(cell.printed.percent, IMPOSSIBLE if cell.impossible else "") if cell.printed else NOTHING
    difference = Difference(cell.difference, cell.verdict) if cell.verdict else NOTHING
    return paper, estimate(cell.ours, mark=cell.mark, truncated=cell.truncated, raised=cell.beats), difference


def how(line: Line) -> tuple[Cell, ...]:
    """As many cells as HOW has columns."""
    return stopped(line.summary), Text(line.summary.device) if line.summary else NOTHING


def _oracle(board: Board, letters: bool) -> tuple[Cell, ...]:
    known = board.oracle
    values = [Estimate(known[metric]) if metric in known else NOTHING for metric in SHOWN]
    compared = [cell for value in values for cell in (NOTHING, value, NOTHING)]
    return (Text("oracle"), *[NOTHING] * (3 + letters), *compared, NOTHING, NOTHING)
