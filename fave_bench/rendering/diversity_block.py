"""One dataset's diversity as a grid of cells."""

from fave_bench.rendering.boards import Board, Line
from fave_bench.rendering.diversity_measures import ACCURACY, EXPOSURE, Measure, distance
from fave_bench.rendering.overall_block import HOW, WHO, how, title, who
from fave_bench.rendering.printed_diversity import PrintedDiversity
from fave_bench.rendering.run_cells import CUT_SHORT
from fave_bench.rendering.table_model import NOTHING, Block, Cell, Column, Number


def block(board: Board, papers: PrintedDiversity) -> Block:
    """A row per line of the board: accuracy and ILD beside the paper's, then what all lists together show."""
    distances = tuple(distance(space) for space in ("own", *shared_spaces(board)))
    columns = (
        *WHO,
        *_compared(ACCURACY),
        *_compared(distances),
        *(Column(measure.unit, measure.heading) for measure in EXPOSURE),
        *HOW,
    )
    rows = [
        (
            *who(line),
            *_beside(line, board, papers, ACCURACY),
            *_beside(line, board, papers, distances),
            *(_ours(line, measure) for measure in EXPOSURE),
            *how(line),
        )
        for line in board.lines
    ]
    return Block(title(board, "lists of protocol filtered"), columns, tuple(rows))


def shared_spaces(board: Board) -> tuple[str, ...]:
    """`co_occurrence`, which all runs know, and before it `genres` where every run knows them too."""
    runs = [record for line in board.lines if line.summary for record in line.summary.records if record.diversity]
    genres = runs and all(run.diversity and run.diversity.ild_genres for run in runs)
    return ("genres", "co_occurrence") if genres else ("co_occurrence",)


def printed(line: Line, board: Board, papers: PrintedDiversity, metric: str) -> float | None:
    """The paper's number, where it is of such data, split in this way."""
    return papers.get((line.title, board.dataset, metric)) if board.as_printed else None


def _compared(measures: tuple[Measure, ...]) -> list[Column]:
    group = measures[0].heading
    return [Column("paper", group), *(Column(measure.space or measure.protocol, group) for measure in measures)]


def _beside(line: Line, board: Board, papers: PrintedDiversity, measures: tuple[Measure, ...]) -> list[Cell]:
    number = printed(line, board, papers, measures[0].metric)
    paper = NOTHING if number is None else Number(number, decimals=measures[0].decimals)
    return [paper, *(_ours(line, measure) for measure in measures)]


def _ours(line: Line, measure: Measure) -> Cell:
    value = measure.value(line.summary) if line.summary else None
    return value.cell(flag=CUT_SHORT if line.truncated else "", decimals=measure.decimals) if value else NOTHING
