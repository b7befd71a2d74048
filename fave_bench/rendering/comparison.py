"""One cell of a comparison: what a paper prints, what was measured here, and the verdict."""

from dataclasses import dataclass

from fave_bench.evaluation.paired import Z
from fave_bench.rendering.printed import HALF_A_DIGIT, Printed
from fave_bench.rendering.summary import Value
from fave_bench.rendering.table_model import Mark


@dataclass(frozen=True)
class Comparison:
    """A metric of one model in one setting. Everything in percent."""

    printed: Printed | None
    """None where no paper prints a number for the same thing."""
    impossible: bool
    """No single run can give what the paper prints in this row."""
    ours: Value | None
    """None where nobody ran it, or the run did not measure it."""
    run: bool
    truncated: bool
    """Ours was stopped by a budget."""
    mark: Mark = ""
    beats: str = ""
    """Letters of the rows that ours beats."""

    @property
    def difference(self) -> float | None:
        """Ours minus printed."""
        return self.ours.mean - self.printed.percent if self.ours and self.printed else None

    @property
    def verdict(self) -> str | None:
        """`reproduced` within 1.96 s of the printed number, else `higher` or `lower`.

        s joins the sampling error of the users with the spread over our seeds; the printed value's own error is
        unknown. A run cut short is `not converged`, a model nobody ran `not run`; None where there is nothing to judge.
        """
        if not self.run:
            return "not run"
        if self.truncated:
            return "not converged"
        if self.ours is None or self.difference is None:
            return None
        if abs(self.difference) <= Z * self.ours.uncertainty + HALF_A_DIGIT:
            return "reproduced"
        return "higher" if self.difference > 0 else "lower"
