"""Table 1: every model on every dataset, what the paper prints beside what was measured here."""

from collections.abc import Iterable, Sequence

from fave_bench.errors import BenchError, unknown
from fave_bench.evaluation.protocols import PROTOCOLS, versions
from fave_bench.records import Record
from fave_bench.rendering.boards import boards, main_rows
from fave_bench.rendering.legend import legend
from fave_bench.rendering.overall_block import block
from fave_bench.rendering.overall_data import COLUMNS, flat
from fave_bench.rendering.printed import Overall
from fave_bench.rendering.table_model import Table


def overall(
    records: Iterable[Record], papers: Overall, *, protocols: Sequence[str] = (), datasets: Sequence[str] = ()
) -> Table:
    """The table over `records`, for all protocols and all datasets that have one, unless told which.

    Raises BenchError where no record is left to show, UsageError for a dataset nobody has heard of. Records made under
    an older version of a protocol are left out, and so are the variants of ablations and sweeps.
    """
    current = [record for record in records if record.protocols == versions()]
    chosen = _of(datasets, main_rows(current), papers)
    asked = [protocol for name, protocol in PROTOCOLS.items() if not protocols or name in protocols]
    found = boards(chosen, datasets, papers)
    contests = [(board, protocol) for board in found for protocol in asked]
    return Table(
        name="overall",
        title="Overall performance",
        legend=legend(asked, found, papers, studies=len(current) > len(main_rows(current))),
        blocks=tuple(block(board, protocol, papers) for board, protocol in contests),
        columns=COLUMNS,
        rows=tuple(row for board, protocol in contests for row in flat(board, protocol, papers)),
    )


def _of(datasets: Sequence[str], records: list[Record], papers: Overall) -> list[Record]:
    known = {*papers.datasets, *(record.dataset.name for record in records)}
    for name in datasets:
        if name not in known:
            raise unknown("dataset", name, known)
    chosen = [record for record in records if not datasets or record.dataset.name in datasets]
    if not chosen:
        raise BenchError(f"no finished run{' of ' + ', '.join(datasets) if datasets else ''} to make this table of")
    return chosen
