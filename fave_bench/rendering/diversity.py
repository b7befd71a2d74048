"""Table 4: how diverse the models' lists are, what the paper prints beside what was measured here."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from fave_bench.errors import NothingToShow
from fave_bench.records import Record
from fave_bench.rendering.boards import Board, Line, boards
from fave_bench.rendering.diversity_block import block, printed, shared_spaces
from fave_bench.rendering.diversity_data import COLUMNS, flat
from fave_bench.rendering.diversity_legend import legend
from fave_bench.rendering.overall import chosen
from fave_bench.rendering.printed import Overall
from fave_bench.rendering.printed_diversity import PrintedDiversity
from fave_bench.rendering.table_model import Table


def diversity(
    records: Iterable[Record], models: Overall, papers: PrintedDiversity, *, datasets: Sequence[str] = ()
) -> Table:
    """One block a dataset, where some run recorded its diversity; `models` gives the order of the paper's models.

    Raises NothingToShow where no run did, UsageError for a dataset nobody has heard of.
    """
    found = list(_boards(chosen(records, datasets, models), models, papers))
    if not found:
        raise NothingToShow(
            f"no run{' of ' + ', '.join(datasets) if datasets else ''} has recorded its diversity; runs made before it "
            "was measured are never changed, so make them again with another --results folder"
        )
    return Table(
        name="diversity",
        title="Diversity",
        legend=legend(found, {space for board in found for space in shared_spaces(board)}),
        blocks=tuple(block(board, papers) for board in found),
        columns=COLUMNS,
        rows=tuple(row for board in found for row in flat(board, papers)),
    )


def _boards(records: list[Record], models: Overall, papers: PrintedDiversity) -> Iterator[Board]:
    """Those with something to show, without the lines of models that nobody ran and the paper's table leaves out."""
    for board in boards(records, (), models):
        if any(_measured(line) for line in board.lines):
            lines = (line for line in board.lines if line.summary or printed(line, board, papers, "ILD@20") is not None)
            yield replace(board, lines=tuple(lines))


def _measured(line: Line) -> bool:
    return line.summary is not None and any(record.diversity for record in line.summary.records)
