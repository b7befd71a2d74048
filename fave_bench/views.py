"""All that a results folder gives: every table and every figure of which something was run or measured."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import get_args

from fave_bench import figure, table
from fave_bench.errors import NothingToShow
from fave_bench.forensics.audit import findings
from fave_bench.forensics.reading import shipped
from fave_bench.records.measurements import What, measurements
from fave_bench.records.notes import notes
from fave_bench.rendering.audit_table import audit_table
from fave_bench.rendering.contents import Contents
from fave_bench.rendering.picture import Picture
from fave_bench.rendering.table_model import Table


def contents(results: Path, *, leave_out_older: bool = False) -> Contents:
    """What the report shows; `leave_out_older` as `table.Request` has it.

    Raises NothingToShow where nothing was run or measured.
    """
    made = tuple(tables(results, leave_out_older=leave_out_older))
    if not made:
        raise NothingToShow(f"no finished run and no measurement in {results} to show")
    return Contents(
        records=tuple(table.Request(results, leave_out_older=leave_out_older).records),
        measurements=tuple(one for what in get_args(What) for one in measurements(results, what)),
        tables=(*made, audited()),
        pictures=tuple(pictures(results, leave_out_older=leave_out_older)),
        notes=notes(results),
    )


def tables(results: Path, *, leave_out_older: bool = False) -> Iterator[Table]:
    """In the order of `table.TABLES`, without those that need a dataset's files beside records."""
    request = table.Request(results, leave_out_older=leave_out_older)
    for name, make in table.TABLES.items():
        if name not in table.FROM_DATA | table.FROM_TABLES:
            with suppress(NothingToShow):
                yield make(request)


def audited() -> Table:
    """What arithmetic says of the papers' printed tables, for which no run is needed."""
    papers = shipped()
    return audit_table(papers, findings(papers))


def pictures(results: Path, *, leave_out_older: bool = False) -> Iterator[Picture]:
    """In the order of `figure.FIGURES`."""
    request = figure.Request(results, leave_out_older=leave_out_older)
    for make in figure.FIGURES.values():
        with suppress(NothingToShow):
            yield make(request)
