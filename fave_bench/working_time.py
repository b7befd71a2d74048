"""Seconds at work: a run's recorded time leaves out that in which its process was stopped (Ctrl-Z, SIGSTOP)."""

import time
from types import FrameType


class WorkingTime:
    """A clock of which only differences mean something, read once a training step and once a tile of users."""

    def __init__(self) -> None:
        self._left_out = 0.0
        self._last = time.monotonic()

    def __call__(self) -> float:
        self._last = time.monotonic()
        return self._last - self._left_out

    def go_on(self, number: int = 0, frame: FrameType | None = None) -> None:
        """Leave out what passed since the last reading. As a handler of SIGCONT: no signal says when a stop begins, so
        what was done of a step before it is left out with it."""
        now = time.monotonic()
        self._left_out += now - self._last
        self._last = now


working_time = WorkingTime()
"""This process's."""
