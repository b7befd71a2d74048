"""The two ways a command may end badly, and the sentence each of them prints."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

LISTED = 20
"""Names listed where none is near; a sentence with more would not be read."""


class BenchError(Exception):
    """Something went wrong that the user can act on: one clear sentence, exit status 1."""

    exit_code = 1

    def __str__(self) -> str:
        """One line that is safe to print, whatever of a file's content it quotes: control characters as escapes."""
        return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in super().__str__())


class NothingToShow(BenchError):
    """A table or a figure was asked for what nobody has run or measured here yet."""


class UsageError(BenchError):
    """The command was asked for something that does not exist or cannot be: exit status 2."""

    exit_code = 2


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a misspelt `name`, with the nearest known names.

    Example: ``raise unknown("dataset", "beuaty", catalogue)`` says «unknown dataset 'beuaty'; did you mean 'beauty'?».
    """
    names = sorted(known)
    if not names:
        return UsageError(f"unknown {kind} '{name}'; there is none")
    near = get_close_matches(name, names, n=2, cutoff=0.5)
    some = [*names[:LISTED], f"… ({len(names):,} in all)"] if len(names) > LISTED else names
    hint = "did you mean " + " or ".join(f"'{n}'" for n in near) + "?" if near else "known: " + ", ".join(some)
    return UsageError(f"unknown {kind} '{name}'; {hint}")


def first_complaint(error: "ValidationError") -> str:
    """What pydantic found wrong first: `key.of.a.key: what is wrong`, without a key where no single one is."""
    first = error.errors(include_url=False)[0]
    said = str(first["ctx"]["error"]) if first["type"] == "value_error" else first["msg"]
    return ": ".join(filter(None, (".".join(map(str, first["loc"])), said)))
