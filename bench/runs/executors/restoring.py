"""Restore and score image by image, with all models inside.

Each reference is decoded and featurised once for all models. What comes next is decoded, and
finished ones are rounded, scored and written, while a model works; at most a few images are in
memory at a time. Small ones are restored abreast (`bench.runs.executors.abreast`). Cells are
appended in a fixed order, whichever thread was faster.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace

import torch

from bench.core.allocator import give_back
from bench.core.errors import BenchError, NotApplicable, message_of
from bench.core.limits import cores
from bench.core.parallel import ahead, keep_to_one_core
from bench.core.progress import Progress
from bench.degrade.resample import upsample
from bench.image import quantise, to_pixels, write_png
from bench.metrics.scorer import NO_FRAMES, Prepared, Scorer
from bench.records import Failure, Pair, Score
from bench.runs.cells import Cell, CellWriter, Inputs, Strata
from bench.runs.executors.abreast import Abreast
from bench.runs.executors.frames import Frame, Frames, Player, reference_of
from bench.runs.executors.under_way import UnderWay
from bench.runs.store import RunFolder
from bench.suites import strata
from bench.suites.identity import pair_digest
from bench.suites.opening import Views
from models.identity import output_digest
from models.restorer import Restorer, tiles_for_memory
from models.windows import reach_of

SCORING = 16
"""Threads that score and write, at most, for each holds an image. PSNR, SSIM, VIF and the PNG of
1280x720 take a thread 0.1 s; a GPU restores three or four in that time."""

READING = 4
"""Threads that read ahead, at most, and one for every so many cores. Two files of 1280x720 and the
reference's part of those metrics take a thread 0.06 s."""


class FolderError(BenchError):
    """The run folder cannot be written to: no other image would fare better, so the run ends."""

    def __init__(self, folder: RunFolder, error: OSError) -> None:
        super().__init__(
            f"cannot write to '{folder.path}': {error.strerror or error}; make room and give the "
            "same command again: what is finished is kept"
        )


@dataclass(frozen=True, slots=True)
class Opened:
    """An image with everything that all models share."""

    prepared: Prepared
    measured: Strata


