"""The restored images of each model of a run as a whole: the rows of sets.csv."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.core.identity import digest_of
from bench.core.progress import Update, unheard
from bench.image import read
from bench.metrics.sets import Described, SetScorer
from bench.records import Pair
from bench.runs.store import RunFolder, SetRow
from bench.suites.identity import pair_digest


def measure_sets(
    folder: RunFolder,
    models: Sequence[str],
    pairs: Sequence[Pair],
    scorer: SetScorer,
    update: Update = unheard,
) -> None:
    """Measure the finished images of every model, unless they were before, and keep the rows.

    ``pairs`` are the run's images. Nothing is done without metrics.
    """
    if not scorer.names:
        return
    known: dict[tuple[str, str], list[SetRow]] = {}
    for row in folder.read_sets():
        known.setdefault((row.model, row.inputs), []).append(row)
    truths = [Path(path) for path in folder.images()["reference"] if path]
    reference: Described | None = None
    asked = {pair.id for pair in pairs}
    against = [pair_digest(pair) for pair in pairs]
    rows: list[SetRow] = []
    for number, model in enumerate(models, start=1):
        cells = sorted(
            (
                cell
                for cell in folder.cells(model)
                if cell.image in asked and folder.image_path(model, cell.image).is_file()
            ),
            key=lambda cell: cell.image,
        )
        if not cells:
            continue
        made = [
            [cell.image, cell.inputs and (cell.inputs.model, cell.inputs.images)] for cell in cells
        ]
        inputs = digest_of(made, against, scorer.names, scorer.digest, scorer.border)
        if (model, inputs) in known:
            rows += known[model, inputs]
            continue
        if reference is None:
            reference = scorer.describe(map(read, truths))
        files = (folder.image_path(model, cell.image) for cell in cells)
        scores = scorer.compare(scorer.describe(map(read, files)), reference)
        rows += [
            SetRow(model=model, metric=metric, score=score, inputs=inputs)
            for metric, score in scores.items()
        ]
        update("measure whole sets", number, len(models))
    folder.write_sets(rows)
