"""Files that nobody honest wrote, and what every reader owes them: a result or one sentence, and nothing else done."""

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from nightly import NIGHTLY, T, grows

from fave_bench.errors import BenchError

CASES = 2000 if NIGHTLY else 200
"""For each reader and each way to spoil its file."""


def many(test: T) -> T:
    """So many cases of a property."""
    excused = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
    tried: T = settings(max_examples=CASES, suppress_health_check=excused)(test)
    return grows(tried)


TOKEN = re.compile(rb"[\w.+-]+|\"[^\"\n]*\"|'[^'\n]*'|[^\w\s]|\s")
NASTY = (
    b"", b"-1", b"0", b"1e999", b"NaN", b"-Infinity", b"null", b"true", b'""', b"[]", b"{}", b"9" * 30, b"9" * 5000,
    b"[" * 3000, b'{"a":' * 3000, b'"\\ud800"', b"\xff\xfe", b"\0", b"\r", b"\n", b'"', b"'", b"\\", b"../x",
    b"\x1b[31m", b'"a\nb"', "٣".encode(), "\u2028".encode(), b"1_0", b"\t", b",", b"|", b" ", b"\xef\xbb\xbf",
    b"1970-01-01", b"9999-12-31T23:59:59-23:59", b"0001-01-01T00:00:00+23:59", b"inf",
)  # fmt: skip
"""Values that programs trip over, in the spelling of JSON, TOML, CSV and plain text."""

STARTS_A_PROCESS = ("os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "subprocess.Popen")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_watching = False
_deeds: list[str] = []


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    """Python's own record of what a process does (PEP 578); a hook cannot be taken away, so it has a switch."""
    if not _watching:
        return
    if event in STARTS_A_PROCESS:
        _deeds.append(f"{event} {arguments}")
    is_lock = bool(arguments) and str(arguments[0]).endswith(".lock")  # empty, and gone with its holder
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES and not is_lock:
        _deeds.append(f"opened {arguments[0]!r} for writing")


sys.addaudithook(_watch)


@contextmanager
def watched() -> Iterator[list[str]]:
    """What is done meanwhile and no reader may do: starting a process, opening a file for writing."""
    global _watching
    _deeds.clear()
    as_before = sys.dont_write_bytecode  # Python's own writing, where a module is imported for the first time
    _watching = sys.dont_write_bytecode = True
    try:
        yield _deeds
    finally:
        _watching, sys.dont_write_bytecode = False, as_before


def answers(read: Callable[[], object]) -> bool:
    """Whether `read` gave a result; else it raised a BenchError of one printable line. All else is a failure."""
    with watched() as deeds:
        try:
            read()
            sentence = None
        except BenchError as error:
            sentence = str(error)
    assert not deeds, deeds
    assert sentence is None or (sentence.isprintable() and sentence), repr(sentence)
    return sentence is None


@st.composite
def spoilt_bytes(draw: st.DrawFn, valid: bytes) -> bytes:
    """`valid` after one to four blows: bytes changed, cut out, repeated, put in, or the rest cut off."""
    content = valid
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        stop = min(len(content), start + draw(st.integers(0, 40)))
        here = content[start:stop]
        middle = draw(st.sampled_from([b"", here * 2, here[::-1]]) | st.binary(max_size=12) | st.sampled_from(NASTY))
        rest = content[stop:] if draw(st.integers(0, 9)) else b""
        content = content[:start] + middle + rest
    return content


@st.composite
def spoilt_words(draw: st.DrawFn, valid: bytes) -> bytes:
    """A text of which one to four words have been exchanged for others of its own or for nasty ones."""
    words = TOKEN.findall(valid)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(words) - 1))
        words[place] = draw(st.sampled_from(NASTY) | st.sampled_from(words))
    return b"".join(words)


def hostile(valid: bytes, *, text: bool = True) -> st.SearchStrategy[bytes]:
    """A valid file spoilt, most often, or any bytes at all."""
    ways = [spoilt_bytes(valid), st.binary(max_size=300)]
    return st.one_of(spoilt_words(valid), *ways) if text else st.one_of(*ways)
