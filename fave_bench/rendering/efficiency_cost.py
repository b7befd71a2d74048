"""The half of the efficiency table that no device can change: operations and parameters."""

from collections.abc import Iterator

from fave_bench.records.measurements import FlopsRow
from fave_bench.rendering.efficiency_cells import WHO, count, nobody, printed, quantity, tidy, title, who
from fave_bench.rendering.printed_efficiency import FLOPS, Efficiency
from fave_bench.rendering.sheets import Sheet
from fave_bench.rendering.table_model import Block, Cell, Column, Scalar

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
    lines = [_line(row, _printed(sheet, row, papers)) for row in sheet.costs]
    lines += [
        (*nobody(name), count(None), printed(value), *[quantity(None)] * 4)
        for name, value in _only_printed(sheet, papers)
    ]
    items = [f"{sheet.costs[0].items:,} items"] if sheet.costs else ["not counted here"]
    return Block(title(sheet, "cost of scoring one user", *items), COLUMNS, tuple(lines))


def cost_facts(sheet: Sheet, papers: Efficiency) -> Iterator[dict[str, Scalar]]:
    """The same, unrounded and by name."""
    for row in sheet.costs:
        yield {
            "model": row.model, "title": row.title, "setting": row.setting, "variant": row.variant,
            "steps": row.steps, "own_steps": sheet.is_own(row), "items": row.items, "parameters": row.parameters,
            "paper_flops_g": _printed(sheet, row, papers), "paper_gmacs": tidy(row.paper_gmacs),
            "paper_without_decoder_gmacs": tidy(row.paper_without_decoder_gmacs),
            "complete_gmacs": tidy(row.complete_gmacs), "step_gmacs": tidy(row.step_gmacs),
        }  # fmt: skip
    for name, value in _only_printed(sheet, papers):
        yield {"title": name, "paper_flops_g": value}


def _line(row: FlopsRow, paper: float | None) -> tuple[Cell, ...]:
    return (
        *who(row),
        count(row.steps),
        printed(paper),
        quantity(row.paper_gmacs),
        quantity(row.complete_gmacs),
        quantity(row.step_gmacs),
        quantity(row.parameters / MILLION),
    )


def _printed(sheet: Sheet, row: FlopsRow, papers: Efficiency) -> float | None:
    return papers.get(row.title, sheet.paper, FLOPS) if sheet.is_own(row) else None


def _only_printed(sheet: Sheet, papers: Efficiency) -> Iterator[tuple[str, float]]:
    here = {row.title for row in sheet.costs}
    for name in papers.models:
        value = papers.get(name, sheet.paper, FLOPS)
        if name not in here and value is not None:
            yield name, value
