"""Opening what a user or a publisher gives: plain, gzip or one member of a zip, always as a bounded stream."""

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from fave_bench.errors import BenchError

BLOCK = 1 << 17
LONGEST_LINE = 1 << 24
"""Bytes. The longest honest line is one user's whole history; a bomb of zeros has none at all."""
STRETCH, EXPANSION = 1 << 24, 100
"""No STRETCH unpacked bytes in a row may come from less than one packed byte in EXPANSION: text packs 3 to 10 times,
a bomb 1,000 times."""
ZIP_TROUBLE = (LookupError, NotImplementedError, RuntimeError, UnicodeError, struct.error)
"""What zipfile raises besides for a name that is not there or empty, a method it lacks, a password, and numbers out of
range."""
GZIP, ZIP = b"\x1f\x8b", (b"PK\x03\x04", b"PK\x05\x06")


@dataclass(frozen=True)
class Source:
    """A file, or one member of a zip file, that holds one dataset."""

    path: Path
    member: str = ""
    """Name inside the archive; empty where the file itself is meant."""

    @property
    def name(self) -> str:
        """File name without its directory, fit for a record."""
        return f"{self.path.name}:{PurePosixPath(self.member).name}" if self.member else self.path.name

    @property
    def is_packed(self) -> bool:
        """Whether the content has to be decompressed."""
        with self.path.open("rb") as file:
            return bool(self.member) or file.read(2) == GZIP

    @contextmanager
    def open(self) -> "Iterator[Bounded]":
        """The decompressed bytes; whatever is wrong with the container becomes one sentence."""
        try:
            with self.path.open("rb") as raw:
                yield from (Bounded(self.name, raw, file) for file in self._decompressed(raw))
        except EOFError as error:
            raise BenchError(f"{self.name}: the file is truncated ({error}); get it again") from error
        except (gzip.BadGzipFile, zlib.error, zipfile.BadZipFile, *ZIP_TROUBLE) as error:
            raise BenchError(f"{self.name}: the archive cannot be read ({error})") from error
        except OSError as error:
            raise BenchError(f"{self.path}: {error.strerror or error}") from error

    def _decompressed(self, raw: IO[bytes]) -> Iterator[IO[bytes]]:
        magic = raw.read(2)
        raw.seek(0)
        if self.member:
            with zipfile.ZipFile(raw) as archive, archive.open(self.member) as file:
                yield file
        elif magic == GZIP:
            with gzip.GzipFile(fileobj=raw) as file:
                yield io.BufferedReader(file)
        else:
            yield raw

    def head(self, size: int = 1 << 16) -> bytes:
        """The first bytes, for telling formats apart."""
        with self.open() as file:
            return file.read(size)

    def lines(self) -> Iterator[bytes]:
        """Lines without their ends. Raises BenchError on one longer than `LONGEST_LINE`."""
        with self.open() as file:
            rest = b""
            while block := file.read(BLOCK):
                parts = (rest + block).replace(b"\r\n", b"\n").split(b"\n")
                rest = parts.pop()
                if len(rest) > LONGEST_LINE:
                    raise BenchError(f"{self.name}: a line is longer than {LONGEST_LINE >> 20} MiB; this is no text")
                yield from parts
            if rest:
                yield rest

    def numbered(self) -> Iterator[tuple[int, bytes]]:
        """Lines that are not blank, with their numbers from 1."""
        return ((number, line) for number, line in enumerate(self.lines(), 1) if line.strip())

    def error(self, line: int, what: str) -> BenchError:
        """What is wrong at a line, counted from 1."""
        return BenchError(f"{self.name}, line {line}: {what}")


class Bounded:
    """A decompressed stream that goes on only while it comes from enough packed bytes."""

    def __init__(self, name: str, packed: IO[bytes], unpacked: IO[bytes]) -> None:
        self.name, self.packed, self.unpacked = name, packed, unpacked
        self.stretch, self.began = 0, packed.tell()

    def read(self, size: int) -> bytes:
        """At most `size` bytes, none at the end. Raises BenchError for a bomb."""
        block = self.unpacked.read(size)
        self.stretch += len(block)
        if self.stretch > STRETCH:
            if self.stretch > EXPANSION * (self.packed.tell() - self.began):
                raise BenchError(
                    f"{self.name}: refused, because {STRETCH >> 20} MiB in a row unpack from less than a "
                    f"{EXPANSION}th of that, as no text does"
                )
            self.stretch, self.began = 0, self.packed.tell()
        return block


def is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in ZIP


def in_zip(path: Path, wanted: Sequence[str]) -> Source:
    """The one member whose file name is the first of `wanted` that occurs once, or the archive's only file.

    Nothing is extracted. Raises BenchError for an archive that is damaged or has a member name that is absolute,
    climbs with "..", or occurs twice.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [info for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, OSError, ValueError, *ZIP_TROUBLE) as error:
        raise BenchError(f"{path.name}: the archive cannot be read ({error})") from error
    _refuse_unsafe(path, entries)
    members = [info.filename for info in entries]
    for name in wanted:
        found = [member for member in members if PurePosixPath(member).name == name]
        if len(found) == 1:
            return Source(path, found[0])
    if len(members) == 1:
        return Source(path, members[0])
    expected = f"exactly one named {', '.join(wanted)}" if wanted else "exactly one file"
    raise BenchError(f"{path.name}: expected {expected}, found {len(members)} files")


def _refuse_unsafe(path: Path, entries: Sequence[zipfile.ZipInfo]) -> None:
    seen: set[PurePosixPath] = set()
    for info in entries:
        place = PurePosixPath(info.filename.replace("\\", "/"))  # «./a» and «a» are one place
        if place.is_absolute() or ".." in place.parts or ":" in (place.parts or ("",))[0]:
            reason = "points outside the archive"
        elif place in seen:
            reason = "occurs twice"
        elif info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            reason = "is encrypted or packed in an unusual way"
        else:
            seen.add(place)
            continue
        raise BenchError(f"{path.name}: refused, because member '{info.filename}' {reason}")
