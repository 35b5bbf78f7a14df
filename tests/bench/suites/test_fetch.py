from __future__ import annotations

import errno
import hashlib
import io
import json
import re
import stat
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.records import BenchError
from bench.suites import fetch as fetch_module
from bench.suites import transfer, unpack
from bench.suites.fetch import Download, digest_found, fetch

DATA = np.random.default_rng(0).bytes(3_000_000)
DIGEST = hashlib.sha256(DATA).hexdigest()


class Server(ThreadingHTTPServer):
    """A server whose moods can be set; ``asked`` holds the Range header of each request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.data = DATA
        self.etag: str | None = '"one"'
        self.ranges = True
        self.length = True
        self.break_after: list[int] = []
        """Bytes after which each of the next answers breaks off."""
        self.statuses: list[int] = []
        """Statuses of the next answers."""
        self.asked: list[str | None] = []
        self.validators: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/file"

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that hangs up is part of the tests


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        server = self.server
        wanted = self.headers.get("Range")
        server.asked.append(wanted)
        server.validators.append(self.headers.get("If-Range"))
        if server.statuses:
            self.send_error(server.statuses.pop(0))
            return
        start = 0
        same = self.headers.get("If-Range") in (None, server.etag)
        if wanted and server.ranges and same:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(server.data):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(server.data)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
        body = server.data[start:]
        self.send_response(206 if start else 200)
        if start:
            last = len(server.data) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(server.data)}")
        if server.etag:
            self.send_header("ETag", server.etag)
        if server.length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.break_after:
            body = body[: server.break_after.pop(0)]
        self.wfile.write(body)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def _download(server: Server, sha256: str | None = DIGEST, **more: Any) -> Download:
    return Download((server.url,), "big.bin", "CC0", "https://example.org", sha256, **more)


def _zip(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, data in files.items():
            bundle.writestr(name, data)
    return stream.getvalue()


def _visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


# --- resuming -----------------------------------------------------------------------------------


def test_a_file_arrives_whole_and_is_not_fetched_twice(server: Server, tmp_path: Path) -> None:
    path = fetch(_download(server), tmp_path)
    assert path == tmp_path / "big.bin"
    assert path.read_bytes() == DATA
    assert fetch(_download(server), tmp_path) == path
    assert len(server.asked) == 1
    assert digest_found(_download(server), tmp_path) == DIGEST


def test_a_connection_that_breaks_off_is_taken_up_where_it_broke(
    server: Server, tmp_path: Path
) -> None:
    server.break_after = [1_200_000, 700_000]
    assert fetch(_download(server), tmp_path, pause=0).read_bytes() == DATA
    # 1,200,000 then 700,000 more
    assert server.asked == [None, "bytes=1200000-", "bytes=1900000-"]
    assert server.validators == [None, '"one"', '"one"']


def test_a_later_call_takes_up_what_an_earlier_one_left(server: Server, tmp_path: Path) -> None:
    server.break_after = [2_000_000, 0]
    with pytest.raises(BenchError, match=r"gave up after 1 attempts.*same command again"):
        fetch(_download(server), tmp_path, attempts=1, pause=0)
    assert _visible(tmp_path) == []
    assert fetch(_download(server), tmp_path).read_bytes() == DATA
    assert server.asked[-1] == "bytes=2000000-"


def test_a_file_that_changed_meanwhile_is_begun_anew(server: Server, tmp_path: Path) -> None:
    server.break_after = [2_000_000, 0]
    with pytest.raises(BenchError):
        fetch(_download(server, sha256=None), tmp_path, attempts=1, pause=0)
    server.data, server.etag = DATA[::-1], '"two"'
    assert fetch(_download(server, sha256=None), tmp_path).read_bytes() == DATA[::-1]


def test_a_server_that_ignores_ranges_makes_it_begin_anew(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    server.break_after = [1_000_000]
    assert fetch(_download(server), tmp_path, pause=0).read_bytes() == DATA
    assert server.asked == [None, "bytes=1000000-"]


def test_without_checksum_and_validator_a_part_is_not_trusted(
    server: Server, tmp_path: Path
) -> None:
    server.etag = None
    server.break_after = [1_000_000]
    assert fetch(_download(server, sha256=None), tmp_path, pause=0).read_bytes() == DATA
    assert server.asked == [None, None]


def test_a_process_killed_before_the_check_only_checks(server: Server, tmp_path: Path) -> None:
    (tmp_path / ".big.bin.part").write_bytes(DATA)
    assert fetch(_download(server), tmp_path).read_bytes() == DATA
    assert server.asked == ["bytes=3000000-"]


def test_a_part_longer_than_the_file_is_thrown_away(server: Server, tmp_path: Path) -> None:
    (tmp_path / ".big.bin.part").write_bytes(DATA + b"more")
    assert fetch(_download(server), tmp_path, pause=0).read_bytes() == DATA


def test_an_answer_without_length_ends_where_it_ends(server: Server, tmp_path: Path) -> None:
    server.length = False
    assert fetch(_download(server), tmp_path).read_bytes() == DATA


def test_a_busy_server_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.statuses = [503, 429]
    assert fetch(_download(server), tmp_path, pause=0).read_bytes() == DATA


def test_progress_tells_bytes_done_and_in_all(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    fetch(_download(server), tmp_path, lambda *step: seen.append(step))
    assert [step for step in seen if step[0] == "download"][-1] == ("download", 3000000, 3000000)
    assert seen[-1] == ("verify", 3000000, 3000000)


# --- refusing -----------------------------------------------------------------------------------


def test_a_wrong_byte_is_an_error_and_leaves_nothing(server: Server, tmp_path: Path) -> None:
    server.data = DATA[:1234] + bytes([DATA[1234] ^ 1]) + DATA[1235:]
    found = hashlib.sha256(server.data).hexdigest()
    with pytest.raises(BenchError, match=rf"SHA-256 is {found} where {DIGEST} was expected"):
        fetch(_download(server), tmp_path)
    assert _visible(tmp_path) == []
    assert not (tmp_path / ".big.bin.part").exists()
    server.data = DATA  # put right: the next call begins anew
    assert fetch(_download(server), tmp_path).read_bytes() == DATA


def test_the_first_digits_of_a_checksum_are_enough_to_refuse(
    server: Server, tmp_path: Path
) -> None:
    assert fetch(_download(server, sha256=DIGEST[:8]), tmp_path).read_bytes() == DATA
    other = "0" * 8 if DIGEST[:8] != "0" * 8 else "1" * 8
    with pytest.raises(BenchError, match="was expected"):
        fetch(_download(server, sha256=other), tmp_path / "other")


def test_without_a_published_checksum_the_digest_can_be_asked_for(
    server: Server, tmp_path: Path
) -> None:
    unknown = _download(server, sha256=None)
    assert digest_found(unknown, tmp_path) is None
    fetch(unknown, tmp_path)
    assert digest_found(unknown, tmp_path) == DIGEST


def test_a_missing_file_names_the_page(server: Server, tmp_path: Path) -> None:
    server.statuses = [404]
    with pytest.raises(BenchError, match=r"HTTP 404.*https://example\.org.*big\.bin"):
        fetch(_download(server), tmp_path)
    assert len(server.asked) == 1  # a final answer is not asked for again
    assert _visible(tmp_path) == []


def test_a_second_address_is_tried(server: Server, tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9/file"  # the discard port: nobody listens
    both = Download((nowhere, server.url), "big.bin", "CC0", "https://example.org", DIGEST)
    assert fetch(both, tmp_path, attempts=1, pause=0).read_bytes() == DATA


def test_another_size_than_published_is_refused_before_it_comes(
    server: Server, tmp_path: Path
) -> None:
    with pytest.raises(BenchError, match="offers 3000000 bytes where 77 were expected"):
        fetch(_download(server, bytes=77), tmp_path)


def test_a_damaged_file_is_moved_aside_and_fetched_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "big.bin").write_bytes(b"damaged")
    assert fetch(_download(server), tmp_path).read_bytes() == DATA
    assert (tmp_path / "big.bin.wrong").read_bytes() == b"damaged"


def test_a_full_disk_is_found_before_the_bytes_come(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(BenchError, match=r"is full \(3000000 bytes needed, 1000 free\)"):
        fetch(_download(server), tmp_path)


def test_a_disk_that_fills_up_keeps_what_came(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = 2 * transfer.BLOCK

    def report(stage: str, done: int, total: int) -> None:
        if done >= limit:
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(BenchError, match="make room and run the same command again"):
        fetch(_download(server), tmp_path, report)
    assert fetch(_download(server), tmp_path).read_bytes() == DATA
    assert server.asked[-1] == f"bytes={limit}-"


def test_two_processes_do_not_fetch_the_same_file(server: Server, tmp_path: Path) -> None:
    place = fetch_module._Place(_download(server), tmp_path)
    with place.locked(), pytest.raises(BenchError, match="another process is fetching"):
        fetch(_download(server), tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"sha256": "7be5"},
        {"sha256": "XYZ" * 8},
        {"urls": ()},
        {"urls": ("file:///etc/passwd",)},
        {"file": "../big.bin"},
    ],
)
def test_a_download_that_cannot_be_right_is_refused(wrong: dict[str, Any]) -> None:
    right: dict[str, Any] = {
        "urls": ("https://a",), "file": "f", "licence": "", "page": "", "sha256": None,
    }  # fmt: skip
    Download(**right)
    with pytest.raises(ValueError, match="expected"):
        Download(**{**right, **wrong})


# --- unpacking ----------------------------------------------------------------------------------

CONTENT = {"train/a.txt": b"a" * 5000, "test/b.txt": b"b", "README": b"hello"}


def _bundle(server: Server, files: dict[str, bytes]) -> Download:
    server.data = _zip(files)
    return Download(
        (server.url,), "set.zip", "CC0", "https://example.org",
        hashlib.sha256(server.data).hexdigest(), unpack=True,
    )  # fmt: skip


def test_a_zip_is_unpacked_and_removed_and_not_fetched_twice(
    server: Server, tmp_path: Path
) -> None:
    download = _bundle(server, CONTENT)
    assert fetch(download, tmp_path) == tmp_path
    assert _visible(tmp_path) == ["README", "test", "train"]
    assert {name: (tmp_path / name).read_bytes() for name in CONTENT} == CONTENT
    fetch(download, tmp_path)
    assert len(server.asked) == 1


def test_a_zip_put_there_by_hand_is_verified_and_used(server: Server, tmp_path: Path) -> None:
    download = _bundle(server, CONTENT)
    (tmp_path / "set.zip").write_bytes(server.data)
    fetch(download, tmp_path)
    fetch(download, tmp_path)
    assert server.asked == []
    assert _visible(tmp_path) == ["README", "test", "train"]


@pytest.mark.parametrize(
    "name", ["../evil.txt", "train/../../evil.txt", "/evil.txt", "train\\..\\evil.txt", "C:evil"]
)
def test_a_zip_that_would_write_outside_is_refused_whole(
    server: Server, tmp_path: Path, name: str
) -> None:
    inside = tmp_path / "data"
    with pytest.raises(BenchError, match="would leave the target folder"):
        fetch(_bundle(server, {"fine.txt": b"", name: b"evil"}), inside)
    assert _visible(inside) == ["set.zip"]
    assert _visible(tmp_path) == ["data"]


def test_a_zip_with_a_link_is_refused(server: Server, tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as bundle:
        bundle.writestr(link, "/etc")
    download = _bundle(server, CONTENT)
    (tmp_path / "set.zip").write_bytes(stream.getvalue())
    with pytest.raises(BenchError, match="is a link"):
        unpack.unpack(tmp_path / "set.zip", tmp_path, lambda done, total: None)
    assert download.unpack
    assert not (tmp_path / "link").exists()


@pytest.mark.parametrize("harm", [lambda data: b"<html>", lambda data: data[:-40]])
def test_what_is_no_sound_zip_says_so(
    server: Server, tmp_path: Path, harm: Callable[[bytes], bytes]
) -> None:
    server.data = harm(_zip(CONTENT))
    download = Download((server.url,), "set.zip", "", "https://example.org", None, unpack=True)
    with pytest.raises(BenchError, match="no sound zip file"):
        fetch(download, tmp_path)


def test_a_flipped_byte_inside_a_zip_is_found(tmp_path: Path) -> None:
    data = bytearray(_zip({"a": np.random.default_rng(1).bytes(9000)}))
    data[4000] ^= 1
    (tmp_path / "set.zip").write_bytes(data)
    with pytest.raises(BenchError, match="no sound zip file"):
        unpack.unpack(tmp_path / "set.zip", tmp_path, lambda done, total: None)
    assert _visible(tmp_path) == ["set.zip"]


def test_nothing_is_unpacked_beside_other_things(server: Server, tmp_path: Path) -> None:
    (tmp_path / "photographs").mkdir()
    with pytest.raises(BenchError, match=re.escape("already holds photographs")):
        fetch(_bundle(server, CONTENT), tmp_path)
    assert server.asked == []  # said before the gigabytes come


def test_unpacking_killed_while_moving_is_finished_by_the_next_call(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    download = _bundle(server, CONTENT)
    moved = Path.rename

    def killed(self: Path, target: Path) -> Path:
        if self.name == "test":
            raise KeyboardInterrupt
        return moved(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", killed)
        with pytest.raises(KeyboardInterrupt):
            fetch(download, tmp_path)
    fetch(download, tmp_path)
    assert _visible(tmp_path) == ["README", "test", "train"]
    assert {name: (tmp_path / name).read_bytes() for name in CONTENT} == CONTENT
    assert len(server.asked) == 1
    notes = json.loads((tmp_path / ".set.zip.fetched.json").read_text())
    assert notes["unpacked"] == ["README", "test", "train"]
