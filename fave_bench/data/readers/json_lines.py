"""One JSON object a line, of which three fields count."""

import json

from fave_bench.data.interactions import Collector, Interactions
from fave_bench.data.readers.times import seconds
from fave_bench.data.source import Source


def read_json_lines(source: Source, *, user: str, item: str, time: str) -> Interactions:
    """The named fields of every line; ids are strings. Raises BenchError naming the line that lacks one."""
    collected = Collector()
    for number, line in source.numbered():
        try:
            fields = json.loads(line)
            ids = fields[user], fields[item]
            when = seconds(str(fields[time]))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise source.error(number, f"expected a JSON object with {user}, {item} and {time}") from error
        if not all(isinstance(label, str) and label for label in ids):
            raise source.error(number, f"{user} and {item} must be non-empty strings")
        collected.add(*ids, when)
    return collected.done()
