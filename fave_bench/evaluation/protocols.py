"""Who competes with the target, and how users are averaged. No number is shown without its protocol."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Protocol:
    """A way to turn scores into metrics; changing what it means raises its version."""

    name: str
    version: int
    description: str
    """One line, fit for a table's legend."""
    batch: int | None
    """Users per batch where metrics are means of batch means; None is the plain mean over users."""


RELEASED = Protocol(
    name="released",
    version=1,
    description="all items and the padding id compete, seen or not; mean of 512-user batch means (the authors' code)",
    batch=512,
)
FILTERED = Protocol(
    name="filtered",
    version=1,
    description="only items the user has not interacted with compete; mean over users (the paper's text)",
    batch=None,
)
PROTOCOLS = {protocol.name: protocol for protocol in (RELEASED, FILTERED)}


def versions() -> dict[str, int]:
    """Version of every protocol by name, as a record stores them."""
    return {protocol.name: protocol.version for protocol in PROTOCOLS.values()}
