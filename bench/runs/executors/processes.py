"""A process for each model: what one of them does to its process, no other feels."""

from __future__ import annotations

import multiprocessing
import queue
import signal
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from typing import Any

from bench.core.errors import BenchError
from bench.core.limits import cores
from bench.core.progress import Progress
from bench.records import Failure
from bench.runs.executors.devices import restore_on_devices
from bench.runs.executors.shard import Outcome, Shard, restore_shard
from bench.runs.executors.workplace import Workplace
from models.isolation import close_all
from models.restorer import Restorer

POLL_SECONDS = 0.2
END_SECONDS = 10.0
"""A worker that is told to stop has so long to keep what it has finished."""


class Processes(Workplace):
    """A process for each model, or one for each of ``devices``, which share the models' images.

    ``limit`` is how many seconds an image may take.
    """

    def __init__(self, *, limit: float | None = None, devices: Sequence[str] = ()) -> None:
        super().__init__()
        self._limit, self._devices = limit, devices

    def check(self, device: str) -> None:
        """Refuse devices of another kind than that which the run is of."""
        kind = device.partition(":")[0]
        if other := [one for one in self._devices if one.partition(":")[0] != kind]:
            raise BenchError(
                f"the run is on '{device}', and its executor's devices are "
                f"{', '.join(self._devices)}; give --device {other[0].partition(':')[0]}"
            )

    def restore(
        self, shard: Shard, progress: Progress, ready: Mapping[str, Restorer] | None = None
    ) -> Outcome:
        """Fill every missing cell of a shard in other processes, which load their own models."""
        close_all((ready or {}).values())
        if self._devices:
            return restore_on_devices(shard, progress, self._devices, self._limit)
        return restore_in_processes(shard, progress, limit=self._limit)


@dataclass
class _Listener:
    """What the workers have said so far."""

    progress: Progress
    totals: dict[str, float]
    """Images that each model has to do: all, until its worker has looked for finished ones."""
    done: Counter[str] = field(default_factory=Counter)
    failures: dict[str, list[Failure]] = field(default_factory=dict)
    remarks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    heard: dict[str, float] = field(default_factory=dict)
    """When each model began, or last finished an image, by the monotonic clock."""

    def hear(self, messages: Any, wait: float) -> None:
        """Take in what has been said; wait so long for the first word.

        A message is the model's label, what it is (update, outcome, error), and its content.
        """
        with suppress(queue.Empty):
            while True:
                label, kind, content = messages.get(timeout=wait)
                wait, self.heard[label] = 0.0, time.monotonic()
                if kind == "update":
                    self.done[label], self.totals[label], image = content
                    done, total = sum(self.done.values()), sum(self.totals.values())
                    self.progress.update("restore and score", done, total, image)
                elif kind == "outcome":
                    self.failures[label] = content.failures
                    self.remarks |= content.remarks
                else:
                    self.errors[label] = content


def restore_in_processes(
    shard: Shard, progress: Progress, *, limit: float | None = None
) -> Outcome:
    """Fill every missing cell, each model in a process of its own.

    Workers build their own restorers and share the cores. A worker that dies is a failure of its
    model, and so is one that finishes nothing for ``limit`` seconds: it is ended. Raises
    `BenchError` where the folder cannot be written to, and KeyboardInterrupt; every finished cell
    has been kept then.
    """
    context = multiprocessing.get_context("spawn")
    messages = context.Queue()
    waiting = shard.by_model()
    running: dict[str, BaseProcess] = {}
    at_once = max(1, min(len(waiting), cores()))
    listener = _Listener(progress, {model.label: len(shard.pairs) for model in shard.models})
    try:
        while waiting or running:
            while waiting and len(running) < at_once and not listener.errors:
                part = waiting.pop(0)
                threads = max(1, cores() // at_once)
                started = context.Process(target=_work, args=(part, messages, threads))
                started.start()
                running[part.models[0].label] = started
                listener.heard[part.models[0].label] = time.monotonic()
            listener.hear(messages, POLL_SECONDS)
            for label, worker in list(running.items()):
                if limit is not None and time.monotonic() - listener.heard[label] > limit:
                    worker.kill()
                    worker.join()
                    why = f"it finished no image for {limit:g} s (limit={limit:g}s) and was ended"
                    listener.failures[label] = [Failure(label, None, why)]
                if not worker.is_alive():
                    listener.hear(messages, POLL_SECONDS)  # its last words
                    running.pop(label).join()
                    if label not in listener.failures and label not in listener.errors:
                        how = f"its process ended with status {worker.exitcode}"
                        listener.failures[label] = [Failure(label, None, how)]
            if listener.errors:
                raise BenchError(next(iter(listener.errors.values())))
    finally:
        _end(running)
    failures = [failure for failures in listener.failures.values() for failure in failures]
    return Outcome(failures=failures, remarks=listener.remarks)


def _end(running: Mapping[str, BaseProcess]) -> None:
    """End the workers that are left, as Ctrl-C ends a run: finished cells are kept."""
    for worker in running.values():
        worker.terminate()
    for worker in running.values():
        worker.join(END_SECONDS)
        if worker.is_alive():
            worker.kill()


class _Teller:
    """The progress of a worker, told to the parent."""

    def __init__(self, label: str, messages: Any) -> None:
        self._label, self._messages = label, messages

    def note(self, text: str) -> None:
        """Say nothing: a worker has nothing to add."""

    def update(self, stage: str, done: float, total: float, text: str = "", /) -> None:
        self._messages.put((self._label, "update", (done, total, text)))


def _work(shard: Shard, messages: Any, threads: int) -> None:
    """Do a shard of one model. Runs in the worker."""
    import torch

    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent tells when to stop
    torch.set_num_threads(threads)
    label = shard.models[0].label
    try:
        outcome = restore_shard(shard, _Teller(label, messages))
    except BenchError as error:
        messages.put((label, "error", str(error)))
    except KeyboardInterrupt:
        pass  # told to stop: what was finished is kept, and the parent says so
    else:
        messages.put((label, "outcome", outcome))
    messages.close()
    messages.join_thread()


def _stop(number: int, frame: Any) -> None:
    raise KeyboardInterrupt
