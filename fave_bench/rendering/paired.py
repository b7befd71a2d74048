"""Rows against each other, user by user: as a table for people, and as pairs for programs."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fave_bench.errors import BenchError
from fave_bench.evaluation.metrics import decides
from fave_bench.evaluation.outcomes import Outcomes, outcomes
from fave_bench.evaluation.phase_ranks import PhaseRanks
from fave_bench.evaluation.protocols import Protocol
from fave_bench.evaluation.significance import ALPHA, PairedTest
from fave_bench.records import Record
from fave_bench.rendering.boards import Board, Line
from fave_bench.rendering.one_board import identity
from fave_bench.rendering.table_model import Block, Cell, Column, Scalar, Table, Text, signed

Ranks = Callable[[Record], Mapping[str, PhaseRanks]]
"""Where a record's ranks are read, such as ``Store.ranks``."""


def outcomes_of(lines: Sequence[Line], protocol: Protocol, metrics: Sequence[str], ranks: Ranks) -> Outcomes:
    """What the lines, all of which were run, gave every test user.

    Raises BenchError, naming the line, where lists that were cut off leave a metric unknown.
    """
    rows = [[ranks(record)["test"] for record in line.summary.records] for line in lines if line.summary]
    for line, phases in zip(lines, rows, strict=True):
        unknown = [m for m in metrics if not all(decides(phase, protocol.name, m) for phase in phases)]
        if unknown:
            raise BenchError(
                f"{name(line)}: its scores do not say {', '.join(unknown)} under protocol {protocol.name}; "
                "choose other --metrics, another --protocol, or other --models"
            )
    return outcomes(rows, protocol, metrics)


@dataclass(frozen=True)
class PairedComparison:
    """All that is said about the rows of one board under one protocol."""

    board: Board
    protocol: Protocol
    users: int
    seed: int
    tests: Sequence[PairedTest]

    def table(self) -> Table:
        """One block a metric, one line a pair; `rows` hold what `as_json` holds."""
        metrics = dict.fromkeys(test.metric for test in self.tests)
        rows = tuple(self._facts(test) for test in self.tests)
        return Table(
            name="compare",
            title=f"Rows of {self.board.dataset} compared user by user",
            legend=self._legend(),
            blocks=tuple(self._block(metric) for metric in metrics),
            columns=tuple(rows[0]),
            rows=rows,
        )

    def as_json(self) -> str:
        """``{"pairs": [{"a", "b", "metric", "difference", "interval", "p", "p_holm", …}], …}``, fractions of 1."""
        pairs = [self._facts(test) | {"interval": test.interval} for test in self.tests]
        for pair in pairs:
            del pair["interval_low"], pair["interval_high"]
        content = {
            "dataset": self.board.dataset, "protocol": self.protocol.name, "users": self.users, "seed": self.seed,
            "unit": "fraction", "pairs": pairs,
        }  # fmt: skip
        return json.dumps(content, indent=1, allow_nan=False) + "\n"

    def _facts(self, test: PairedTest) -> dict[str, Scalar]:
        a, b = self.board.lines[test.a], self.board.lines[test.b]
        return {
            "a": identity(a), "b": identity(b), "a_row": name(a), "b_row": name(b), "metric": test.metric,
            "difference": test.effect.difference,
            "interval_low": test.interval[0], "interval_high": test.interval[1], "p": test.p, "p_holm": test.p_holm,
            "exact": test.exact, "p_wilcoxon": test.effect.p_wilcoxon, "p_t": test.effect.p_t,
            "cohen_dz": test.effect.cohen, "rank_biserial": test.effect.rank_biserial, "wins": test.effect.wins,
            "ties": test.effect.ties, "losses": test.effect.losses, "smallest_detectable": test.effect.detectable,
            "a_seeds": _seeds(a), "b_seeds": _seeds(b), "a_truncated": a.truncated, "b_truncated": b.truncated,
        }  # fmt: skip

    def _block(self, metric: str) -> Block:
        rows = tuple(self._row(test) for test in self.tests if test.metric == metric)
        data = self.board.lines[0].summary
        assert data
        parts = [
            metric, f"{self.users:,} users", data.first.dataset.split, f"data {data.first.dataset.fingerprint[:8]}",
            *(["SYNTHETIC"] if self.board.synthetic else []), f"protocol {self.protocol.name}",
        ]  # fmt: skip
        return Block(" · ".join(parts), COLUMNS, rows)

    def _row(self, test: PairedTest) -> tuple[Cell, ...]:
        a, b, found = self.board.lines[test.a], self.board.lines[test.b], test.effect
        low, high = (signed(100 * bound) for bound in test.interval)
        better = ("a" if found.difference > 0 else "b") + " is better" if test.significant else "not shown"
        words = (
            name(a), name(b), signed(100 * found.difference), f"{low} to {high}", probability(test.p),
            probability(test.p_holm), better, probability(found.p_wilcoxon), probability(found.p_t),
            "–" if found.cohen is None else signed(found.cohen), signed(found.rank_biserial),
            f"{found.wins} / {found.ties} / {found.losses}", f"{100 * found.detectable:.2f}",
        )  # fmt: skip
        return tuple(Text(word) for word in words)

    def _legend(self) -> tuple[str, ...]:
        lines = self.board.lines
        several = any(_seeds(line) > 1 for line in lines)
        said = [
            (True, "a − b: the metric of row a minus that of row b, in percentage points over the same test users; "
                   "95 %: percentile interval of a bootstrap that draws users, and each row's seeds, again."),
            (not several, "Every row has a single seed, so the intervals say nothing about other seeds."),
            (several, "A row's seeds are averaged for each user before a test; a row of one seed says nothing about "
                      "other seeds."),
            (True, "p: two-sided permutation test on the sign of each user's difference, exact or by Monte Carlo with "
                   f"seed {self.seed}; Holm: p corrected for all {len(self.tests)} tests below; a row is better where "
                   f"that is under {ALPHA}, and not shown does not mean equal."),
            (True, "Beside it, uncorrected: Wilcoxon's signed ranks and the paired t test."),
            (True, "d_z: difference over the standard deviation of a user's difference; rank-biserial: from −1 (b "
                   "always better) to 1; wins / ties / losses of a, in users; detectable: the smallest true "
                   "difference, in points, that these users show in 80 % of tests at the 5 % level."),
            (True, f"Protocol {self.protocol.name}, version {self.protocol.version}: {self.protocol.description}."),
            (any(line.truncated for line in lines),
             "† stopped by a budget: compared as it stands, which is no verdict on the model."),
            (self.board.synthetic, "SYNTHETIC data were made by this program."),
        ]  # fmt: skip
        return tuple(sentence for needed, sentence in said if needed)


COLUMNS = (
    Column("a", numeric=False), Column("b", numeric=False), Column("a − b ↑"), Column("95 %"), Column("p"),
    Column("Holm"), Column("verdict", numeric=False), Column("Wilcoxon"), Column("t"), Column("d_z"),
    Column("rank-biserial"), Column("wins / ties / losses"), Column("detectable"),
)  # fmt: skip


def name(line: Line) -> str:
    """A line in words: title, setting, variant, and † where a budget stopped it."""
    assert line.summary
    words = ", ".join(filter(None, (line.title, line.summary.first.setting, line.label)))
    return words + " †" * line.truncated


def probability(p: float) -> str:
    """Four decimals, and never a zero."""
    return "< 0.0001" if p < 1e-4 else f"{p:.4f}"


def _seeds(line: Line) -> int:
    return len(line.summary.records) if line.summary else 0
