"""What an external model may be called: nothing that a model here is called, so that no row is taken for another."""

import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress

from fave_bench.errors import BenchError, UsageError
from fave_bench.models import registry

LONGEST = 60
"""Characters of a title, which is a cell of every table."""
ORACLE = "oracle"
"""How tables call the best that any model can expect."""


def slug_of(title: str) -> str:
    """The folder's name: the title's letters and digits in ASCII and lower case, joined by hyphens.

    Raises UsageError for a title that is empty, too long, has no such character, or is a registered model's.
    """
    if not title.strip() or title != title.strip() or not title.isprintable() or len(title) > LONGEST:
        raise UsageError(f"--title: give 1 to {LONGEST} printable characters, without blanks around them")
    ascii_title = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    slug = re.sub("[^a-z0-9]+", "-", ascii_title.lower()).strip("-")
    if not slug:
        raise UsageError(f"--title '{title}': it needs a letter from a to z or a digit, to name a folder by")
    if slug.replace("-", "") in _taken():
        raise UsageError(f"--title '{title}': a row of that name is trained here; choose one that tells yours from it")
    return slug


def _taken() -> set[str]:
    return {re.sub("[^a-z0-9]+", "", name.lower()) for name in _names()}


def _names() -> Iterator[str]:
    yield ORACLE
    for name in registry.names():
        yield name
        with suppress(BenchError):  # a broken file breaks only its own model
            yield registry.load(name).title or name
