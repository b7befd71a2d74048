"""Which rows an efficiency table has and in what order, before anything is formatted."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fave_bench.data import catalogue
from fave_bench.records.measurements import FlopsRow, LatencyRow
from fave_bench.records.row import Row
from fave_bench.rendering.newest import Place
from fave_bench.rendering.printed_efficiency import Efficiency
from fave_bench.rendering.summary import SETTINGS

SINGLE, BATCH = 1, 512
"""Users a call, as the papers and every measurement here have them."""
EXECUTIONS = ("released", "eager", "optimised")
Identity = tuple[str, str, str]
"""Model, setting, variant."""


@dataclass(frozen=True)
class Timing:
    """A model in one setting, variant, execution and number of steps, timed in one place."""

    single: LatencyRow | None
    batch: LatencyRow | None

    @property
    def row(self) -> LatencyRow:
        """Either of the two, for what they share."""
        row = self.single or self.batch
        assert row
        return row

    @property
    def test_seconds(self) -> float | None:
        rows = (self.batch, self.single)
        return next((row.test_seconds for row in rows if row and row.test_seconds is not None), None)


@dataclass(frozen=True)
class Sheet:
    """One dataset: what was counted, what was timed where, and what the paper prints for it."""

    dataset: str
    paper: str | None
    """The dataset whose printed numbers belong here; None where the paper prints none, or for other data."""
    costs: Sequence[FlopsRow]
    timings: Mapping[Place, Sequence[Timing]]
    own_steps: Mapping[Identity, int | None]
    """Steps that a row's own configuration takes; None for a model without a sampler."""

    @property
    def synthetic(self) -> bool:
        entry = catalogue.entries().get(self.dataset)
        return bool(entry and entry.synthetic)

    def is_own(self, row: FlopsRow | LatencyRow) -> bool:
        """Whether the row takes the steps of its own configuration, as the printed numbers do."""
        return row.steps == self.own_steps[identity(row)]

    def speedup(self, timing: Timing, over: str, place: Place | None) -> float | None:
        """p50 of one user of model `over`, first setting and own steps, over the timing's: same place and execution."""
        others = [
            other.single
            for other in (self.timings[place] if place else ())
            if other.single and other.row.title == over and self.is_own(other.row)
            if other.row.execution == timing.row.execution
        ]
        return others[0].p50_ms / timing.single.p50_ms if others and timing.single else None


def identity(row: Row) -> Identity:
    return row.model, row.setting, row.variant


def sheets(
    flops: Iterable[FlopsRow],
    latency: Mapping[Place, Iterable[LatencyRow]],
    papers: Efficiency,
    wanted: Sequence[str] = (),
) -> list[Sheet]:
    """One per dataset that was measured or printed: the paper's in its order, a stand-in in its original's place.

    `wanted` narrows to those datasets; one that has a stand-in brings it along.
    """
    counted, timed = list(flops), {place: list(rows) for place, rows in latency.items()}
    measured = {row.dataset for row in [*counted, *(row for rows in timed.values() for row in rows)]}
    covered = {original for original, other in catalogue.STAND_INS.items() if other in measured}
    names = measured | (set(papers.datasets) - covered)
    asked = {*wanted, *(catalogue.STAND_INS[name] for name in wanted if name in catalogue.STAND_INS)}
    return [
        _sheet(name, counted, timed, papers)
        for name in sorted(names, key=lambda name: _position(name, papers))
        if not wanted or name in asked
    ]


def original(dataset: str) -> str:
    """The dataset that this one stands in for, or itself."""
    return next((name for name, other in catalogue.STAND_INS.items() if other == dataset), dataset)


def _position(name: str, papers: Efficiency) -> tuple[int, bool, str]:
    known = original(name) in papers.datasets
    return papers.datasets.index(original(name)) if known else len(papers.datasets), original(name) != name, name


def _sheet(dataset: str, flops: list[FlopsRow], latency: dict[Place, list[LatencyRow]], papers: Efficiency) -> Sheet:
    costs = [row for row in flops if row.dataset == dataset]
    timed = {place: [row for row in rows if row.dataset == dataset] for place, rows in latency.items()}
    own = _own_steps(costs, [row for rows in timed.values() for row in rows])

    printed = original(dataset) if original(dataset) in papers.datasets else None
    other = any(row.other_data for row in [*costs, *(row for rows in timed.values() for row in rows)])

    def shown(row: FlopsRow | LatencyRow) -> bool:
        return row.steps in (own[identity(row)], 1)

    return Sheet(
        dataset=dataset,
        paper=None if other else printed,
        costs=sorted(filter(shown, costs), key=lambda row: (_line(row, papers), -(row.steps or 0))),
        timings={place: _timings(filter(shown, rows), papers) for place, rows in timed.items() if rows},
        own_steps=own,
    )


def _own_steps(costs: list[FlopsRow], timed: list[LatencyRow]) -> dict[Identity, int | None]:
    """Costs are counted at a row's own steps alone. Times say which of several is its own; in those from before they
    did it is the largest."""
    own: dict[Identity, int | None] = {}
    for rows in (timed, costs):
        counts: dict[Identity, list[int]] = {}
        for row in rows:
            steps = None if isinstance(row, LatencyRow) and row.own_steps is False else row.steps
            counts.setdefault(identity(row), []).extend([] if steps is None else [steps])
        own |= {row: max(found, default=None) for row, found in counts.items()}
    return own


def _timings(rows: Iterable[LatencyRow], papers: Efficiency) -> list[Timing]:
    found: dict[tuple[object, ...], dict[int, LatencyRow]] = {}
    for row in rows:
        found.setdefault((identity(row), row.execution, row.steps), {})[row.batch_size] = row
    pairs = [Timing(sizes.get(SINGLE), sizes.get(BATCH)) for sizes in found.values() if {SINGLE, BATCH} & {*sizes}]
    return sorted(pairs, key=lambda pair: _place_of(pair.row, papers))


def _place_of(row: LatencyRow, papers: Efficiency) -> tuple[object, ...]:
    return _line(row, papers), EXECUTIONS.index(row.execution), -(row.steps or 0)


def _line(row: Row, papers: Efficiency) -> tuple[object, ...]:
    """The paper's models in its order, then the others by title; within one, setting `released` first."""
    paper = papers.models.index(row.title) if row.title in papers.models else len(papers.models)
    setting = SETTINGS.index(row.setting) if row.setting in SETTINGS else len(SETTINGS)
    return paper, row.title, row.model, setting, row.setting, row.variant
