"""Table 1: every model on every dataset, what the paper prints beside what was measured here."""

from collections.abc import Iterable, Sequence

from fave_bench.errors import NothingToShow, unknown
from fave_bench.evaluation.protocols import PROTOCOLS, versions
from fave_bench.records import Record
from fave_bench.rendering.boards import boards, main_rows
from fave_bench.rendering.legend import legend
from fave_bench.rendering.letters import lettered
from fave_bench.rendering.overall_block import SHOWN, block
from fave_bench.rendering.overall_data import COLUMNS, LETTERED, flat
from fave_bench.rendering.paired import Ranks
from fave_bench.rendering.printed import Overall
from fave_bench.rendering.table_model import Table


def overall(
    records: Iterable[Record],
    papers: Overall,
    *,
    protocols: Sequence[str] = (),
    datasets: Sequence[str] = (),
    letters: Ranks | None = None,
) -> Table:
    """The table over `records`, for all protocols and all datasets that have one, unless told which.

    `letters` says where ranks are read; with it, cells carry letters of the rows they beat significantly.

    Raises NothingToShow where no record is left to show, UsageError for a dataset nobody has heard of. Records made
    under an older version of a protocol are left out, and so are the variants of ablations and sweeps.
    """
    records = list(records)
    asked = [protocol for name, protocol in PROTOCOLS.items() if not protocols or name in protocols]
    found = boards(chosen(records, datasets, papers), datasets, papers)
    contests = [
        (lettered(board, protocol, SHOWN, letters) if letters else board, protocol)
        for board in found
        for protocol in asked
    ]
    columns = LETTERED if letters else COLUMNS
    return Table(
        name="overall-letters" if letters else "overall",
        title="Overall performance",
        legend=legend(asked, [board for board, _ in contests], papers, studies=len(main_rows(records)) < len(records)),
        blocks=tuple(block(board, protocol, papers) for board, protocol in contests),
        columns=columns,
        rows=tuple(row for board, protocol in contests for row in flat(board, protocol, papers, columns)),
    )


def chosen(records: Iterable[Record], datasets: Sequence[str], papers: Overall) -> list[Record]:
    """Records of the protocols' current versions, those of `datasets` if any are named, without studies' variants.

    Raises NothingToShow where none is left, UsageError for a dataset nobody has heard of.
    """
    current = [record for record in main_rows(records) if record.protocols == versions()]
    known = {*papers.datasets, *(record.dataset.name for record in current)}
    for name in datasets:
        if name not in known:
            raise unknown("dataset", name, known)
    found = [record for record in current if not datasets or record.dataset.name in datasets]
    if not found:
        raise NothingToShow(f"no finished run{' of ' + ', '.join(datasets) if datasets else ''} to make this table of")
    return found
