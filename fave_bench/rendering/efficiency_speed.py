"""The half of the efficiency table that a device decides: times, and their ratios within one device."""

from collections.abc import Iterator

from fave_bench.rendering.efficiency_cells import WHO, count, nobody, printed, quantity, tidy, title, who, with_printed
from fave_bench.rendering.newest import Place
from fave_bench.rendering.printed_efficiency import LATENCY, TEST_SET, Efficiency
from fave_bench.rendering.sheets import BATCH, Sheet, Timing
from fave_bench.rendering.table_model import NOTHING, Block, Cell, Column, Scalar, Text

ONE, MANY, TEST = "one user, ms ↓", f"{BATCH} users, ms ↓", "test set, s ↓"


def speed_blocks(sheet: Sheet, papers: Efficiency) -> Iterator[Block]:
    """One per place, rows per model, setting, variant, execution and steps; the paper's numbers alone if none is."""
    for place in _places(sheet):
        lines = [_line(sheet, entry, place, papers) for entry in _entries(sheet, place, papers)]
        yield Block(title(sheet, "speed", str(place or "not timed here")), _columns(papers), tuple(lines))


def speed_facts(sheet: Sheet, papers: Efficiency) -> Iterator[dict[str, Scalar]]:
    """The same, unrounded and by name."""
    for place in _places(sheet):
        where: dict[str, Scalar] = {"device": place.device, "threads": place.threads} if place else {}
        for entry in _entries(sheet, place, papers):
            paper = _paper_facts(_title(entry), _paper(sheet, entry), papers)
            yield where | paper if isinstance(entry, str) else where | paper | _facts(sheet, entry, place, papers)


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


def _places(sheet: Sheet) -> list[Place | None]:
    """None stands for no place at all, where the paper's numbers stand alone."""
    return [*sheet.timings] or ([None] if sheet.paper else [])


def _entries(sheet: Sheet, place: Place | None, papers: Efficiency) -> Iterator[Timing | str]:
    timings = sheet.timings[place] if place else []
    return with_printed(timings, [timing.row.title for timing in timings], papers.models if sheet.paper else ())


def _title(entry: Timing | str) -> str:
    return entry if isinstance(entry, str) else entry.row.title


def _paper(sheet: Sheet, entry: Timing | str) -> str | None:
    """The dataset whose printed numbers belong beside the entry."""
    return sheet.paper if isinstance(entry, str) or sheet.is_own(entry.row) else None


def _line(sheet: Sheet, entry: Timing | str, place: Place | None, papers: Efficiency) -> tuple[Cell, ...]:
    name, paper = _title(entry), _paper(sheet, entry)
    latency, test = (printed(papers.get(name, paper, metric)) for metric in (LATENCY, TEST_SET))
    theirs = [quantity(papers.speedup(name, over, paper)) for over in papers.references]
    if isinstance(entry, str):
        speedups = [cell for value in theirs for cell in (value, NOTHING)]
        return *nobody(entry), NOTHING, NOTHING, latency, *[NOTHING] * 3, *speedups, NOTHING, test, NOTHING
    ours = [quantity(sheet.speedup(entry, over, place)) for over in papers.references]
    single, batch = entry.single, entry.batch
    return (
        *who(entry.row),
        Text(entry.row.execution),
        count(entry.row.steps),
        latency,
        *([quantity(single.p50_ms), quantity(single.p95_ms), quantity(single.p99_ms)] if single else [NOTHING] * 3),
        *(cell for pair in zip(theirs, ours, strict=True) for cell in pair),
        quantity(batch.p50_ms if batch else None),
        test,
        quantity(entry.test_seconds),
    )


def _facts(sheet: Sheet, timing: Timing, place: Place | None, papers: Efficiency) -> dict[str, Scalar]:
    row, single, batch = timing.row, timing.single, timing.batch
    facts: dict[str, Scalar] = {
        "model": row.model, "setting": row.setting, "variant": row.variant, "execution": row.execution,
        "steps": row.steps, "own_steps": sheet.is_own(row), "test_seconds": tidy(timing.test_seconds),
    }  # fmt: skip
    if single:
        facts |= {"p50_ms": tidy(single.p50_ms), "p95_ms": tidy(single.p95_ms), "p99_ms": tidy(single.p99_ms)}
        facts["calls"] = single.calls
    if batch:
        facts |= {"batch_size": batch.batch_size, "batch_p50_ms": tidy(batch.p50_ms), "batch_calls": batch.calls}
    for over in papers.references:
        facts[speedup_column(over)] = tidy(sheet.speedup(timing, over, place))
    return facts


def _paper_facts(name: str, dataset: str | None, papers: Efficiency) -> dict[str, Scalar]:
    facts: dict[str, Scalar] = {
        "title": name,
        "paper_latency_ms": papers.get(name, dataset, LATENCY),
        "paper_test_seconds": papers.get(name, dataset, TEST_SET),
    }
    for over in papers.references:
        facts[f"paper_{speedup_column(over)}"] = tidy(papers.speedup(name, over, dataset))
    return facts
