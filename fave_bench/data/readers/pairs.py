"""One action a line, `user item`, in time order: the form of the SASRec and BERT4Rec files."""

from fave_bench.data.interactions import Collector, Interactions
from fave_bench.data.readers.integers import whole_numbers
from fave_bench.data.source import Source


def read(source: Source) -> Interactions:
    """All actions in file order. Raises BenchError for a line that is not two integers."""
    collected = Collector()
    for number, line in source.numbered():
        fields = whole_numbers(source, number, line.split(), "expected 'user item'")
        if len(fields) != 2:
            raise source.error(number, f"expected 'user item', found {len(fields)} numbers")
        collected.extend(fields[0], fields[1:])
    return collected.done()
