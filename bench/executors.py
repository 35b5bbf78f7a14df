"""Where the work is done: restore and score image by image, with all models inside.

Each reference is decoded and featurised once for all models. The next image is decoded, and
finished ones are written and scored, while a model works; at most a few images are in memory at a
time. Cells are appended in a fixed order, whichever thread was faster.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from bench.image import Pixels, read, to_pixels, to_tensor, write_png
from bench.metrics.scorer import Prepared, Scorer
from bench.records import BenchError, Failure, NotApplicable, Pair, Score, said
from bench.store import Cell, CellWriter, RunFolder
from models.restorer import Hints, Restorer

Item = TypeVar("Item")
Result = TypeVar("Result")


class FolderError(BenchError):
    """The run folder cannot be written to: no other image would fare better, so the run ends."""

    def __init__(self, folder: RunFolder, error: OSError) -> None:
        super().__init__(
            f"cannot write to '{folder.path}': {error.strerror or error}; make room and give the "
            "same command again: what is finished is kept"
        )


class Progress(Protocol):
    """Whoever wants to know how far a run is."""

    def note(self, text: str) -> None:
        """Say something once."""
        ...

    def update(self, stage: str, done: float, total: float, text: str = "") -> None:
        """Say how far a stage is."""
        ...


@dataclass(frozen=True, slots=True)
class Opened:
    """An image with everything that all models share."""

    pair: Pair
    tensor: torch.Tensor
    psf: NDArray[np.float64] | None
    prepared: Prepared


def restore_and_score(
    pairs: Sequence[Pair],
    restorers: Mapping[str, Restorer],
    scorer: Scorer,
    folder: RunFolder,
    progress: Progress,
) -> list[Failure]:
    """Fill every missing cell of ``folder`` in this process; return what failed, image by image.

    A model that raises on an image loses that image only; it is tried again by the next call.
    Raises `BenchError` where the folder cannot be written to (disk full), and KeyboardInterrupt;
    every finished cell has been kept then.
    """
    with ExitStack() as stack:
        writers = {name: stack.enter_context(folder.cell_writer(name)) for name in restorers}
        work = [
            (pair, names)
            for pair in pairs
            if (names := [name for name in restorers if pair.id not in writers[name].done])
        ]
        total = sum(len(names) for _, names in work)
        crew = max(1, min(4, (os.cpu_count() or 1) - 1))
        queue = _Queue(writers, folder, progress, total, room=2 * crew)
        ahead = stack.enter_context(ThreadPoolExecutor(1, "decode"))
        behind = stack.enter_context(ThreadPoolExecutor(crew, "score"))
        try:
            for (pair, names), opened in _one_ahead(ahead, lambda w: _open(w[0], scorer), work):
                for name in names:
                    queue.put(name, pair.id, _cell(name, restorers, opened, scorer, folder, behind))
            queue.settle_all()
        except BaseException:  # interrupted: what has not begun is left, what was finished kept
            behind.shutdown(wait=True, cancel_futures=True)
            queue.settle_all()
            raise
    return queue.failures


def _open(pair: Pair, scorer: Scorer) -> Opened:
    reference = read(pair.reference) if pair.reference else None
    psf = np.load(pair.psf, allow_pickle=False).astype(np.float64) if pair.psf else None
    return Opened(pair, to_tensor(read(pair.degraded)), psf, scorer.reference(reference))


def _cell(
    name: str,
    restorers: Mapping[str, Restorer],
    opened: Future[Opened],
    scorer: Scorer,
    folder: RunFolder,
    behind: ThreadPoolExecutor,
) -> Future[Cell]:
    """Restore now; return the cell to come, or what went wrong, as a future."""
    settled: Future[Cell] = Future()
    try:
        image = opened.result()
        hints = Hints(image=image.pair.id, psf=image.psf)
        pixels = to_pixels(restorers[name].restore(image.tensor, hints))
    except NotApplicable as reason:
        missing = dict.fromkeys(scorer.names, Score.missing(str(reason)))
        settled.set_result(Cell(opened.result().pair.id, missing))
    except Exception as error:  # noqa: BLE001  isolated, listed and counted by the queue
        settled.set_exception(error)
    else:
        return behind.submit(_finish, name, image, pixels, scorer, folder)
    return settled


def _finish(name: str, image: Opened, pixels: Pixels, scorer: Scorer, folder: RunFolder) -> Cell:
    scores = scorer.score(pixels, image.prepared)
    try:
        write_png(folder.image_path(name, image.pair.id), pixels)
    except OSError as error:
        raise FolderError(folder, error) from error
    return Cell(image.pair.id, scores)


class _Queue:
    """Cells to come, written in the order put in; waits while more than ``room`` are out."""

    def __init__(
        self,
        writers: Mapping[str, CellWriter],
        folder: RunFolder,
        progress: Progress,
        total: int,
        room: int,
    ) -> None:
        self.failures: list[Failure] = []
        self._writers, self._folder, self._progress = writers, folder, progress
        self._waiting: deque[tuple[str, str, Future[Cell]]] = deque()
        self._done, self._total, self._room = 0, total, room

    def put(self, model: str, image: str, cell: Future[Cell]) -> None:
        self._waiting.append((model, image, cell))
        while self._waiting and (len(self._waiting) > self._room or self._waiting[0][2].done()):
            self._settle(*self._waiting.popleft())

    def settle_all(self) -> None:
        while self._waiting:
            model, image, cell = self._waiting.popleft()
            if not cell.cancelled():
                self._settle(model, image, cell)

    def _settle(self, model: str, image: str, cell: Future[Cell]) -> None:
        try:
            finished = cell.result()
        except FolderError:
            raise
        except Exception as error:  # noqa: BLE001  isolated, listed and counted
            self.failures.append(Failure(model, image, said(error)))
        else:
            try:
                self._writers[model].append(finished)
            except OSError as error:
                raise FolderError(self._folder, error) from error
        self._done += 1
        self._progress.update("restore and score", self._done, self._total, image)


def _one_ahead(
    pool: ThreadPoolExecutor, function: Callable[[Item], Result], items: Sequence[Item]
) -> Iterator[tuple[Item, Future[Result]]]:
    """Yield each item with the future of its result, working one item ahead."""
    following: Future[Result] | None = None
    for index, item in enumerate(items):
        current = following or pool.submit(function, item)
        following = pool.submit(function, items[index + 1]) if index + 1 < len(items) else None
        yield item, current