def restore_and_score(
    pairs: Sequence[Pair],
    restorers: Mapping[str, Restorer],
    scorer: Scorer,
    folder: RunFolder,
    progress: Progress,
    digests: Mapping[str, str],
) -> list[Failure]:
    """Fill every missing cell of ``folder`` in this process; return what failed, image by image.

    ``digests`` of the restorers (`models.identity`) are kept with their cells. A model that raises
    on an image loses that image only; it is tried again by the next call. Raises `BenchError` where
    the folder cannot be written to (disk full), and KeyboardInterrupt; every finished cell has been
    kept then.
    """
    with ExitStack() as stack:
        stack.callback(give_back)
        writers = {name: stack.enter_context(folder.cell_writer(name)) for name in restorers}
        waiting = (
            (pair, names)
            for pair in pairs
            if (names := [name for name in restorers if pair.id not in writers[name].done])
        )
        total = len(pairs) * len(restorers) - sum(len(writer.done) for writer in writers.values())
        here = [r for r in restorers.values() if r.network is not None]  # no process of its own
        device = next((one.device for one in here if one.device.type == "cuda"), None)
        crew = min(SCORING, cores())
        readers = max(1, min(READING, cores() // READING))
        abreast = Abreast(restorers, one_by_one=scorer.compares_frames)
        # what one thread says of itself, later threads take for their own number
        stack.callback(torch.set_num_threads, torch.get_num_threads())
        queue = _Queue(writers, folder, progress, total, room=max(crew, abreast.count) + 1)
        frames = Frames(map(reach_of, restorers.values()), device, readers)
        players = {name: Player(restorer, frames) for name, restorer in restorers.items()}
        reader = stack.enter_context(ThreadPoolExecutor(readers, "decode", keep_to_one_core))
        behind = stack.enter_context(ThreadPoolExecutor(crew, "score", keep_to_one_core))
        beside = stack.enter_context(ThreadPoolExecutor(abreast.count, "restore", _on_one_core))
        back = stack.enter_context(ThreadPoolExecutor(1, "return", keep_to_one_core))
        under_way = UnderWay(back)
        try:
            for (pair, names), opened in ahead(
                reader, lambda w: _open(w[0], scorer, folder, frames), waiting, room=readers
            ):
                for name in names:
                    inputs = inputs_of(restorers[name], digests[name], pair, scorer)
                    work = Work(players[name], name, pair, inputs)
                    frame: Frame | None = None
                    with suppress(Exception):  # told by whoever needs it
                        opened.result()
                        if players[name].looks_alone and not scorer.compares_frames:
                            frame = frames.open(pair)
                    if frame is not None and abreast.takes(name, frame.tensor):
                        cell = beside.submit(_whole_cell, work, frame, opened, scorer, folder)
                    else:
                        cell = _cell(work, frame, opened, scorer, folder, under_way, behind)
                    queue.put(name, pair.id, cell)
            queue.settle_all()
        except BaseException:  # interrupted: what has not begun is left, what was finished kept
            for pool in (beside, behind):
                pool.shutdown(wait=True, cancel_futures=True)
            queue.settle_all()
            raise
    return queue.failures


def _on_one_core() -> None:
    keep_to_one_core()
    torch.set_num_threads(1)


def _open(pair: Pair, scorer: Scorer, folder: RunFolder, frames: Frames) -> Opened:
    views = frames.open(pair).views
    frames.fetch(pair)
    if pair.needs_views:
        _write_views(pair, views, folder)
    return Opened(
        reference_of(pair, scorer, frames),
        strata.measured(views.degraded, views.reference),
    )


def _write_views(pair: Pair, views: Views, folder: RunFolder) -> None:
    """Keep for the report and for raters what no file of the suite shows."""
    shown = upsample(quantise(views.degraded), pair.scale)
    try:
        write_png(folder.view_path("degraded", pair.id), shown)
        if views.reference is not None:
            write_png(folder.view_path("reference", pair.id), views.reference)
    except OSError as error:
        raise FolderError(folder, error) from error


@dataclass(frozen=True, slots=True)
class Work:
    """One restorer on one image, what the cell will follow from, and how it was done."""

    player: Player
    label: str
    pair: Pair
    inputs: Inputs
    tiles: tuple[int, int] | None = None

    @property
    def image(self) -> str:
        """The image's id."""
        return self.pair.id


def inputs_of(restorer: Restorer, digest: str, pair: Pair, scorer: Scorer) -> Inputs:
    """Return what a cell follows from. ``digest`` is the restorer's (`models.identity`).

    Of a folder of outputs, each image is the model of one cell.
    """
    return Inputs(
        model=output_digest(restorer, pair) or digest,
        images=pair_digest(pair),
        metrics=scorer.digest,
    )


def _cell(
    work: Work,
    frame: Frame | None,
    opening: Future[Opened],
    scorer: Scorer,
    folder: RunFolder,
    under_way: UnderWay,
    behind: ThreadPoolExecutor,
) -> Future[Cell]:
    """Restore now, or begin to; return the cell to come, or what went wrong, as a future."""
    settled: Future[Cell] = Future()
    try:
        made = _restored(work, opening, scorer, frame, under_way)
    except Exception as error:  # noqa: BLE001  isolated, listed and counted by the queue
        settled.set_exception(error)
        return settled
    if isinstance(made, Cell):
        settled.set_result(made)
        return settled
    return behind.submit(_finish, folder, made, scorer, opening.result())


def _whole_cell(
    work: Work, frame: Frame, opening: Future[Opened], scorer: Scorer, folder: RunFolder
) -> Cell:
    """Restore, score and write a frame that is looked at alone, abreast of others."""
    made = _restored(work, opening, scorer, frame)
    return made if isinstance(made, Cell) else _finish(folder, made, scorer, opening.result())


@dataclass(frozen=True, slots=True)
class Made:
    """What came of a work: the restored image, and the frame before it, or why there is none."""

    work: Work
    restored: torch.Tensor | Future[torch.Tensor]
    before: torch.Tensor | str


def _restored(
    work: Work,
    opening: Future[Opened],
    scorer: Scorer,
    frame: Frame | None,
    under_way: UnderWay | None = None,
) -> Made | Cell:
    """Restore; where that does not apply, return the cell that says why. Raises as the model.

    A ``frame`` that is given needs neither its neighbours nor those before it.
    """
    restorer = work.player.restorer
    restored: torch.Tensor | Future[torch.Tensor]
    before: torch.Tensor | str = NO_FRAMES
    try:
        opening.result()
        if frame is None:
            if scorer.compares_frames:
                before = work.player.before(work.pair)
            restored = work.player.restored(work.pair)
        elif under_way and under_way.takes(restorer):
            restored = under_way.restore(restorer, frame.given(restorer), frame.hints)
        else:
            restored = restorer.restore(frame.given(restorer), frame.hints)
    except NotApplicable as reason:
        missing = dict.fromkeys(scorer.names, Score.missing(str(reason)))
        measured = {} if opening.exception() else opening.result().measured
        return Cell(work.image, missing, measured, work.inputs)
    if isinstance(restored, torch.Tensor):
        high, wide = (length // work.pair.scale for length in restored.shape[-2:])
    else:
        assert frame is not None
        high, wide = frame.tensor.shape[-2:]
    tiles = tiles_for_memory(restorer, high, wide)
    return Made(replace(work, tiles=tiles), restored, before)


def _finish(folder: RunFolder, made: Made, scorer: Scorer, opened: Opened) -> Cell:
    work = made.work
    restored = made.restored.result() if isinstance(made.restored, Future) else made.restored
    pixels = to_pixels(restored)
    before = made.before if isinstance(made.before, str) else to_pixels(made.before)
    scores = scorer.score(pixels, opened.prepared, before)
    try:
        write_png(folder.image_path(work.label, work.image), pixels)
    except OSError as error:
        raise FolderError(folder, error) from error
    return Cell(work.image, scores, opened.measured, work.inputs, work.tiles)


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
            self.failures.append(Failure(model, image, message_of(error)))
        else:
            try:
                self._writers[model].append(finished)
            except OSError as error:
                raise FolderError(self._folder, error) from error
        self._done += 1
        self._progress.update("restore and score", self._done, self._total, image)
