"""One ablation under one protocol, as a grid of cells."""

from fave_bench.evaluation.paired import PairedDifference
from fave_bench.evaluation.protocols import Protocol
from fave_bench.rendering.ablation_data import Ablation, TestRanks, VariantLine
from fave_bench.rendering.run_cells import CUT_SHORT, estimate, seeds, stopped
from fave_bench.rendering.summary import allowance
from fave_bench.rendering.table_model import NOTHING, Block, Cell, Change, Column, Number, Quantity, Text
from fave_bench.studies.catalogue import Changes
from fave_bench.trees import shorter

PRINTED = ("H@20", "N@20")
"""What people see where a paper prints it, its number beside ours."""
UNPRINTED = ("H@10", "N@10", "H@20", "N@20")
"""What they see elsewhere; CSV and JSON hold every metric."""


def block(ablation: Ablation, protocol: Protocol, ranks: TestRanks) -> Block:
    """A row per variant; per metric the paper's number and its change, ours and its change with the 95 % interval."""
    dataset = ablation.sample.dataset.name
    printed = any(of == dataset for _, of, _ in ablation.printed)
    metrics = PRINTED if printed else UNPRINTED
    names = ("paper", "ours", "paper Δ", "Δ") if printed else ("ours", "Δ")
    rows = []
    for line in ablation.lines:
        changes = ablation.changes(line, protocol, ranks)
        cells = [_cells(ablation, line, protocol, metric, changes.get(metric)) for metric in metrics]
        rows.append((*_who(line), *(found[name] for found in cells for name in names), *_how(line)))
    columns = (
        *(Column(name, numeric=False) for name in ("variant", "change")),
        *(Column(name, f"{metric} ↑") for metric in metrics for name in names),
        Column("seeds", numeric=False),
        Column("epochs"),
        Column("stopped", numeric=False),
    )
    return Block(title(ablation, protocol), columns, tuple(rows))


def title(ablation: Ablation, protocol: Protocol) -> str:
    """What all rows share."""
    sample, data = ablation.sample, ablation.sample.dataset
    parts = [
        f"family {ablation.name}: {sample.title}, setting {sample.setting}",
        *([_in_words(ablation.family.common)] if ablation.family.common else []),
        f"{data.name}, {data.users:,} users, {data.split}",
        *(f"{given} of training a run" for given in allowance(sample)),
        *(["SYNTHETIC"] if data.synthetic else []),
        f"protocol {protocol.name}",
    ]
    return " · ".join(parts)


def change_in_words(line: VariantLine) -> str:
    """``gamma = 0.0``: what the variant changes."""
    return _in_words(line.changes)


def _in_words(changes: Changes) -> str:
    return ", ".join(f"{shorter(key)} = {value}" for key, value in changes.items())


def _who(line: VariantLine) -> tuple[Cell, Cell]:
    name = line.name + (f" {CUT_SHORT}" if line.truncated else "")
    return Text(name), Text(change_in_words(line)) if line.changes else NOTHING


def _how(line: VariantLine) -> tuple[Cell, Cell, Cell]:
    if line.summary is None:
        return NOTHING, NOTHING, Text("not run")
    return seeds(line.summary), Quantity(line.summary.epochs), stopped(line.summary)


def _cells(
    ablation: Ablation, line: VariantLine, protocol: Protocol, metric: str, change: PairedDifference | None
) -> dict[str, Cell]:
    paper, paper_change = ablation.paper(line, metric), ablation.paper_change(line, metric)
    value = line.summary.value(protocol.name, metric) if line.summary else None
    cut = line.truncated or ablation.lines[0].truncated
    return {
        "paper": NOTHING if paper is None else Number(paper),
        "paper Δ": NOTHING if paper_change is None else Change(paper_change),
        "ours": estimate(value, truncated=line.truncated),
        "Δ": NOTHING if change is None else _change(change, CUT_SHORT if cut else ""),
    }


def _change(change: PairedDifference, flag: str) -> Change:
    low, high = change.interval
    return Change(100 * change.mean, (100 * low, 100 * high), flag)
