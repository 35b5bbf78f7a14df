"""A model of others' code in a process of its own: what it does to that process, no other feels.

It may end its process (a segmentation fault, ``os._exit``, out of memory) or never return: that
costs the image it was at, and the next one finds it started anew. The processes are forked from one
that has imported torch and run nothing, so that a start takes no seconds.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess, parent_process
from types import ModuleType
from typing import Any

import psutil
import torch

from bench.core.errors import BenchError, NotApplicable, message_of
from bench.core.limits import memory
from bench.records import Tile
from models.identity import model_digest
from models.loading import load_restorer
from models.restorer import NOTHING_KNOWN, Hints, Restorer
from models.specs import form_of

LIMIT = 3600.0
"""Seconds that a model may take to load, or for one image, unless a run says otherwise."""
START = 600.0
"""Seconds that a process may take to start, before the model is loaded in it."""
MOST_ENDS = 3
"""After so many of its processes have ended on it, no further image is tried."""
LEAST_FREE, MOST_HELD = 0.05, 0.25
"""Parts of the machine's memory: with less than the first left, a model's process that holds more
than the second is ended, before the system ends any other."""
WATCH_SECONDS = 0.5


def is_foreign(spec: str) -> bool:
    """Say whether a model is code of others, or native code that runs a file of others."""
    return form_of(spec) in ("factory", "onnx")


def close_all(restorers: Iterable[Restorer | None]) -> None:
    """End the processes of those restorers that have one."""
    for restorer in restorers:
        if isinstance(restorer, Isolated):
            restorer.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What the process tells of the model that it has loaded."""

    name: str
    needs_psf: bool
    uses_noise: bool
    scale: int | None
    frames: int
    recurrent: bool
    digest: str


class Isolated:
    """A restorer whose work is done by another process. `Restorer` is its contract.

    ``limit`` is how many seconds it may take to load, or for an image. ``digest`` is the model's
    (`models.identity`). Raises `BenchError` where it cannot be loaded, and what the model raises,
    by its text, where it cannot restore.
    """

    network: torch.nn.Module | None = None

    def __init__(
        self, spec: str, device: str = "cpu", tile: Tile = None, limit: float = LIMIT
    ) -> None:
        self.limit = limit
        self.device = torch.device(device)
        self.remarks: list[str] = []
        self._spec, self._tile = spec, tile
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._ends = 0
        facts = self._begin()
        self.name, self.scale, self.digest = facts.name, facts.scale, facts.digest
        self.needs_psf, self.uses_noise = facts.needs_psf, facts.uses_noise
        self.frames, self.recurrent = facts.frames, facts.recurrent

    def restore(self, degraded: torch.Tensor, hints: Hints = NOTHING_KNOWN) -> torch.Tensor:
        """See `Restorer.restore`. Raises `BenchError` where the process ended or took too long."""
        if self._ends >= MOST_ENDS:
            raise BenchError(f"not tried: its process ended or was ended {self._ends} times before")
        if self._process is None:
            self._begin()
        restored, self.remarks = self._ask((degraded.numpy(), hints))
        return torch.from_numpy(restored)

    def close(self) -> None:
        """End the process. The next image starts it anew."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process.close()
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None

    def _begin(self) -> _Facts:
        context = _context()
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(  # type: ignore[attr-defined]
            target=_work, args=(theirs, dict(os.environ)), name=f"model {self._spec}", daemon=True
        )
        with _without_main():
            self._process.start()
        theirs.close()
        with suppress(EOFError, OSError):  # of one that has ended already, what follows tells
            if self._pipe.poll(START):  # no part of the model's time: torch may have to be imported
                self._pipe.recv()
        try:
            facts, self.remarks = self._ask((self._spec, str(self.device), self._tile))
        except BenchError:
            self.close()
            raise
        assert isinstance(facts, _Facts)
        return facts

    def _ask(self, question: Any) -> tuple[Any, list[str]]:
        """Return the answer to a question with the remarks so far, or raise what the model did."""
        assert self._pipe is not None
        try:
            self._pipe.send(question)
            self._wait()
            raised, answer, remarks = self._pipe.recv()
        except TimeoutError:
            self._ends += 1
            self.close()
            raise BenchError(
                f"it did not finish within {self.limit:g} s and was ended "
                f"(--executor local:limit={self.limit:g}s sets how long it may take)"
            ) from None
        except (EOFError, OSError):  # a process that has ended can neither be told nor heard
            self._ends += 1
            raise BenchError(self._how_it_ended()) from None
        except BaseException:  # Ctrl-C: what comes now would be the answer to this question
            self.close()
            raise
        if raised is not None:
            raise raised(answer)
        return answer, remarks

    def _wait(self) -> None:
        """Return when there is an answer. Raises `TimeoutError`, and `BenchError` for memory."""
        assert self._pipe is not None
        assert self._process is not None
        end = time.monotonic() + self.limit
        while not self._pipe.poll(min(WATCH_SECONDS, max(end - time.monotonic(), 0.0))):
            if time.monotonic() >= end:
                raise TimeoutError
            if (why := _memory_fault(self._process.pid)) is not None:
                self._ends += 1
                self.close()
                raise BenchError(why)

    def _how_it_ended(self) -> str:
        assert self._process is not None
        self._process.join(10)
        status = self._process.exitcode
        self.close()
        if status is not None and status < 0:
            with suppress(ValueError):
                name, what = signal.Signals(-status).name, signal.strsignal(-status)
                memory = ", as the system does where memory runs out" * (name == "SIGKILL")
                return f"its process ended by {name} ({what}{memory})"
        return f"its process ended with status {status}"

    def __del__(self) -> None:
        with suppress(Exception):
            self.close()


def _memory_fault(process: int | None) -> str | None:
    """Return why a process has to end for the memory that it holds, None where it has not."""
    machine = memory()
    if machine.available >= LEAST_FREE * machine.total:
        return None
    try:
        held = psutil.Process(process).memory_info().rss
    except psutil.Error:  # it has ended: what follows tells how
        return None
    if held <= MOST_HELD * machine.total:
        return None
    return (
        f"it held {held / 1e9:.1f} GB when this machine had {machine.available / 1e9:.1f} GB of "
        "memory left, and was ended"
    )


def _context() -> BaseContext:
    """Return how processes are started: forked from one with torch imported, where that is had."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


