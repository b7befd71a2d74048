"""From a dataset's name to its sequences: find the file, read it once, keep the result."""

import hashlib
import json
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from fave_bench.cli import say
from fave_bench.data import cache, catalogue, locate
from fave_bench.data.cache import Prepared
from fave_bench.data.catalogue import Entry
from fave_bench.data.filters import EVERYTHING, Rule
from fave_bench.data.interactions import Interactions, to_sequences
from fave_bench.data.readers import CSV, Format, detect
from fave_bench.data.readers.table import Columns
from fave_bench.data.readers.table import read as read_table
from fave_bench.data.sequences import Sequences
from fave_bench.data.source import Source
from fave_bench.errors import BenchError, UsageError, unknown
from fave_bench.files import sha256

SLUG = re.compile(r"[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?")


@dataclass(frozen=True)
class Options:
    """How a source is read; None leaves it to the dataset's rule."""

    user_column: str | None = None
    item_column: str | None = None
    time_column: str | None = None
    min_user: int | None = None
    min_item: int | None = None
    deduplicate: bool | None = None

    def __post_init__(self) -> None:
        for name in ("min_user", "min_item"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"--{name.replace('_', '-')} must be at least 1, not {value}")

    @property
    def columns(self) -> Columns:
        return Columns(self.user_column, self.item_column, self.time_column)

    def rule(self, default: Rule) -> Rule:
        """The dataset's rule with what the user says on top."""
        said = {name: getattr(self, name) for name in ("min_user", "min_item", "deduplicate")}
        return replace(default, **{name: value for name, value in said.items() if value is not None})


DEFAULT = Options()


def prepare(name: str, source: Path | None = None, options: Options = DEFAULT) -> Prepared:
    """The sequences of a dataset that comes from a file.

    Looks at `source`, then ``$FAVE_BENCH_DATA/<name>``, then what was prepared under that name before, then the
    publisher's file, fetching it if need be. Raises UsageError for a name that is none of these.
    """
    entry = entry_of(name)
    found = locate.given(source, entry.files) if source else locate.in_data_folder(name, entry.files)
    if found is None and options == DEFAULT and (before := cache.remembered(name)):
        return before
    if found is None and (again := cache.remembered_source(name)):
        found = locate.given(again, entry.files)
    return _read_once(entry, found or _published(entry, options), options)


def means_another(name: str, sequences: Sequences) -> bool:
    """Whether the data folder has, under that name, other sequences than these, or none that can be read."""
    folder = locate.data_folder(name)
    if folder is None or not folder.exists():
        return False
    try:
        return prepare(name).sequences.fingerprint != sequences.fingerprint
    except BenchError:
        return True


def entry_of(name: str) -> Entry:
    """The catalogue's entry, or an empty one for a dataset of the user's own. Raises UsageError for an unfit name."""
    known = catalogue.entries().get(name)
    if known is None and not SLUG.fullmatch(name):
        raise UsageError(f"dataset name '{name}': use lower-case letters, digits, '-', '_' and '.', at most 64")
    return known or Entry(name=name, title=name, publisher="")


def available(name: str) -> bool:
    """Whether `prepare` needs no network."""
    folder = locate.data_folder(name)
    fetched = any((cache.folder(name) / download.file).is_file() for download in entry_of(name).downloads)
    return fetched or (folder is not None and folder.exists()) or cache.remembered(name) is not None


def _published(entry: Entry, options: Options) -> Source:
    if entry.downloads:
        return _fetched(entry, options)
    if entry.publisher:
        raise BenchError(
            f"{entry.name}: {entry.publisher} asks you to accept its terms, so get the reviews there; "
            + locate.advice(entry.name, entry.files[-1])
        )
    error = unknown("dataset", entry.name, catalogue.entries())
    raise UsageError(f"{error}; your own data need --from FILE the first time")


def _fetched(entry: Entry, options: Options) -> Source:
    """The first file that can be had; for a rule of the user's own, the publisher's before what is reduced already."""
    from fave_bench.data.download import fetch  # pooch takes a while to import, and is rarely needed

    problems: list[str] = []
    for download in entry.downloads if options == DEFAULT else reversed(entry.downloads):
        if problems:
            say(f"{problems[-1]}; trying {download.url}")
        try:
            return locate.given(fetch(download, cache.folder(entry.name)), entry.files)
        except BenchError as error:
            problems.append(str(error))
    advice = locate.advice(entry.name, entry.downloads[-1].file)
    raise BenchError(f"{entry.name}: {', and '.join(problems)}; {advice}")


def _read_once(entry: Entry, found: Source, options: Options) -> Prepared:
    kind = detect(found)
    if options.columns.given and kind is not CSV:
        raise UsageError(f"{found.name} is {kind.name}, which has no named columns; leave out the --*-column options")
    digest = sha256(found.path)
    rule = options.rule(entry.rule if kind.raw else EVERYTHING)
    key = _key(digest, found.name, kind.name, str(rule), asdict(options.columns))
    stored = cache.read(entry.name, key)
    if stored is None:
        actions = read_table(found, options.columns) if kind is CSV else kind.read()(found)
        others = entry.other_rules if kind.raw and rule == entry.rule else ()
        stored = Prepared(
            sequences=to_sequences(rule.apply(actions), entry.name, _words(found, kind, rule)),
            key=key,
            sha256=digest,
            other_counts=tuple((str(other), *_counts(other.apply(actions))) for other in others),
        )
        cache.write(entry.name, stored)
    return stored


def _words(found: Source, kind: Format, rule: Rule) -> str:
    filtered = "" if rule == EVERYTHING else f"; {rule}"
    return f"{found.name} ({kind.name}{filtered})"


def _counts(actions: Interactions) -> tuple[int, int, int]:
    return len(np.unique(actions.users)), len(np.unique(actions.items)), len(actions)


def _key(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]
