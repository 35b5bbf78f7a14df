from __future__ import annotations

import errno
import hashlib
from pathlib import Path
from typing import Any

import pytest

from bench.core.errors import BenchError
from bench.suites import fetch as fetch_module
from bench.suites import transfer
from bench.suites.fetch import Download, digest_found, fetch
from tests.support.downloads import DATA, DIGEST, Server, visible


def _download(server: Server, sha256: str | None = DIGEST, **more: Any) -> Download:
    return Download(
        urls=(server.url,),
        file="big.bin",
        licence="CC0",
        page="https://example.org",
        sha256=sha256,
        **more,
    )


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
    assert visible(tmp_path) == []
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
    assert visible(tmp_path) == []
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
    assert visible(tmp_path) == []


def test_a_second_address_is_tried(server: Server, tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9/file"  # the discard port: nobody listens
    both = Download(
        urls=(nowhere, server.url),
        file="big.bin",
        licence="CC0",
        page="https://example.org",
        sha256=DIGEST,
    )
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
    place = fetch_module._Layout(_download(server), tmp_path)
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
        "urls": ("https://a",),
        "file": "f",
        "licence": "",
        "page": "",
        "sha256": None,
    }
    Download(**right)
    with pytest.raises(ValueError, match="expected"):
        Download(**{**right, **wrong})


@pytest.mark.parametrize("length", ["abc", "-5", "٣"])
def test_a_length_that_is_no_number_counts_as_untold(
    server: Server, tmp_path: Path, length: str
) -> None:
    server.length = length.encode().decode("latin-1")
    assert fetch(_download(server), tmp_path).read_bytes() == DATA


@pytest.mark.parametrize("where", ["http://[bad/", "http://127.0.0.1:port/", "file:///etc/passwd"])
def test_an_address_that_leads_nowhere_is_refused(
    server: Server, tmp_path: Path, where: str
) -> None:
    server.redirect = where
    with pytest.raises(BenchError, match=r"https://example\.org.*big\.bin"):
        fetch(_download(server), tmp_path, attempts=1, pause=0)
    assert visible(tmp_path) == []
