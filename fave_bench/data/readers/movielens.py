"""MovieLens-100k's u.data: user, item, rating, Unix seconds, tab-separated, no header."""

from fave_bench.data.interactions import Collector, Interactions
from fave_bench.data.readers.integers import is_whole
from fave_bench.data.source import Source


def read(source: Source) -> Interactions:
    """All ratings in file order. Raises BenchError for a line that is not four non-negative integers."""
    collected = Collector()
    for number, line in source.numbered():
        fields = line.split(b"\t")
        if len(fields) != 4 or not all(map(is_whole, fields)):
            raise source.error(number, "expected four non-negative integers: user, item, rating, seconds")
        collected.add(int(fields[0]), int(fields[1]), int(fields[3]))
    return collected.done()
