"""What a person sees while a model trains: loss terms, speed, the last validation metric, time left."""

import sys
from types import TracebackType

from tqdm import tqdm

from fave_bench.working_time import working_time


class Progress:
    """One bar per stage on stderr, silent when stderr is not a terminal."""

    def __init__(self, title: str, total: int, done: int, deadline: float | None) -> None:
        self.deadline = deadline
        self.validation = ""
        self.bar = tqdm(
            total=total, initial=done, desc=title, unit="sample", unit_scale=True, file=sys.stderr,
            disable=not sys.stderr.isatty(), dynamic_ncols=True, leave=False,
        )  # fmt: skip

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.close()

    def advance(self, samples: int) -> None:
        self.bar.update(samples)

    def report(self, losses: dict[str, float]) -> None:
        terms = " ".join(f"{name} {value:.4g}" for name, value in losses.items())
        left = f" budget {max(0.0, self.deadline - working_time()):.0f} s" if self.deadline else ""
        self.bar.set_postfix_str(f"{terms}{self.validation}{left}")

    def validated(self, n20: float) -> None:
        self.validation = f" | val N@20 {100 * n20:.2f} %"
