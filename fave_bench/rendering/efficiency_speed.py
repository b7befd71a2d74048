"""The half of the efficiency table that a device decides: times, and their ratios within one device."""

from collections.abc import Iterator

from fave_bench.rendering.efficiency_cells import WHO, count, nobody, printed, quantity, tidy, title, who
from fave_bench.rendering.newest import Place
from fave_bench.rendering.printed_efficiency import LATENCY, TEST_SET, Efficiency
from fave_bench.rendering.sheets import BATCH, Sheet, Timing
from fave_bench.rendering.table_model import NOTHING, Block, Cell, Column, Scalar, Text

ONE, MANY, TEST = "one user, ms ↓", f"{BATCH} users, ms ↓", "test set, s ↓"


def speed_blocks(sheet: Sheet, papers: Efficiency) -> Iterator[Block]:
    """One per place, rows per model, setting, variant, execution and steps; the paper's numbers alone if none is."""
    for place, timings in sheet.timings.items():
        lines = [_line(sheet, timing, place, papers) for timing in timings]
        yield Block(title(sheet, "speed", str(place)), _columns(papers), (*lines, *_only_printed(sheet, place, papers)))
    if not sheet.timings and sheet.paper:
        yield Block(
            title(sheet, "speed", "not timed here"), _columns(papers), tuple(_only_printed(sheet, None, papers))
        )


def speed_facts(sheet: Sheet, papers: Efficiency) -> Iterator[dict[str, Scalar]]:
    """The same, unrounded and by name."""
    for place, timings in sheet.timings.items():
        where: dict[str, Scalar] = {"device": place.device, "threads": place.threads}
        for timing in timings:
            yield where | _facts(sheet, timing, place, papers)
        for name in _absent(sheet, place, papers):
            yield where | _paper_facts(name, sheet.paper, papers)
    if not sheet.timings:
        for name in _absent(sheet, None, papers):
            yield _paper_facts(name, sheet.paper, papers)


def speedup_column(over: str) -> str:
    """Name of the column that says how many times as fast as `over` a row is."""
    return f"speedup_over_{over.lower()}"


def _columns(papers: Efficiency) -> tuple[Column, ...]:
    speedups = [Column(name, f"× as fast as {over} ↑") for over in papers.references for name in ("paper", "ours")]
    return (
        *WHO,
        Column("execution", numeric=False),
        Column("steps"),
        *(Column(name, ONE) for name in ("paper", "p50", "p95", "p99")),
        *speedups,
        Column("p50", MANY),
        *(Column(name, TEST) for name in ("paper", "ours")),
    )


def _line(sheet: Sheet, timing: Timing, place: Place, papers: Efficiency) -> tuple[Cell, ...]:
    row, single = timing.row, timing.single
    of_paper = sheet.paper if sheet.is_own(row) else None
    speedups = [
        cell
        for over in papers.references
        for cell in (quantity(papers.speedup(row.title, over, of_paper)), quantity(sheet.speedup(timing, over, place)))
    ]
    return (
        *who(row),
        Text(row.execution),
        count(row.steps),
        printed(papers.get(row.title, of_paper, LATENCY)),
        *([quantity(single.p50_ms), quantity(single.p95_ms), quantity(single.p99_ms)] if single else [NOTHING] * 3),
        *speedups,
        quantity(timing.batch.p50_ms if timing.batch else None),
        printed(papers.get(row.title, of_paper, TEST_SET)),
        quantity(timing.test_seconds),
    )


def _only_printed(sheet: Sheet, place: Place | None, papers: Efficiency) -> Iterator[tuple[Cell, ...]]:
    for name in _absent(sheet, place, papers):
        speedups = [
            cell for over in papers.references for cell in (quantity(papers.speedup(name, over, sheet.paper)), NOTHING)
        ]
        latency, test = (printed(papers.get(name, sheet.paper, metric)) for metric in (LATENCY, TEST_SET))
        yield *nobody(name), NOTHING, NOTHING, latency, *[NOTHING] * 3, *speedups, NOTHING, test, NOTHING


def _absent(sheet: Sheet, place: Place | None, papers: Efficiency) -> list[str]:
    """The printed models that nobody timed there."""
    here = {timing.row.title for timing in sheet.timings[place]} if place else set()
    return [name for name in papers.models if sheet.paper and name not in here]


def _facts(sheet: Sheet, timing: Timing, place: Place, papers: Efficiency) -> dict[str, Scalar]:
    row, single, batch = timing.row, timing.single, timing.batch
    facts: dict[str, Scalar] = {
        "model": row.model, "title": row.title, "setting": row.setting, "variant": row.variant,
        "execution": row.execution, "steps": row.steps, "own_steps": sheet.is_own(row),
        "test_seconds": tidy(timing.test_seconds),
    }  # fmt: skip
    if single:
        facts |= {"p50_ms": tidy(single.p50_ms), "p95_ms": tidy(single.p95_ms), "p99_ms": tidy(single.p99_ms)}
        facts["calls"] = single.calls
    if batch:
        facts |= {"batch_size": batch.batch_size, "batch_p50_ms": tidy(batch.p50_ms), "batch_calls": batch.calls}
    for over in papers.references:
        facts[speedup_column(over)] = tidy(sheet.speedup(timing, over, place))
    return facts | (_paper_facts(row.title, sheet.paper, papers) if sheet.is_own(row) else {})


def _paper_facts(name: str, dataset: str | None, papers: Efficiency) -> dict[str, Scalar]:
    facts: dict[str, Scalar] = {
        "title": name,
        "paper_latency_ms": papers.get(name, dataset, LATENCY),
        "paper_test_seconds": papers.get(name, dataset, TEST_SET),
    }
    for over in papers.references:
        facts[f"paper_{speedup_column(over)}"] = tidy(papers.speedup(name, over, dataset))
    return facts
