"""One board under one protocol, its test users in groups: every line's metrics in every group."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fave_bench.errors import BenchError
from fave_bench.evaluation.metrics import FloatArray, decides, mean_and_error, user_weights, values_of
from fave_bench.evaluation.phase_ranks import PhaseRanks
from fave_bench.evaluation.protocols import Protocol
from fave_bench.evaluation.subgroups import Grouping
from fave_bench.records import Record
from fave_bench.rendering.boards import Board, Line
from fave_bench.rendering.paired import Ranks
from fave_bench.rendering.summary import Value, over_seeds

SHOWN = ("H@20", "N@20")


@dataclass(frozen=True)
class Sheet:
    """A board, a protocol and a grouping: one block of the table."""

    board: Board
    protocol: Protocol
    grouping: Grouping
    ranks: Ranks

    @cached_property
    def lines(self) -> list[Line]:
        """Those that were run."""
        return [line for line in self.board.lines if line.summary]

    @cached_property
    def weights(self) -> list[FloatArray]:
        """Group -> (E,) what each user counts in the group's mean: as in the protocol's, and 0 outside."""
        everyone = user_weights(self.protocol, len(self.grouping.group))
        inside = [np.where(self.grouping.group == i, everyone, 0) for i in range(len(self.grouping.bounds))]
        return [weights / weights.sum() for weights in inside]

    @cached_property
    def shares(self) -> list[float]:
        """Group -> its share in the overall metric, which is the groups' metrics averaged with these weights."""
        everyone = user_weights(self.protocol, len(self.grouping.group))
        return [float(everyone[self.grouping.group == i].sum()) for i in range(len(self.grouping.bounds))]

    @cached_property
    def values(self) -> list[list[dict[str, Value | None]]]:
        """Line -> group -> metric -> value over seeds; None where the ranks of some seed do not decide it."""
        return [self._of(line) for line in self.lines]

    def _of(self, line: Line) -> list[dict[str, Value | None]]:
        assert line.summary
        tests = [self._test(record) for record in line.summary.records]
        known = {m for m in SHOWN if all(decides(test, self.protocol.name, m) for test in tests)}
        by_metric = {m: [100 * values_of(m, test.ranks(self.protocol.name)) for test in tests] for m in known}
        return [
            {m: over_seeds([mean_and_error(each, w) for each in by_metric[m]]) if m in known else None for m in SHOWN}
            for w in self.weights
        ]

    def _test(self, record: Record) -> PhaseRanks:
        test = self.ranks(record)["test"]
        if not np.array_equal(test.users, self.grouping.users):
            raise BenchError(f"run {record.key}: ranked for other users than its split's test users")
        return test
