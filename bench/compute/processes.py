"""The parent's side of `bench.compute.child`: start it, let it go, keep what it says, end it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from bench.compute.copies import Stock
from bench.compute.messages import ProfileJob, ProfileReport

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


START_LIMIT = 300.0
"""Seconds that starting Python and importing torch may take on a busy machine."""


class TookTooLong(Exception):
    """The process was given no more time."""


class Child:
    """One fresh process with one job; see `bench.compute.child` for what it tells.

    ``report`` holds all that it has told so far. ``splits`` is a stock that it splits off itself;
    ``stock`` one that it is a copy of, if that still lives.
    """

    def __init__(
        self,
        job: ProfileJob,
        limit: float,
        splits: Stock | None = None,
        stock: Stock | None = None,
    ) -> None:
        self.report = ProfileReport()
        self._limit = limit
        self._torn = b""
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  closed by `close`
        copy = stock.copy(self._stderr) if stock else None
        if copy is None:
            number = splits.theirs.fileno() if splits else None
            job = replace(job, started=time.monotonic(), splits=number)
        self._process = copy or self._start(job.threads, job.splits)
        if splits:
            splits.handed_over()
        self._say(job.to_line())

    def _start(self, threads: int | None, inherited: int | None) -> subprocess.Popen[bytes]:
        # Let it import what this process would, and nothing that merely lies in the working folder.
        path = os.pathsep.join(folder or str(Path.cwd()) for folder in sys.path)
        environment = {**os.environ, "PYTHONPATH": path}
        if threads:
            environment |= dict.fromkeys(THREAD_VARIABLES, str(threads))
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "bench.compute.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=environment,
            pass_fds=() if inherited is None else (inherited,),
        )

    def prepare(self) -> None:
        """Wait until it has imported what it needs."""
        self._listen("threads", START_LIMIT)

    def measure(self) -> None:
        """Let it measure, and wait for the end."""
        if self.report.failed is None:
            self._say("go")
            self._listen("done", self._limit)

    def close(self) -> None:
        """End it if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):  # words to a process that is no more
                if stream:
                    stream.close()
        self._stderr.close()

    def _say(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # it has ended: `_listen` finds out why
            assert self._process.stdin
            self._process.stdin.write(f"{line}\n".encode())
            self._process.stdin.flush()

    def _listen(self, until: Literal["threads", "done"], limit: float) -> None:
        try:
            for line in self._lines(limit):
                self.report = self.report.with_line(line)
                if self.report.failed is not None or getattr(self.report, until):
                    return
        except TookTooLong:
            self._process.kill()
            self.report = replace(self.report, failed=f"took longer than {limit:g} s")
            return
        self.report = replace(self.report, failed=self._last_words(self._process.wait()))

    def _lines(self, limit: float) -> Iterator[bytes]:
        """Yield each line as it comes. Raises `TookTooLong`."""
        assert self._process.stdout
        stream = self._process.stdout.fileno()
        deadline = time.monotonic() + limit
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([stream], [], [], left)[0]:
                raise TookTooLong
            chunk = os.read(stream, 1 << 16)
            if not chunk:
                return
            *lines, self._torn = (self._torn + chunk).split(b"\n")
            yield from lines

    def _last_words(self, status: int) -> str:
        self._stderr.seek(0)
        lines = self._stderr.read()[-4000:].decode(errors="replace").split("\n")
        words = next((line.strip() for line in reversed(lines) if line.strip()), "")
        if status == -signal.SIGKILL:
            end = "the process was killed, as happens where memory runs out"
        elif status < 0:
            end = f"the process was ended by {signal.Signals(-status).name}"
        else:
            end = f"the process ended with status {status}"
        return f"{end}: {words}"[:500] if words else end
