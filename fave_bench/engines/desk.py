"""The one place of a cluster where a driver and its tasks leave word for each other; a Ray actor on the driver's node.

It imports nothing, so that it is there long before the first task has imported torch.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Begun:
    """A task has begun to compute a run."""

    run: str
    node: str


@dataclass(frozen=True)
class Ended:
    """A task has trained a stage that other runs may share."""

    run: str
    stage: str
    end: bytes


@dataclass(frozen=True)
class Saved:
    """The state of a run so far, in case everything is lost."""

    run: str
    checkpoint: bytes


@dataclass(frozen=True)
class Said:
    """A line that a run has for the person watching."""

    run: str
    line: str


class Desk:
    """Word from tasks waits here for the driver, and the driver's wish to stop for the tasks."""

    def __init__(self) -> None:
        self._stopping = False
        self._news: list[Begun | Ended | Said] = []

    def tell(self, news: Begun | Ended | Said) -> None:
        self._news.append(news)

    def news(self) -> list[Begun | Ended | Said]:
        """What has been told since the last time."""
        news, self._news = self._news, []
        return news

    def stop(self) -> None:
        self._stopping = True

    def stopping(self) -> bool:
        return self._stopping
