"""Steam's reviews: user name, product and day, from lines that are Python literals."""

from fave_bench.data.interactions import Collector, Interactions
from fave_bench.data.source import Source
from fave_bench.data.steam_lines import parse


def read(source: Source) -> Interactions:
    """All reviews in file order. Raises BenchError naming the line that is damaged or lacks a field."""
    collected = Collector()
    for user, item, time in parse(source.lines(), source.name):
        collected.add(user, item, time)
    return collected.done()
