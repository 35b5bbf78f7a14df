"""Scoring finished images of any origin: the second half of a run, without the models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench.core.errors import message_of
from bench.core.parallel import in_threads
from bench.core.progress import Update, unheard
from bench.image import Pixels, read
from bench.metrics.scorer import Scorer
from bench.metrics.set_table import choose_metrics
from bench.metrics.sets import SetScorer
from bench.records import Failure, SetScore
from bench.runs.cells import Cell
from bench.suites.identity import grey_note
from bench.suites.outputs import pair_with_references


@dataclass(frozen=True, slots=True)
class FolderScores:
    """The cells of one folder of images, in the order of their names, and what failed.

    ``missing`` are the names of references that the folder has no output for.
    """

    cells: list[Cell]
    failures: list[Failure]
    missing: tuple[str, ...] = ()
    sets: dict[str, SetScore] = field(default_factory=dict)
    """By the metrics of whole sets, of the images that did not fail."""
    remark: str | None = None
    """What is odd about the files, if anything is."""


def score_folder(
    restored: Path,
    reference: Path,
    metrics: Sequence[str],
    border: int = 0,
    device: str = "cpu",
    scale: int = 1,
    update: Update = unheard,
) -> FolderScores:
    """Score every image of ``restored`` against the one of its name in ``reference``.

    References are cut to multiples of ``scale``, as suites of super-resolution do. Raises
    `BenchError` for images without a reference. An image that cannot be read, or that has another
    size than its reference, is listed as a failure.
    """
    chosen = choose_metrics(metrics)
    scorer = Scorer(chosen.of_images, device=device, border=border)
    paired = pair_with_references(restored, reference)
    found = FolderScores([], [], paired.missing, remark=grey_note(paired.pairs))

    def truth_of(file: Path) -> Pixels:
        target = read(file)
        height, width = (side // scale * scale for side in target.shape[:2])
        return np.ascontiguousarray(target[:height, :width])

    def score(pair: tuple[str, Path, Path]) -> Cell | Failure:
        name, image, truth = pair
        try:
            prepared = scorer.reference(truth_of(truth))
            return Cell(name, scorer.score(read(image), prepared))
        except Exception as error:  # noqa: BLE001  isolated, listed and counted
            return Failure(restored.name, name, message_of(error))

    for outcome in in_threads(score, paired.pairs, f"score {restored.name}", update):
        if isinstance(outcome, Cell):
            found.cells.append(outcome)
        else:
            found.failures.append(outcome)
    if chosen.of_sets:
        sets = SetScorer(chosen.of_sets, device, border)
        failed = {failure.image for failure in found.failures}
        complete = [pair for pair in paired.pairs if pair[0] not in failed]
        ours = sets.describe(read(image) for _, image, _ in complete)
        theirs = sets.describe(truth_of(truth) for _, _, truth in complete)
        found.sets.update(sets.compare(ours, theirs))
    return found
