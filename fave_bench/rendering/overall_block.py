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


def block(board: Board, protocol: Protocol, papers: Overall) -> Block:
    """A row per line of the board; per metric the paper's number, ours, and the difference with its verdict."""
    compared = [board.comparisons(protocol.name, metric, papers) for metric in SHOWN]
    rows = [
        (*_who(line), *(part for cell in cells for part in _three(cell)), *_how(line))
        for line, *cells in zip(board.lines, *compared, strict=True)
    ]
    if board.oracle:
        rows.append(_oracle(board))
    return Block(_title(board, protocol), _columns(), tuple(rows))


def _title(board: Board, protocol: Protocol) -> str:
    parts = [board.dataset]
    if board.sample:
        data = board.sample.dataset
        parts.append(f"{data.users:,} users, {data.items:,} items, {data.split}, data {data.fingerprint[:8]}")
    if board.synthetic:
        parts.append("SYNTHETIC")
    return " · ".join([*parts, f"protocol {protocol.name}"])


def _columns() -> tuple[Column, ...]:
    compared = [Column(name, f"{metric} ↑") for metric in SHOWN for name in ("paper", "ours", "difference")]
    who = [Column(name, numeric=False) for name in ("model", "setting", "variant", "seeds")]
    return (*who, *compared, Column("stopped", numeric=False), Column("device", numeric=False))


def _who(line: Line) -> tuple[Cell, ...]:
    if line.summary is None:
        return Text(line.title), NOTHING, NOTHING, NOTHING
    return (
        Text(line.title + (f" {CUT_SHORT}" if line.truncated else "")),
        Text(line.summary.first.setting),
        Text(line.label) if line.label else NOTHING,
        seeds(line.summary),
    )


def _three(cell: Comparison) -> tuple[Cell, Cell, Cell]:
    paper = Number(cell.printed.percent, IMPOSSIBLE if cell.impossible else "") if cell.printed else NOTHING
    difference = Difference(cell.difference, cell.verdict) if cell.verdict else NOTHING
    return paper, estimate(cell.ours, mark=cell.mark, truncated=cell.truncated), difference


def _how(line: Line) -> tuple[Cell, Cell]:
    return stopped(line.summary), Text(line.summary.device) if line.summary else NOTHING


def _oracle(board: Board) -> tuple[Cell, ...]:
    known = board.oracle
    values = [Estimate(known[metric]) if metric in known else NOTHING for metric in SHOWN]
    compared = [cell for value in values for cell in (NOTHING, value, NOTHING)]
    return (Text("oracle"), NOTHING, NOTHING, NOTHING, *compared, NOTHING, NOTHING)
