"""Stopping politely: the first SIGINT or SIGTERM, or a deadline, asks; a second signal ends at once.

A process that is only held for a while (Ctrl-Z) goes on as if nothing had been.
"""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

from fave_bench.working_time import working_time

ASKS_TO_STOP = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """While entered, remembers the first signal instead of dying of it. Call it to ask whether to stop."""

    def __init__(self, deadline: float | None = None) -> None:
        """`deadline` is a time.monotonic() value after which the answer is yes as well."""
        self.deadline = deadline
        self.signal: int | None = None
        self._previous: dict[int, Any] = {}

    def __call__(self) -> bool:
        return self.signal is not None or (self.deadline is not None and time.monotonic() >= self.deadline)

    @property
    def exit_code(self) -> int:
        """128 + the signal's number, as shells expect; 0 where a deadline was the reason."""
        return 128 + self.signal if self.signal is not None else 0

    def __enter__(self) -> "Interruption":
        for number in ASKS_TO_STOP:
            self._previous[number] = signal.signal(number, self._note)
        self._previous[signal.SIGCONT] = signal.signal(signal.SIGCONT, working_time.go_on)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore(*self._previous)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        self._restore(*ASKS_TO_STOP)  # SIGCONT may come with it, as from `timeout`, and is still ours

    def _restore(self, *numbers: int) -> None:
        for number in numbers:
            signal.signal(number, self._previous[number])


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """SIGTERM unwinds what is inside, as Ctrl-C does, so that it can keep what it has; the exit code is 143."""
    previous = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
