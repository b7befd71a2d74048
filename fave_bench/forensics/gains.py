"""The sampling error beside each lead in a hit rate."""

from collections.abc import Iterator

from fave_bench.evaluation.paired import Z
from fave_bench.forensics.finding import Finding
from fave_bench.forensics.grids import Users
from fave_bench.forensics.leads import lead
from fave_bench.forensics.printed_table import PrintedTable


def gains(table: PrintedTable, users: Users) -> Iterator[Finding]:
    """Per dataset with known users: `gain_within_error` if the lead at any cut-off is, else `gain_beyond_error`."""
    for dataset in table.datasets:
        cutoffs = sorted({cutoff for rates in table.hit_rates(dataset).values() for cutoff in rates})
        leads = [found for cutoff in cutoffs if (found := lead(table, dataset, f"H@{cutoff}"))]
        if leads and users.get(dataset):
            count = users[dataset][0]
            errors = [each.standard_errors(count) for each in leads]
            kind = "gain_within_error" if min(errors) < Z else "gain_beyond_error"
            said = [f"{each}, {error:.2f} standard errors" for each, error in zip(leads, errors, strict=True)]
            winners = tuple(dict.fromkeys(each.winner for each in leads))
            detail = f"{'; '.join(said)} (n = {count:,})"
            yield Finding(kind, table.file, table.title, dataset, winners, detail)
