"""Scoring finished images of any origin: the second half of a run, without the models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.core.errors import said
from bench.core.parallel import in_threads
from bench.core.progress import Update, unheard
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
    update: Update = unheard,
) -> FolderScores:
    """Score every image of ``restored`` against the one of its name in ``reference``.

    Raises `BenchError` where the names do not match one to one. An image that cannot
    be read, or that has another size than its reference, is listed as a failure.
    """
    scorer = Scorer(metrics, device=device, border=border)
    pairs = pair_by_name(restored, reference)
    found = FolderScores([], [])

    def score(pair: tuple[str, Path, Path]) -> Cell | Failure:
        name, image, truth = pair
        try:
            return Cell(name, scorer.score(read(image), scorer.reference(read(truth))))
        except Exception as error:  # noqa: BLE001  isolated, listed and counted
            return Failure(restored.name, name, said(error))

    for outcome in in_threads(score, pairs, f"score {restored.name}", update):
        if isinstance(outcome, Cell):
            found.cells.append(outcome)
        else:
            found.failures.append(outcome)
    return found
