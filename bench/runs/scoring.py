"""Scoring finished images of any origin: the second half of a run, without the models."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench.core.errors import said
from bench.image import read
from bench.metrics.scorer import Scorer
from bench.records import Failure
from bench.runs.store import Cell
from bench.suites.folder import pair_by_name


@dataclass(frozen=True, slots=True)
class FolderScores:
    """The cells of one folder of images, in the order of their names, and what failed."""

    cells: list[Cell]
    failures: list[Failure]


def score_folder(
    restored: Path,
    reference: Path,
    metrics: Sequence[str],
    border: int = 0,
    device: str = "cpu",
    progress: Callable[[float, float, str], None] = lambda done, total, text: None,
) -> FolderScores:
    """Score every image of ``restored`` against the one of its name in ``reference``.

    Raises `BenchError` where the names do not match one to one. An image that cannot
    be read, or that has another size than its reference, is listed as a failure.
    """
    scorer = Scorer(metrics, device=device, border=border)
    pairs = pair_by_name(restored, reference)
    found = FolderScores([], [])

    def score(name: str, image: Path, truth: Path) -> Cell:
        return Cell(name, scorer.score(read(image), scorer.reference(read(truth))))

    crew = os.cpu_count() or 1
    waiting: deque[tuple[str, Future[Cell]]] = deque()
    with ThreadPoolExecutor(crew) as pool:

        def settle(room: int) -> None:
            while len(waiting) > room:
                name, future = waiting.popleft()
                try:
                    found.cells.append(future.result())
                except Exception as error:  # noqa: BLE001  isolated, listed and counted
                    found.failures.append(Failure(restored.name, name, said(error)))
                progress(len(found.cells) + len(found.failures), len(pairs), name)

        try:
            for name, image, truth in pairs:
                waiting.append((name, pool.submit(score, name, image, truth)))
                settle(room=2 * crew)
            settle(room=0)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return found
