"""A process for each device of this machine; the models' images are shared out among them."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from queue import SimpleQueue

from bench.core.limits import cores
from bench.core.progress import Progress
from bench.runs.executors.parts import Lost, Part, restore_in_parts, restore_part
from bench.runs.executors.shard import Outcome, Shard


def restore_on_devices(
    shard: Shard, progress: Progress, devices: Sequence[str], limit: float | None = None
) -> Outcome:
    """Fill every missing cell, parts of a model's images on each of ``devices``.

    A process that dies, or works for longer than ``limit`` seconds an image, is begun anew, and its
    part done again image by image. Raises as `restore_shard`, and KeyboardInterrupt: what has been
    written then is kept.
    """
    workers = [_Worker(device, max(1, cores() // len(devices)), limit) for device in devices]
    free: SimpleQueue[_Worker] = SimpleQueue()
    for worker in workers:
        free.put(worker)

    def do(part: Shard) -> Part:
        worker = free.get()
        try:
            return worker.do(part)
        finally:
            free.put(worker)

    turns = ThreadPoolExecutor(len(workers), "device")

    def submit(part: Shard) -> Callable[[], Part]:
        begun: Future[Part] = turns.submit(do, part)
        return begun.result

    try:
        return restore_in_parts(shard, progress, submit, slots=len(workers))
    finally:
        turns.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            worker.end()
        turns.shutdown(wait=True)


class _Worker:
    """A process that works on one device."""

    def __init__(self, device: str, threads: int, limit: float | None) -> None:
        self._device, self._threads, self._limit = device, threads, limit
        self._ended = False
        self._pool = self._begun()

    def _begun(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            1,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(self._threads,),
        )

    def do(self, part: Shard) -> Part:
        """Do a part. Raises `Lost` where the process ends, and is then ready for another."""
        time = self._limit and self._limit * len(part.pairs)
        try:
            self._pool.submit(_begun).result()  # starting takes none of the limit
            work = self._pool.submit(restore_part, replace(part, device=self._device))
            return work.result(time)
        except TimeoutError:
            how = f"it took longer than {self._limit:g} s an image (limit={self._limit:g}s)"
        except BrokenProcessPool:
            how = "its process ended"
        self._kill()
        if not self._ended:
            self._pool = self._begun()
        raise Lost(f"{how} on {self._device}")

    def end(self) -> None:
        """End the process, whatever it does."""
        self._ended = True
        self._kill()

    def _kill(self) -> None:
        for process in list((self._pool._processes or {}).values()):
            process.kill()
        self._pool.shutdown(wait=True, cancel_futures=True)


def _begin(threads: int) -> None:
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent tells when to stop
    torch.set_num_threads(threads)


def _begun() -> None:
    """Answer: the process is there."""
