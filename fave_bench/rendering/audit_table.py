"""What an audit found, as a table: the verdict, then a block for each kind of finding, worst first."""

from collections import Counter
from collections.abc import Sequence

from fave_bench.forensics.finding import KINDS, Finding
from fave_bench.forensics.printed_table import PrintedTable
from fave_bench.rendering.table_model import NOTHING, Block, Cell, Column, Scalar, Table, Text

COLUMNS = ("kind", "notable", "file", "table", "dataset", "model", "detail", "chance")
MANY = 4
"""More models than these are counted, not named."""
SCOPE = (
    "This is arithmetic on printed numbers alone, with one relevant item per user. It shows what cannot be, or what "
    "chance would not do; it does not show why."
)
PRECISION = "A printed number may stand for anything that is rounded, or cut off, to its own last digit."


def audit_table(tables: Sequence[PrintedTable], findings: Sequence[Finding], *, everything: bool = False) -> Table:
    """All findings as flat rows; blocks of the notable ones, and of those that only inform with `everything`."""
    blocks = [_block(kind, findings) for kind in KINDS if everything or KINDS[kind].notable]
    audited = "; ".join(f"{table.title} ({len(table.rates)} numbers)" for table in tables)
    return Table(
        name="audit",
        title="Arithmetic of printed tables",
        legend=(f"Audited: {audited}.", SCOPE, PRECISION),
        blocks=(_verdict(findings), *(block for block in blocks if block.rows)),
        columns=COLUMNS,
        rows=tuple(facts(finding) for finding in findings),
    )


def facts(finding: Finding) -> dict[str, Scalar]:
    """A finding for programs; `model` joins several names by commas."""
    return {
        "kind": finding.kind, "notable": KINDS[finding.kind].notable, "file": finding.file, "table": finding.table,
        "dataset": finding.dataset, "model": ", ".join(finding.models), "detail": finding.detail,
        "chance": finding.chance,
    }  # fmt: skip


def _verdict(findings: Sequence[Finding]) -> Block:
    counts = Counter(finding.kind for finding in findings)
    rows = tuple((Text(kind.heading), Text(str(counts[name])), Text(kind.meaning)) for name, kind in KINDS.items())
    return Block(
        "Verdict: kinds of finding, worst first",
        (Column("", numeric=False), Column("findings"), Column("meaning", numeric=False)),
        rows,
    )


def _block(kind: str, findings: Sequence[Finding]) -> Block:
    columns = tuple(Column(name, numeric=False) for name in ("table", "dataset", "model", "what"))
    rows = tuple(_row(finding) for finding in findings if finding.kind == kind)
    return Block(f"{KINDS[kind].heading} ({len(rows)})", columns, rows)


def _row(finding: Finding) -> tuple[Cell, ...]:
    dataset = Text(finding.dataset) if finding.dataset else NOTHING
    return Text(finding.table), dataset, _models(finding.models), Text(finding.detail)


def _models(models: Sequence[str]) -> Text:
    if not models:
        return NOTHING
    return Text(", ".join(models) if len(models) <= MANY else f"{len(models)} models")
