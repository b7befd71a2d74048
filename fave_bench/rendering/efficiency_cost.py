"""The half of the efficiency table that no device can change: operations and parameters."""

from collections.abc import Iterator

from fave_bench.records.measurements import FlopsRow
from fave_bench.rendering.efficiency_cells import WHO, count, nobody, printed, quantity, tidy, title, who, with_printed
from fave_bench.rendering.printed_efficiency import FLOPS, Efficiency
from fave_bench.rendering.sheets import Sheet
from fave_bench.rendering.table_model import NOTHING, Block, Cell, Column, Scalar

PAPERS, EVERY = "papers' count, G ↓", "every product, G ↓"
COLUMNS = (
    *WHO,
    Column("steps"),
    Column("paper", PAPERS),
    Column("ours", PAPERS),
    Column("total", EVERY),
    Column("one more step", EVERY),
    Column("parameters, M"),
)
MILLION = 1e6


def cost_block(sheet: Sheet, papers: Efficiency) -> Block:
    """A row per model, setting, variant and number of steps; a model that was only printed has the paper's number."""
    lines = [_line(entry, papers.get(_title(entry), _paper(sheet, entry), FLOPS)) for entry in _entries(sheet, papers)]
    items = f"{sheet.costs[0].items:,} items" if sheet.costs else "not counted here"
    return Block(title(sheet, "cost of scoring one user", items), COLUMNS, tuple(lines))


def cost_facts(sheet: Sheet, papers: Efficiency) -> Iterator[dict[str, Scalar]]:
    """The same, unrounded and by name."""
    for entry in _entries(sheet, papers):
        paper: dict[str, Scalar] = {
            "title": _title(entry),
            "paper_flops_g": papers.get(_title(entry), _paper(sheet, entry), FLOPS),
        }
        yield paper if isinstance(entry, str) else paper | _facts(sheet, entry)


def _entries(sheet: Sheet, papers: Efficiency) -> Iterator[FlopsRow | str]:
    printed_here = papers.models if sheet.paper else ()
    return with_printed(sheet.costs, [row.title for row in sheet.costs], printed_here)


def _title(entry: FlopsRow | str) -> str:
    return entry if isinstance(entry, str) else entry.title


def _paper(sheet: Sheet, entry: FlopsRow | str) -> str | None:
    """The dataset whose printed numbers belong beside the entry."""
    return sheet.paper if isinstance(entry, str) or sheet.is_own(entry) else None


def _line(entry: FlopsRow | str, paper: float | None) -> tuple[Cell, ...]:
    if isinstance(entry, str):
        return *nobody(entry), NOTHING, printed(paper), *[NOTHING] * 4
    return (
        *who(entry),
        count(entry.steps),
        printed(paper),
        quantity(entry.paper_gmacs),
        quantity(entry.complete_gmacs),
        quantity(entry.step_gmacs),
        quantity(entry.parameters / MILLION),
    )


def _facts(sheet: Sheet, row: FlopsRow) -> dict[str, Scalar]:
    return {
        "model": row.model, "setting": row.setting, "variant": row.variant, "steps": row.steps,
        "own_steps": sheet.is_own(row), "items": row.items, "parameters": row.parameters,
        "paper_gmacs": tidy(row.paper_gmacs), "paper_without_decoder_gmacs": tidy(row.paper_without_decoder_gmacs),
        "complete_gmacs": tidy(row.complete_gmacs), "step_gmacs": tidy(row.step_gmacs),
    }  # fmt: skip
