"""The Yelp academic dataset's reviews: JSON lines, of which user, business and date count."""

from fave_bench.data.interactions import Interactions
from fave_bench.data.readers.json_lines import read_json_lines
from fave_bench.data.source import Source


def read(source: Source) -> Interactions:
    """JSON lines with user_id, business_id and date (``YYYY-MM-DD HH:MM:SS``), in file order."""
    return read_json_lines(source, user="user_id", item="business_id", time="date")
