"""Dataset cards: what the records say of the data that were learned from, without the data at hand."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fave_bench.data import catalogue
from fave_bench.data.card_text import COUNTS, other_counts
from fave_bench.data.catalogue import Entry
from fave_bench.records import Record

Facts = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Card:
    """One version of one dataset under one split."""

    name: str
    title: str
    synthetic: bool
    publisher: str
    """Address for people; empty where there is none."""
    facts: Facts


def cards(records: Sequence[Record]) -> tuple[Card, ...]:
    """In the order of the catalogue, with data of one's own between real and synthetic sets."""
    known = catalogue.names()
    groups: dict[tuple[bool, int, str, str, str], list[Record]] = {}
    for record in records:
        data = record.dataset
        place = known.index(data.name) if data.name in known else len(known)
        groups.setdefault((data.synthetic, place, data.name, data.split, data.fingerprint), []).append(record)
    return tuple(_card(groups[key]) for key in sorted(groups))


def _card(records: list[Record]) -> Card:
    data = records[0].dataset
    known = None if data.name not in catalogue.entries() else catalogue.get(data.name)
    entry = known or Entry(name=data.name, title=data.name, publisher="")
    return Card(data.name, entry.title, data.synthetic, entry.publisher, tuple(_facts(records, entry)))


def _facts(records: list[Record], entry: Entry) -> Iterator[tuple[str, str]]:
    data = records[0].dataset
    counts = {count: getattr(data, count) for count in COUNTS}
    yield from ((count, f"{number:,}") for count, number in counts.items())
    yield "actions per user", f"{data.actions / data.users:.1f}"
    yield "split", data.split
    yield "read from", "; ".join(sorted({record.dataset.source for record in records}))
    yield "fingerprint", data.fingerprint[:16]
    if entry.fingerprint:
        same = "are" if entry.fingerprint == data.fingerprint else "are not"
        yield "sequences", f"{same} the public ones behind the paper's tables"
    if not data.synthetic and (off := other_counts(entry, counts)):
        yield "counts", off
    for metric in ("H@20", "N@20"):
        if metric in data.oracle:
            yield f"oracle {metric}", f"{100 * data.oracle[metric]:.2f} %, the best that any model can expect"
    yield "runs", _runs(records)


def _runs(records: list[Record]) -> str:
    cut = sum(record.truncated for record in records)
    seeds = ", ".join(map(str, sorted({record.seed for record in records})))
    return f"{len(records)}, of which {cut} stopped by a budget; seeds: {seeds}"
