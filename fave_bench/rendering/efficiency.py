"""Table 3: what a prediction costs and how long it takes, what the paper prints beside what was measured here."""

from collections.abc import Iterator, Mapping, Sequence

from fave_bench.errors import NothingToShow, unknown
from fave_bench.records.measurements import FlopsRow, LatencyRow
from fave_bench.rendering.efficiency_cost import cost_block, cost_facts
from fave_bench.rendering.efficiency_legend import legend
from fave_bench.rendering.efficiency_speed import speed_blocks, speed_facts, speedup_column
from fave_bench.rendering.newest import Place
from fave_bench.rendering.printed_efficiency import Efficiency
from fave_bench.rendering.sheets import Sheet, sheets
from fave_bench.rendering.table_model import Block, Scalar, Table


def efficiency(
    flops: Sequence[FlopsRow],
    latency: Mapping[Place, Sequence[LatencyRow]],
    papers: Efficiency,
    *,
    datasets: Sequence[str] = (),
) -> Table:
    """Two blocks a dataset, cost and (once per device) speed, of rows that are each the newest of their kind.

    Raises NothingToShow where nothing was measured at all, UsageError for a dataset nobody has heard of. A dataset that
    was only printed shows the paper's numbers.
    """
    if not flops and not any(latency.values()):
        raise NothingToShow(
            "nothing was measured yet; `python -m fave_bench.measure --what flops` and "
            "`python -m fave_bench.measure --what latency` measure what this table shows"
        )
    found = sheets(flops, latency, papers, datasets)
    known = {sheet.dataset for sheet in sheets(flops, latency, papers)} | {*papers.datasets}
    for name in datasets:
        if name not in known:
            raise unknown("dataset", name, known)
    columns = _columns(papers)
    return Table(
        name="efficiency",
        title="Efficiency",
        legend=legend(found, papers),
        blocks=tuple(block for sheet in found for block in _blocks(sheet, papers) if block.rows),
        columns=columns,
        rows=tuple({column: row.get(column) for column in columns} for sheet in found for row in _facts(sheet, papers)),
    )


def _blocks(sheet: Sheet, papers: Efficiency) -> Iterator[Block]:
    yield cost_block(sheet, papers)
    yield from speed_blocks(sheet, papers)


def _facts(sheet: Sheet, papers: Efficiency) -> Iterator[dict[str, Scalar]]:
    shared: dict[str, Scalar] = {
        "dataset": sheet.dataset, "printed_for": sheet.paper, "synthetic": sheet.synthetic,
    }  # fmt: skip
    for row in cost_facts(sheet, papers):
        yield {"part": "cost"} | shared | row
    for row in speed_facts(sheet, papers):
        yield {"part": "speed"} | shared | row


def _columns(papers: Efficiency) -> tuple[str, ...]:
    speedups = [speedup_column(over) for over in papers.references]
    return (
        "part", "dataset", "printed_for", "synthetic", "model", "title", "setting", "variant", "steps", "own_steps",
        "items", "parameters", "paper_flops_g", "paper_gmacs", "paper_without_decoder_gmacs", "complete_gmacs",
        "step_gmacs", "device", "threads", "execution", "paper_latency_ms", "p50_ms", "p95_ms", "p99_ms", "calls",
        *(name for column in speedups for name in (f"paper_{column}", column)),
        "batch_size", "batch_p50_ms", "batch_calls", "paper_test_seconds", "test_seconds",
    )  # fmt: skip
