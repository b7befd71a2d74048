"""What a person sees while a model trains: loss terms, speed, the last validation metric, time left."""

import sys
import time
from types import TracebackType

from tqdm import tqdm

from fave_bench.cli import say

LINE_EVERY = 60.0
"""Seconds between lines where a bar cannot be drawn."""


class Progress:
    """One bar per stage on stderr; where that is a file, a line of the same content once a minute."""

    def __init__(self, title: str, total: int, done: int) -> None:
        self.title, self.done = title, done
        self.validation = ""
        self.of = {"total": total, "initial": done, "unit": "sample", "unit_scale": True}
        self.lines = not sys.stderr.isatty()
        self.begun = self.said = time.monotonic()
        self.bar = tqdm(desc=title, file=sys.stderr, disable=self.lines, dynamic_ncols=True, leave=False, **self.of)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.close()

    def advance(self, samples: int) -> None:
        self.done += samples
        self.bar.update(samples)

    def report(self, losses: dict[str, float], left: float) -> None:
        """Mean loss terms, and the seconds that are left of a budget; infinity without one."""
        terms = " ".join(f"{name} {value:.4g}" for name, value in losses.items())
        budget = f" budget {max(0.0, left):.0f} s" if left < float("inf") else ""
        postfix = f"{terms}{self.validation}{budget}"
        self.bar.set_postfix_str(postfix)
        if self.lines and time.monotonic() - self.said >= LINE_EVERY:
            self.said = time.monotonic()
            elapsed = self.said - self.begun
            say(tqdm.format_meter(self.done, elapsed=elapsed, prefix=self.title, postfix=postfix, ncols=0, **self.of))

    def validated(self, n20: float) -> None:
        self.validation = f" | val N@20 {100 * n20:.2f} %"
