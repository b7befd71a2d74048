"""Fetching over loopback HTTP: whole, resumed, refused, damaged, and with nobody there."""

import hashlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from data_helpers import EVENTS, unpacked, write_movielens_zip, write_u_data

from fave_bench import data
from fave_bench.data import cache, catalogue, loading
from fave_bench.data.catalogue import Download, Entry
from fave_bench.data.download import fetch
from fave_bench.data.loading import Options
from fave_bench.errors import BenchError

CONTENT = hashlib.shake_256(b"a file").digest(3_000_000)
FILE = "set.zip"


@dataclass
class Site:
    """What the server does, and what it was asked."""

    content: bytes = CONTENT
    ranges: bool = True
    break_after: list[int] = field(default_factory=list)
    """Bytes after which the next answers break off, one number an answer; then answers are whole."""
    shift: int = 0
    """How far a partial answer starts from where it was asked to."""
    asked: list[str | None] = field(default_factory=list)
    """The Range header of each request."""
    url: str = ""


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            site.asked.append(wanted)
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and site.ranges else 0
            if start and start >= len(site.content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(site.content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            start += site.shift if start else 0
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(site.content) - 1}/{len(site.content)}")
            self.send_header("Content-Length", str(len(site.content) - start))
            self.end_headers()
            self.wfile.write(site.content[start:][: site.break_after.pop(0) if site.break_after else None])

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        site.url = f"http://127.0.0.1:{server.server_port}/{FILE}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy between the test and its own server."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("FAVE_BENCH_DATA", raising=False)


def get(site: Site, content: bytes = CONTENT, *, checked: bool = True) -> Path:
    digest = hashlib.sha256(content).hexdigest() if checked else None
    return fetch(Download(site.url, FILE, digest), cache.folder("remote"))


@pytest.fixture
def part(own_cache: Path) -> Callable[[bytes], Path]:
    """Leave a partial file as an interrupted process would."""

    def left(content: bytes) -> Path:
        path = own_cache / "remote" / f"{FILE}.part"
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        return path

    return left


@pytest.mark.parametrize("checked", [True, False])
def test_a_file_is_fetched_once(own_cache: Path, checked: bool) -> None:
    with serving(Site()) as site:
        path = get(site, checked=checked)
        assert get(site, checked=checked) == path == own_cache / "remote" / FILE
    assert path.read_bytes() == CONTENT
    assert len(site.asked) == 1
    assert not list(path.parent.glob("*.part"))


def test_only_what_is_fetched_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    with serving(Site()) as site:
        get(site, checked=False)
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", f"{FILE}: fetching {site.url}\n")


def test_a_broken_connection_goes_on_where_it_broke(own_cache: Path) -> None:
    with serving(Site(break_after=[1_000_000, 500_000])) as site:
        assert get(site).read_bytes() == CONTENT
    assert site.asked == [None, "bytes=1000000-", "bytes=1500000-"]


def test_a_later_process_goes_on_with_what_an_earlier_one_left(part: Callable[[bytes], Path]) -> None:
    part(CONTENT[:2_500_000])
    with serving(Site()) as site:
        assert get(site).read_bytes() == CONTENT
    assert site.asked == ["bytes=2500000-"]


def test_a_server_that_cannot_resume_sends_everything_again(part: Callable[[bytes], Path]) -> None:
    part(CONTENT[:1000])
    with serving(Site(ranges=False)) as site:
        assert get(site).read_bytes() == CONTENT


def test_a_part_that_is_already_whole_is_not_fetched_again(part: Callable[[bytes], Path]) -> None:
    part(CONTENT)
    with serving(Site()) as site:
        assert get(site).read_bytes() == CONTENT
    assert site.asked == [f"bytes={len(CONTENT)}-"]


def test_a_part_longer_than_the_file_is_started_over(part: Callable[[bytes], Path]) -> None:
    part(CONTENT + b"more")
    with serving(Site()) as site:
        assert get(site).read_bytes() == CONTENT
    assert site.asked[-1] is None


def test_a_partial_answer_from_the_wrong_place_is_not_appended(part: Callable[[bytes], Path]) -> None:
    left = part(CONTENT[:1000])
    with serving(Site(shift=7)) as site, pytest.raises(BenchError, match="another part of the file"):
        get(site)
    assert left.read_bytes() == CONTENT[:1000]


def test_a_checksum_mismatch_names_file_and_both_hashes_and_leaves_nothing(own_cache: Path) -> None:
    with serving(Site(content=b"something else")) as site, pytest.raises(BenchError) as caught:
        get(site)
    expected, found = (hashlib.sha256(content).hexdigest() for content in (CONTENT, b"something else"))
    assert f"{FILE}: checksum mismatch, expected SHA-256 {expected}, found {found}" in str(caught.value)
    assert not [path for path in own_cache.rglob("*") if path.is_file()]


def test_a_damaged_part_does_not_spoil_the_next_try(part: Callable[[bytes], Path]) -> None:
    part(b"\0" * 1000)
    with serving(Site()) as site:
        with pytest.raises(BenchError, match="checksum mismatch"):
            get(site)
        assert get(site).read_bytes() == CONTENT


def test_an_earlier_file_stays_until_a_verified_one_replaces_it(own_cache: Path) -> None:
    """An older edition in the cache outlives an offline try and a damaged download."""
    old = own_cache / "remote" / FILE
    old.parent.mkdir(parents=True)
    old.write_bytes(b"older edition")
    with serving(Site(content=b"damaged")) as site, pytest.raises(BenchError):
        get(site)
    assert old.read_bytes() == b"older edition"
    with serving(Site()) as site:
        assert get(site) == old and old.read_bytes() == CONTENT


def test_offline_says_which_file_to_put_where(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:  # bound but not listening: a connection is refused
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/ml-100k.zip"
        known = catalogue.entries()
        entry = replace(known["ml-100k"], downloads=(Download(url, "ml-100k.zip"),))
        monkeypatch.setattr(catalogue, "entries", lambda: known | {"ml-100k": entry})
        with pytest.raises(BenchError) as caught:
            data.load("ml-100k")
    sentence = str(caught.value)
    assert "put ml-100k.zip, dataset.pkl or user-per-line text into $FAVE_BENCH_DATA/ml-100k/" in sentence
    assert "--from" in sentence and "\n" not in sentence
    assert not data.available("ml-100k")


def test_a_dataset_is_fetched_read_and_remembered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    packed = write_movielens_zip(tmp_path / "ml-100k.zip", EVENTS).read_bytes()
    known = catalogue.entries()
    with serving(Site(content=packed)) as site:
        download = Download(site.url, "ml-100k.zip", hashlib.sha256(packed).hexdigest())
        entry = replace(known["ml-100k"], downloads=(download,))
        monkeypatch.setattr(catalogue, "entries", lambda: known | {"ml-100k": entry})
        fetched = data.load("ml-100k")
    assert data.available("ml-100k")
    assert unpacked(fetched) == unpacked(data.load("ml-100k", write_u_data(tmp_path / "u.data", EVENTS)))
    assert unpacked(data.load("ml-100k")) == unpacked(fetched), "the server is gone, the cache is not"


@pytest.mark.parametrize(("options", "first"), [(Options(), "a"), (Options(min_user=2), "b")])
def test_the_next_file_is_tried_where_one_cannot_be_had(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], options: Options, first: str
) -> None:
    """Sequences that others prepared come first, and last for a rule of the user's own, which they may not fit."""
    lines = "".join(f"{user} {item}\n" for user in range(1, 6) for item in range(user, user + 5)).encode()
    with serving(Site(content=b"damaged")) as wrong, serving(Site(content=lines)) as right:
        sites = [wrong, right] if first == "a" else [right, wrong]
        digest = hashlib.sha256(lines).hexdigest()
        downloads = tuple(Download(site.url, f"{name}.txt", digest) for site, name in zip(sites, "ab", strict=True))
        entry = Entry(name="two", title="", publisher="somebody", files=("a.txt", "b.txt"), downloads=downloads)
        known = catalogue.entries() | {"two": entry}
        monkeypatch.setattr(catalogue, "entries", lambda: known)
        assert loading.prepare("two", None, options).sequences.num_users == 5
        assert len(wrong.asked) == len(right.asked) == 1
    said = capfd.readouterr().err
    assert f"{first}.txt: checksum mismatch" in said and f"trying {right.url}" in said


def test_a_file_is_verified_by_the_name_that_git_gives_it(own_cache: Path) -> None:
    with serving(Site(content=b"what is up, doc?")) as site:
        known = "bd9dbf5aae1a3862dd1526723246b20206e5fc37"  # Pro Git, section Git Objects
        assert fetch(Download(site.url, FILE, git_blob=known), cache.folder("remote")).read_bytes() == site.content
        with pytest.raises(BenchError, match=r"other\.zip: checksum mismatch, expected git's SHA-1 0000"):
            fetch(Download(site.url, "other.zip", git_blob="0" * 40), cache.folder("remote"))


def test_a_page_that_is_not_there_is_one_sentence() -> None:
    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        with pytest.raises(BenchError, match=r"cannot be fetched .*Not Found"):
            get(Site(url=f"http://127.0.0.1:{server.server_port}/{FILE}"))
        server.shutdown()
        thread.join()
