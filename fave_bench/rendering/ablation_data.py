"""Which records are variants of which, joined with the papers' numbers, before anything is formatted."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from fave_bench.evaluation.paired import PairedDifference, paired_differences
from fave_bench.evaluation.phase_ranks import PhaseRanks
from fave_bench.evaluation.protocols import Protocol
from fave_bench.records import Record
from fave_bench.rendering.printed_ablation import PrintedVariants
from fave_bench.rendering.summary import Summary, summarise
from fave_bench.studies.catalogue import Changes, Family
from fave_bench.trees import at, laid_over

TestRanks = Callable[[Record], PhaseRanks]
"""A record's per-user counts on the test targets."""


@dataclass(frozen=True)
class VariantLine:
    """The full model, or a variant of it."""

    name: str
    changes: Changes
    summary: Summary | None
    """None where the paper prints it, or the family lists it, and nobody ran it."""

    @property
    def truncated(self) -> bool:
        return self.summary is not None and self.summary.first.truncated


@dataclass(frozen=True)
class Ablation:
    """A family on one dataset: variants that differ from one full model in what they change, and in nothing else."""

    name: str
    """The family's."""
    family: Family
    lines: tuple[VariantLine, ...]
    """The full model first, then the family's order."""
    printed: PrintedVariants

    @property
    def sample(self) -> Record:
        """The full model's first record, for what all share."""
        assert self.lines[0].summary
        return self.lines[0].summary.first

    def paper(self, line: VariantLine, metric: str) -> float | None:
        """The printed number, in percent."""
        data = self.sample.dataset
        return self.printed.get((line.name, data.name, metric)) if data.as_printed else None

    def paper_change(self, line: VariantLine, metric: str) -> float | None:
        """Printed minus what is printed for the full model."""
        own, full = self.paper(line, metric), self.paper(self.lines[0], metric)
        return own - full if own is not None and full is not None and line is not self.lines[0] else None

    def changes(self, line: VariantLine, protocol: Protocol, ranks: TestRanks) -> Mapping[str, PairedDifference]:
        """Metric -> variant minus full model, user by user, over the seeds that both have; empty without any."""
        full = self.lines[0].summary
        if line is self.lines[0] or line.summary is None or full is None:
            return {}
        others = {record.seed: record for record in full.records}
        pairs = [(ranks(r), ranks(others[r.seed])) for r in line.summary.records if r.seed in others]
        return paired_differences(pairs, protocol) if pairs else {}


def ablations(records: Iterable[Record], name: str, family: Family, printed: PrintedVariants) -> list[Ablation]:
    """One per full model of which some variant was run, datasets in the family's order, its own setting first.

    A variant is a record whose configuration is the full model's with the variant's changes laid over it, whatever made
    it. Runs cut short stand in only where there is no full one.
    """
    groups: dict[tuple[str, ...], list[Record]] = {}
    for record in records:
        if record.model == family.model:
            groups.setdefault(_place(record), []).append(record)
    found = []
    for place in sorted(groups):
        group = summarise(groups[place])
        for configuration in dict.fromkeys(s.first.configuration for s in group if _is_full(s.first, family)):
            full = next(s for s in group if s.first.configuration == configuration)
            lines = [VariantLine(family.full, {}, full), *_variants(full, group, family)]
            if any(line.summary for line in lines[1:]):
                found.append(Ablation(name, family, tuple(lines), printed))
    order = {dataset: place for place, dataset in enumerate(family.datasets)}

    def position(one: Ablation) -> tuple[object, ...]:
        name, setting = one.sample.dataset.name, one.sample.setting
        return order.get(name, len(order)), name, setting != family.setting, setting

    return sorted(found, key=position)


def _place(record: Record) -> tuple[str, ...]:
    data = record.dataset
    return data.name, data.split, data.fingerprint, record.setting, str(record.model_version)


def _is_full(record: Record, family: Family) -> bool:
    """Whether it changes what all runs of the family do, or its preset agrees with that, and nothing else."""
    common = {key: record.changes.get(key, at(record.config, key)) for key in family.common}
    return common == family.common and record.changes.keys() <= family.common.keys()


def _variants(full: Summary, group: list[Summary], family: Family) -> list[VariantLine]:
    """Every variant that is not the full model itself, run or not."""
    lines = []
    own = full.first.effective_config
    for name, changes in family.variants.items():
        wanted = laid_over(own, changes)
        if wanted != own:
            summary = next((other for other in group if other.first.effective_config == wanted), None)
            lines.append(VariantLine(name, changes, summary))
    return lines
