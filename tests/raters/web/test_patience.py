"""Requests that never end do not hold the server up: with real sockets."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from raters.audit import running
from raters.web import patience
from raters.web.app import create_app

HEAD = b"POST /api/consent HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
HALVES = {
    "nothing": b"",
    "head": HEAD,
    "body": HEAD + b"Content-Length: 100\r\n\r\n{",
    "chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
}
MANY = 180
PATIENT = 60
"""Seconds after which a server that says nothing is one that hangs."""


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    monkeypatch.setattr(patience, "READ_SECONDS", 1.0)
    with running(create_app(f"sqlite:///{tmp_path}/studies.db")) as url:
        yield "127.0.0.1", int(url.rpartition(":")[2])


def wait_until_closed(connection: socket.socket) -> None:
    """Wait until the server ends the connection; an answer may come before."""
    connection.settimeout(PATIENT)
    while connection.recv(65536):
        pass


@pytest.mark.parametrize("sent", HALVES.values(), ids=HALVES)
def test_half_a_request_is_waited_for_and_not_for_ever(
    address: tuple[str, int], sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "READ_SECONDS", 10 * PATIENT)
    held = [socket.create_connection(address) for _ in range(MANY)]
    for connection in held:
        connection.sendall(sent)
    url = f"http://{address[0]}:{address[1]}/favicon.ico"
    assert httpx.get(url, timeout=PATIENT).status_code == 204  # while all of them are waited for
    for connection in held:
        connection.settimeout(0)
        with pytest.raises(BlockingIOError):  # neither an answer nor an end
            connection.recv(1)
        connection.close()
    monkeypatch.setattr(patience, "READ_SECONDS", 1.0)
    held = [socket.create_connection(address) for _ in range(MANY)]
    for connection in held:
        connection.sendall(sent)
    for connection in held:
        wait_until_closed(connection)
        connection.close()


def test_the_head_of_a_second_request_is_waited_for_no_longer(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as connection:
        connection.sendall(b"GET /favicon.ico HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 204")
        time.sleep(1.5)  # between requests, people think
        begun = time.monotonic()
        connection.sendall(b"GET /favicon.ico HTTP/1.1\r\nHos")
        wait_until_closed(connection)
        assert time.monotonic() - begun > 0.9  # its second is its own


def test_who_sends_slowly_is_heard(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "READ_SECONDS", float(PATIENT))
    with socket.create_connection(address) as connection:
        for part in (HEAD, b"Content-Length: 2\r\n\r\n", b"{", b"}"):
            connection.sendall(part)
            time.sleep(0.15)
        assert connection.recv(65536).startswith(b"HTTP/1.1 401")  # heard; there is no cookie
