"""The best row of a table against the second best: in points, in percent, in standard errors."""

from dataclasses import dataclass
from math import inf, sqrt

from fave_bench.forensics.printed_table import PrintedTable, Rate


@dataclass(frozen=True)
class Lead:
    """The best row in one metric of one dataset, and the second best."""

    metric: str
    winner: str
    best: Rate
    runner_up: str
    second: Rate

    @property
    def points(self) -> float:
        return self.best.percent - self.second.percent

    def standard_errors(self, users: int) -> float:
        """The lead over that of a difference of two independent hit rates over so many users, sqrt((pq + p'q') / n)."""
        variance = sum(rate.percent * (100 - rate.percent) for rate in (self.best, self.second)) / users
        return self.points / sqrt(variance) if variance else inf if self.points else 0.0

    def __str__(self) -> str:
        percent = f"{100 * self.points / self.second.percent:+.2f} %" if self.second.percent else "from nothing"
        return f"{self.metric} {self.winner} over {self.runner_up} {self.points:+.4f} points ({percent})"


def lead(table: PrintedTable, dataset: str, metric: str) -> Lead | None:
    """None where fewer than two rows print the metric."""
    printed = {model: row[metric] for model, row in table.rows(dataset).items() if metric in row}
    order = sorted(printed, key=lambda model: printed[model].percent, reverse=True)
    if len(order) < 2:
        return None
    winner, runner_up = order[:2]
    return Lead(metric, winner, printed[winner], runner_up, printed[runner_up])
