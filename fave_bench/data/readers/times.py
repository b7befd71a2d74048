"""Times as files write them: dates as Unix seconds, a number as it is, whatever it counts."""

from datetime import UTC, datetime
from functools import lru_cache

LIMIT = 1 << 62


@lru_cache(maxsize=1 << 16)  # day resolution: a few thousand distinct dates in millions of lines
def seconds(text: str) -> int:
    """Whole part of a number, or Unix seconds of an ISO 8601 date or date-time (UTC unless it says otherwise).

    Raises ValueError for anything else.
    """
    try:
        value = int(text)
    except ValueError:
        value = _decimal_or_date(text.strip())
    if abs(value) > LIMIT:
        raise ValueError(f"time out of range: {text}")
    return value


def _decimal_or_date(text: str) -> int:
    try:
        return int(float(text))
    except OverflowError as error:
        raise ValueError(f"time out of range: {text}") from error
    except ValueError:
        moment = datetime.fromisoformat(text)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
