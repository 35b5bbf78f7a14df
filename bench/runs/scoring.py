"""Scoring finished images of any origin: the second half of a run, without the models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
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
from bench.suites.folder import cluster_of, named_images
from bench.suites.frames import FIRST, consecutive
from bench.suites.identity import grey_note
from bench.suites.outputs import Paired, pair_with_references


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


NONE_GIVEN = "no reference image: no folder of references was given"


def score_folder(
    restored: Path,
    reference: Path | None,
    metrics: Sequence[str],
    border: int = 0,
    device: str = "cpu",
    scale: int = 1,
    update: Update = unheard,
) -> FolderScores:
    """Score every image of ``restored`` against the one of its name in ``reference``.

    Without ``reference``, what needs one is missing with that reason. References are cut to
    multiples of ``scale``, as suites of super-resolution do. Raises `BenchError` for images that
    the references lack. An image that cannot be read, or that has another
    size than its reference, is listed as a failure.
    """
    chosen = choose_metrics(metrics)
    scorer = Scorer(chosen.of_images, device=device, border=border, no_reference=NONE_GIVEN)
    paired = pair_with_references(restored, reference) if reference else _alone(restored)
    compared = [(name, image, truth) for name, image, truth in paired.pairs if truth]
    found = FolderScores([], [], paired.missing, remark=grey_note(compared))

    def truth_of(file: Path | None) -> Pixels | None:
        if file is None:
            return None
        target = read(file)
        height, width = (side // scale * scale for side in target.shape[:2])
        return np.ascontiguousarray(target[:height, :width])

    earlier = _before(paired.pairs) if scorer.compares_frames else {}

    def score(pair: tuple[str, Path, Path | None]) -> Cell | Failure:
        name, image, truth = pair
        try:
            _, shown, true = earlier.get(name, (name, None, None))
            prepared = scorer.reference(truth_of(truth), truth_of(true))
            before = read(shown) if shown else FIRST
            return Cell(name, scorer.score(read(image), prepared, before))
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
        truths = (truth_of(truth) for _, _, truth in complete)
        theirs = sets.describe(truth for truth in truths if truth is not None)
        found.sets.update(sets.compare(ours, theirs))
    return found


def _before(
    pairs: Sequence[tuple[str, Path, Path | None]],
) -> dict[str, tuple[str, Path, Path | None]]:
    """Return by name the image whose number comes before, where there is one of its sequence."""
    clusters = cluster_of([name for name, _, _ in pairs])
    runs = consecutive([(clusters[name], name) for name, _, _ in pairs])
    steps = (step for run in runs for step in pairwise(run))
    return {pairs[now][0]: pairs[before] for before, now in steps}


def _alone(restored: Path) -> Paired:
    """Return the images of a folder, or one image file, without references."""
    files = {restored.stem: restored} if restored.is_file() else named_images(restored)
    return Paired([(name, path, None) for name, path in files.items()], ())
