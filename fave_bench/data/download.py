"""Fetching a publisher's file: into the cache by pooch, resumed where it broke off, checked before it counts."""

import logging
import shutil
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pooch
from tqdm import tqdm

from fave_bench.cli import say
from fave_bench.data.catalogue import Download
from fave_bench.errors import BenchError
from fave_bench.files import git_blob, sha256
from fave_bench.locking import alone

BLOCK = 1 << 20
TIMEOUT = 60.0
"""Seconds without a byte."""
ATTEMPTS = 5
"""Connections in one go; each goes on where the last one broke off."""


def fetch(download: Download, folder: Path) -> Path:
    """The file in `folder`, verified where a checksum is known; fetched unless it lies there already.

    Raises BenchError where it cannot be had, and where the checksum differs. A file that was there before stays until a
    verified one takes its place.
    """
    pooch.get_logger().setLevel(logging.WARNING)  # it would print hashes and paths
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with alone(folder / f".{download.file}.lock", give_up=lambda: False):
            found = pooch.retrieve(
                download.url,
                known_hash=download.sha256 and f"sha256:{download.sha256}",
                fname=download.file,
                path=folder,
                downloader=Resuming(folder / f"{download.file}.part", download),
            )
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise BenchError(f"{download.url} cannot be fetched ({reason})") from error
    return Path(found)


class Resuming:
    """A downloader for pooch, which by itself starts again from nothing."""

    def __init__(self, part: Path, download: Download) -> None:
        self.part, self.download = part, download
        """`part` outlives a broken transfer and even the process."""

    def __call__(self, url: str, output_file: str, _: Any) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                if self._receive(url):
                    break
                problem: Exception = ConnectionError("the connection broke off repeatedly")
            except HTTPError:
                raise
            except (OSError, HTTPException) as error:
                problem = error
            if attempt == ATTEMPTS or not self._have():
                raise problem
        self._verify()
        shutil.move(self.part, output_file)

    def _have(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _receive(self, url: str) -> bool:
        """Append what is missing, or start over where the server cannot resume; whether the file is complete now."""
        have = self._have()
        request = Request(url, headers={"Range": f"bytes={have}-"} if have else {})
        try:
            with urlopen(request, timeout=TIMEOUT) as response:
                return self._append(response, have)
        except HTTPError as error:
            if error.code != 416 or not have:
                raise
            if error.headers.get("Content-Range", "").endswith(f"/{have}"):
                return True  # everything had arrived before the last process ended
            self.part.unlink()
            return self._receive(url)

    def _append(self, response: HTTPResponse, have: int) -> bool:
        goes_on = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if response.status == 206 and not goes_on:
            raise ConnectionError("the server answered with another part of the file than asked for")
        if not goes_on:
            say(f"{self.download.file}: fetching {response.url}")
        length = response.headers.get("Content-Length")
        total = (have if goes_on else 0) + int(length) if length else None
        with (
            self.part.open("ab" if goes_on else "wb") as file,
            tqdm(total=total, initial=file.tell(), unit="B", unit_scale=True, disable=None, leave=False) as bar,
        ):
            while block := response.read(BLOCK):
                file.write(block)
                bar.update(len(block))
            return total is None or file.tell() == total

    def _verify(self) -> None:
        for name, of, expected in (
            ("SHA-256", sha256, self.download.sha256),
            ("git's SHA-1", git_blob, self.download.git_blob),
        ):
            if expected and (found := of(self.part)) != expected:
                self.part.unlink()
                raise BenchError(
                    f"{self.download.file}: checksum mismatch, expected {name} {expected}, found {found}; the download "
                    "was discarded"
                )
