"""Which rows of a table a figure shows, joined with what was measured on their runs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from fave_bench.evaluation.protocols import versions
from fave_bench.records import Record
from fave_bench.records.row import RunRow
from fave_bench.rendering.boards import Board, Line, boards
from fave_bench.rendering.printed import Overall
from fave_bench.rendering.table_model import Scalar

ABOUT = ("dataset", "synthetic", "model", "title", "setting", "variant", "configuration", "truncated")
"""Columns that tell which row of a table a line of CSV is about."""
RUN = ("dataset", "synthetic", "title", "setting", "variant", "truncated", "run", "seed")
"""Columns that tell which run it is about."""
R = TypeVar("R", bound=RunRow)


@dataclass(frozen=True)
class Shown(Generic[R]):
    """A row of Table 1, and what was measured on one of its runs."""

    board: Board
    name: str
    record: Record
    row: R

    @property
    def title(self) -> str:
        """The name, marked where a budget stopped the run."""
        return self.name + " †" * self.record.truncated

    @property
    def about(self) -> dict[str, Scalar]:
        """The columns RUN."""
        known = about(self.board, self.record) | {"run": self.record.key, "seed": self.record.seed}
        return {column: known[column] for column in RUN}


def current_boards(records: Iterable[Record], papers: Overall) -> list[Board]:
    """The boards of Table 1: of the current protocols, datasets in its order."""
    return boards([record for record in records if record.protocols == versions()], (), papers)


def joined(records: Iterable[Record], rows: Mapping[str, R], papers: Overall) -> list[Shown[R]]:
    """In the order of Table 1, every row of which a run was measured; of several seeds the first that was."""
    return [
        Shown(board, board.name(line), record, rows[record.key])
        for board in current_boards(records, papers)
        for line in board.run_lines
        for record in _measured(line, rows)[:1]
    ]


def about(board: Board, record: Record) -> dict[str, Scalar]:
    """The columns ABOUT of a record."""
    return {
        "dataset": board.dataset, "synthetic": board.synthetic, "model": record.model, "title": record.title,
        "setting": record.setting, "variant": record.variant, "configuration": record.configuration,
        "truncated": record.truncated,
    }  # fmt: skip


def _measured(line: Line, rows: Mapping[str, R]) -> list[Record]:
    assert line.summary
    return [record for record in line.summary.records if record.key in rows]
