"""One user a line, `user item item …`, oldest first: the form of the S3-Rec family (Beauty.txt)."""

from fave_bench.data.interactions import Collector, Interactions
from fave_bench.data.readers.integers import whole_numbers
from fave_bench.data.source import Source


def read(source: Source) -> Interactions:
    """All sequences as given. Raises BenchError for ids that are not integers and for a user with two lines."""
    collected = Collector()
    for number, line in source.numbered():
        user, *items = whole_numbers(source, number, line.split(), "expected 'user item item …'")
        if user in collected.user_codes:
            raise source.error(number, f"user {user} has a line already")
        collected.extend(user, items)
    return collected.done()
