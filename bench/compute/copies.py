"""Fresh processes without the seconds of imports: copies of one that has imported and done nothing.

The first process of a measurement splits a stock off itself when its imports are done and nothing
has run in it. The stock waits, and forks once for each copy that is asked for: no copy sees what
another did. Linux alone, and on the CPU alone: CUDA does not survive a fork.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import warnings
from typing import IO

from bench.compute.memory import Pages, mapped_pages, pages_known, touch

ANSWER = 60.0
"""Seconds in which a stock forks, on a busy machine."""


def possible(device: str) -> bool:
    """Whether copies can stand for fresh processes here."""
    return sys.platform == "linux" and device == "cpu" and pages_known()


class Stock:
    """The parent's end. ``theirs`` goes to the process that splits the stock off (`split`)."""

    def __init__(self) -> None:
        self._ours, self.theirs = socket.socketpair()

    def handed_over(self) -> None:
        """Tell that a process has ``theirs``: only then is it seen here when the stock ends."""
        self.theirs.close()

    def copy(self, stderr: IO[bytes]) -> Copy | None:
        """Start a copy, the one before having ended; None where the stock is no more."""
        (stdin, to_copy), (from_copy, stdout) = os.pipe(), os.pipe()
        try:
            socket.send_fds(self._ours, [b"f"], [stdin, stdout, stderr.fileno()])
            pid = int(_line(self._ours, ANSWER))
        except OSError:  # TimeoutError, too
            os.close(to_copy)
            os.close(from_copy)
            return None
        finally:
            os.close(stdin)
            os.close(stdout)
        return Copy(pid, os.fdopen(to_copy, "wb"), os.fdopen(from_copy, "rb"), self._ours)

    def __enter__(self) -> Stock:
        return self

    def __exit__(self, *_: object) -> None:
        """Let the stock end."""
        self.theirs.close()
        self._ours.close()


class Copy:
    """A copy at work, to be used as a `subprocess.Popen` with pipes is."""

    def __init__(self, pid: int, stdin: IO[bytes], stdout: IO[bytes], stock: socket.socket) -> None:
        self.pid, self.stdin, self.stdout = pid, stdin, stdout
        self._stock = stock
        self._status: int | None = None

    def poll(self) -> int | None:
        """Return the exit status, minus the signal that ended it, or None while it runs."""
        with contextlib.suppress(TimeoutError):
            return self.wait(0.0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status. Raises `TimeoutError` where it still runs after ``timeout`` s."""
        if self._status is None:
            try:
                self._status = int(_line(self._stock, timeout))
            except ConnectionError:  # nobody is left to tell how it ends
                self._status = -signal.SIGKILL
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGKILL)
        return self._status

    def kill(self) -> None:
        """End it at once."""
        if self.poll() is None:  # the stock has not told of its end: the number is still its own
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def split(descriptor: int) -> bool:
    """Split a stock off this process, on the other end of a `Stock`.

    Returns False at once in this process, and True in every copy, which has other stdin, stdout
    and stderr. The stock itself never returns.
    """
    end = socket.socket(fileno=descriptor)
    pages = mapped_pages()
    is_stock = _fork() == 0
    if is_stock:
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)  # else the reader of this process would wait for the stock's end, too
        _serve(end, pages)
    end.close()
    return is_stock


def _serve(end: socket.socket, pages: Pages) -> None:
    """Fork for each request; return in the copies alone."""
    while True:
        asked, descriptors, *_ = socket.recv_fds(end, 1, 3)
        if not asked:
            os._exit(0)
        pid = _fork()
        for target, descriptor in enumerate(descriptors):
            if pid == 0:
                os.dup2(descriptor, target)
            os.close(descriptor)
        if pid == 0:
            sys.stdin = open(0, closefd=False)  # noqa: SIM115
            touch(pages)
            return
        end.sendall(f"{pid}\n".encode())
        _, status = os.waitpid(pid, 0)
        end.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _fork() -> int:
    """Fork; numpy's idle threads, which a warning is about, are made anew where they are needed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _line(end: socket.socket, timeout: float | None) -> str:
    """Read a line. Raises `TimeoutError` where it does not begin, `ConnectionError` at the end."""
    if not select.select([end], [], [], timeout)[0]:
        raise TimeoutError
    line = b""
    while not line.endswith(b"\n"):
        if not (more := end.recv(1)):
            raise ConnectionResetError("the stock has ended")
        line += more
    return line.decode()
