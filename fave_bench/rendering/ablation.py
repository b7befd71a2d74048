"""Table 2, and every other ablation: what each part and each switch of a model is worth."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from fave_bench.errors import NothingToShow, unknown
from fave_bench.evaluation.metrics import METRICS
from fave_bench.evaluation.protocols import PROTOCOLS, Protocol, versions
from fave_bench.records import Record
from fave_bench.rendering.ablation_block import block, change_in_words
from fave_bench.rendering.ablation_data import Ablation, TestRanks, VariantLine, ablations
from fave_bench.rendering.ablation_legend import legend
from fave_bench.rendering.overall_data import tidy
from fave_bench.rendering.printed_ablation import PrintedVariants
from fave_bench.rendering.table_model import Scalar, Table
from fave_bench.studies.catalogue import Family

COLUMNS = (
    "family", "dataset", "split", "fingerprint", "synthetic", "users", "protocol", "protocol_version",
    "model", "title", "setting", "full", "variant", "change", "configuration", "metric", "unit", "higher_is_better",
    "paper_value", "paper_source", "paper_change", "ours_mean", "ours_sd", "seeds", "sampling_error",
    "change_from_full", "change_low", "change_high", "truncated", "epochs", "stopped_because",
    "best_epoch_min", "best_epoch_max",
)  # fmt: skip


def ablation(
    records: Iterable[Record],
    ranks: TestRanks,
    families: Mapping[str, Family],
    printed: Callable[[Family], PrintedVariants],
    *,
    protocols: Sequence[str] = (),
    datasets: Sequence[str] = (),
) -> Table:
    """The table over `records`, families in their order, for all protocols and datasets unless told which.

    Raises UsageError for a dataset that neither a family nor a record names, NothingToShow where no variant was run.
    """
    current = [record for record in records if record.protocols == versions()]
    known = {record.dataset.name for record in current} | {d for family in families.values() for d in family.datasets}
    for name in datasets:
        if name not in known:
            raise unknown("dataset", name, known)
    chosen = [record for record in current if not datasets or record.dataset.name in datasets]
    found = [a for name, family in families.items() for a in ablations(chosen, name, family, printed(family))]
    if not found:
        raise NothingToShow(
            f"no ablation is recorded{' of ' + ', '.join(datasets) if datasets else ''}; "
            "`python -m fave_bench.ablate` trains the variants that this table shows"
        )
    asked = [protocol for name, protocol in PROTOCOLS.items() if not protocols or name in protocols]
    shown = [(one, protocol) for one in found for protocol in asked]
    return Table(
        name="ablation",
        title="Ablations",
        legend=legend(asked, found),
        blocks=tuple(block(one, protocol, ranks) for one, protocol in shown),
        columns=COLUMNS,
        rows=tuple(row for one, protocol in shown for row in _flat(one, protocol, ranks)),
    )


def _flat(one: Ablation, protocol: Protocol, ranks: TestRanks) -> Iterator[dict[str, Scalar]]:
    data = one.sample.dataset
    shared: dict[str, Scalar] = {
        "family": one.name, "dataset": data.name, "split": data.split, "fingerprint": data.fingerprint,
        "synthetic": data.synthetic, "users": data.users, "protocol": protocol.name,
        "protocol_version": protocol.version, "model": one.sample.model, "title": one.sample.title,
        "setting": one.sample.setting, "unit": "percent", "higher_is_better": True,
    }  # fmt: skip
    for line in one.lines:
        changes = one.changes(line, protocol, ranks)
        for metric in METRICS:
            facts = shared | _about(one, line) | _ours(line, protocol, metric) | {"metric": metric}
            facts |= {"paper_value": one.paper(line, metric), "paper_change": tidy(one.paper_change(line, metric))}
            if one.paper(line, metric) is not None:
                facts["paper_source"] = one.family.source
            if metric in changes:
                low, high = changes[metric].interval
                facts |= {"change_from_full": tidy(100 * changes[metric].mean)}
                facts |= {"change_low": tidy(100 * low), "change_high": tidy(100 * high)}
            yield {column: facts.get(column) for column in COLUMNS}


def _about(one: Ablation, line: VariantLine) -> dict[str, Scalar]:
    facts: dict[str, Scalar] = {
        "full": line is one.lines[0], "variant": line.name, "change": change_in_words(line), "seeds": 0,
        "truncated": line.truncated,
    }  # fmt: skip
    if line.summary:
        low, high = line.summary.best_epochs
        facts |= {"configuration": line.summary.first.configuration, "stopped_because": line.summary.stopped_because}
        facts |= {"best_epoch_min": low, "best_epoch_max": high, "epochs": tidy(line.summary.epochs)}
    return facts


def _ours(line: VariantLine, protocol: Protocol, metric: str) -> dict[str, Scalar]:
    value = line.summary.value(protocol.name, metric) if line.summary else None
    if value is None:
        return {}
    return {
        "ours_mean": tidy(value.mean), "ours_sd": tidy(value.deviation), "seeds": value.seeds,
        "sampling_error": tidy(value.sampling_error),
    }  # fmt: skip
