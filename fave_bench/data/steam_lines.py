"""Steam's reviews: one Python dictionary literal a line, read with one regular expression and never evaluated.

A line looks like ``{u'username': u'ann', u'product_id': u'10', u'text': u"it's", u'date': u'2017-12-17', …}``.
The expression walks over whole ``key: value`` pairs up to the closing brace, so a review's text that itself contains
``u'date': …`` cannot pass for the field and a line cut in its middle is noticed. Each pair is atomic and each run of
characters possessive: nothing is tried twice, so a hostile line costs time linear in its length.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from functools import lru_cache

from fave_bench.errors import BenchError

FIELDS = ("username", "product_id", "date")


def _line(quoted: str, key: str, other_key: str, number: str, space: str, gap: str) -> re.Pattern[bytes]:
    """The expression of a line.

    Given those of a string in quotes «~», a wanted key, any key, a number, the space after «:» and «,», and the space
    that may stand elsewhere.
    """
    single, double = quoted.replace("~", "'"), quoted.replace("~", '"')
    value = rf"(?:u{single}|{number}|True|False|None|u{double}|{single}|{double})"
    wanted = "|".join(rf"{key.replace('~', name)}{gap}:{space}({value})" for name in FIELDS)
    # A wanted key gets to the last alternative only where its value is no value, and fails there too.
    pair = rf"(?>u?+(?:{wanted}|{other_key}{gap}:{space}{value}){gap})"
    return re.compile(rf"{gap}\{{{gap}(?:{pair}(?:,{space}|(?=\}})))*\}}\s*+".encode(), re.DOTALL)


# What repr writes, jumping from quote to quote: three times as fast as seeing every escape. A quote after a lone
# backslash is inside; after more than one it takes counting. There, and for any other spelling, the next one serves.
_QUICK = _line(
    quoted=r"~[^~]*+(?:(?<=[^\\]\\)~[^~]*+)*+(?<!\\)~",
    key="'~'",
    other_key="'[a-z_]++'",
    number=r"-?+[0-9]++(?:\.[0-9]++)?+",
    space=" ",
    gap="",
)
_EXACT = _line(
    quoted=r"~[^~\\]*+(?:\\.[^~\\]*+)*+~",
    key="(?:'~'|\"~\")",
    other_key=r"""(?:'[^'\\]*+(?:\\.[^'\\]*+)*+'|"[^"\\]*+(?:\\.[^"\\]*+)*+")""",
    number=r"[-+]?+(?:[0-9]++\.?+[0-9]*+|\.[0-9]++)(?:[eE][-+]?+[0-9]++)?+L?+",
    space=r"\ *+",
    gap=r"\ *+",
)

_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U(00(?:10|0[0-9a-fA-F])[0-9a-fA-F]{4})|(.))", re.DOTALL)
_SINGLE = {"\\": "\\", "'": "'", '"': '"', "n": "\n", "r": "\r", "t": "\t"}
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def parse(lines: Iterable[bytes], name: str = "steam reviews") -> Iterator[tuple[str, str, int]]:
    """(username, product_id, Unix seconds of the date at 0:00 UTC) of every line, in order; holds one line at a time.

    Strings are UTF-8 with the escapes that Python's repr writes; only those of the three fields are decoded. As in
    Python, the last of several equal keys counts. Raises BenchError naming `name` and the line, counted from 1, where
    a line is not one whole dictionary of strings, numbers, booleans and None, or lacks a field.
    """
    quick, exact = _QUICK.fullmatch, _EXACT.fullmatch
    for number, line in enumerate(lines, 1):
        found = quick(line) or exact(line)
        if found is None:
            raise BenchError(f"{name}, line {number}: not one whole Python dictionary literal; get the file again")
        user, item, day = found.groups()
        try:
            action = _text(user), _item(item), _seconds(day)
        except ValueError as error:
            raise BenchError(f"{name}, line {number}: {error}") from error
        yield action


def _text(literal: bytes | None) -> str:
    """The value of a string literal; ValueError where it is none."""
    if literal is None or literal[-1] not in b"'\"":
        raise ValueError(f"expected the fields {', '.join(FIELDS)}, each a string")
    text = literal[2 if literal[0] == 117 else 1 : -1].decode()  # 117 is the u of u''
    return _ESCAPE.sub(_unescaped, text) if "\\" in text else text


_item = lru_cache(maxsize=1 << 16)(_text)  # some ten thousand games in millions of lines


def _unescaped(escape: re.Match[str]) -> str:
    single = escape[4]
    if single is None:
        return chr(int(escape[escape.lastindex or 0], 16))
    if single not in _SINGLE:
        raise ValueError(f"the escape \\{single} is not one that Python's repr writes")
    return _SINGLE[single]


@lru_cache(maxsize=1 << 14)  # a few thousand distinct days in millions of lines
def _seconds(literal: bytes | None) -> int:
    text = _text(literal)
    if not _DATE.fullmatch(text):  # date.fromisoformat also takes weeks and dates without dashes
        raise ValueError("the date is not written as YYYY-MM-DD")
    day = date.fromisoformat(text)
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