_starting = threading.Lock()


@contextmanager
def _without_main() -> Iterator[None]:
    """Start a process that does not import what Python was started with.

    A script of the user's that calls `bench.run` outside of ``if __name__ == "__main__"`` would
    call it there again.
    """
    with _starting:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


# --- in the process -----------------------------------------------------------------------------


def _work(pipe: Connection, environment: Mapping[str, str]) -> None:
    """Load the model that is asked for first, then restore image by image."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it
    os.environ.clear()
    os.environ.update(environment)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, OSError):
        pipe.send("here")
        spec, device, tile = pipe.recv()
        restorer: Restorer | None = None

        def load() -> _Facts:
            nonlocal restorer
            restorer = load_restorer(spec, device=device, tile=tile)
            return _Facts(
                name=restorer.name,
                needs_psf=restorer.needs_psf,
                uses_noise=restorer.uses_noise,
                scale=restorer.scale,
                frames=getattr(restorer, "frames", 1),
                recurrent=getattr(restorer, "recurrent", False),
                digest=model_digest(spec, None, restorer),
            )

        _answer(pipe, load, None)
        while restorer is not None:
            degraded, hints = pipe.recv()
            image, ready = torch.from_numpy(degraded), restorer
            _answer(pipe, lambda: ready.restore(image, hints).numpy(), ready)  # noqa: B023


def _answer(pipe: Connection, function: Callable[[], Any], restorer: Restorer | None) -> None:
    """Send the kind of error or None, the text or the result, and the model's remarks."""
    raised: type[Exception] | None = None
    try:
        result = function()
    except NotApplicable as reason:
        result, raised = str(reason), NotApplicable
    except BaseException as error:  # noqa: BLE001  a model of a third party may raise anything
        result, raised = message_of(error), BenchError
    pipe.send((raised, result, list(getattr(restorer, "remarks", []))))


def _end_with_parent() -> None:
    """End this process with the one that it works for, whatever the model is doing."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
