"""Amazon 2014: ratings as CSV without a header, and reviews as JSON lines."""

from fave_bench.data.interactions import Collector, Interactions
from fave_bench.data.readers.integers import is_whole
from fave_bench.data.readers.json_lines import read_json_lines
from fave_bench.data.source import Source


def read_ratings(source: Source) -> Interactions:
    """``user,item,rating,seconds`` lines (ratings_Beauty.csv), in file order."""
    collected = Collector()
    for number, line in source.numbered():
        fields = line.split(b",")
        if len(fields) != 4 or not all(fields) or not is_whole(fields[3]):
            raise source.error(number, "expected user,item,rating,seconds")
        collected.add(fields[0], fields[1], int(fields[3]))
    return collected.done(lambda key: key.decode(errors="backslashreplace"))


def read_reviews(source: Source) -> Interactions:
    """JSON lines with reviewerID, asin and unixReviewTime (reviews_Beauty_5.json.gz), in file order."""
    return read_json_lines(source, user="reviewerID", item="asin", time="unixReviewTime")
