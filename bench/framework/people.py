"""What people said of a run's models: a closed study, on one scale, with its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import BenchError
from bench.image import ImageError, read
from bench.runs.store import RunFolder
from raters.database.store import Store
from raters.statistics.analyse import ScaleAnalysis, ScaleEstimate
from raters.statistics.comparisons import NotComparable
from raters.statistics.intervals import PRIOR_SD, SAMPLES
from raters.statistics.ratings import OpinionEstimate, RatingAnalysis
from raters.studies.answers import Answers, read_answers
from raters.studies.building import REFERENCE
from raters.studies.queries import all_studies, some_stimuli
from raters.studies.stimuli import decoded

Floats = NDArray[np.float64]

COMPARED = 12
"""So many of a study's images are held against the run's, to see that it was made of it."""


@dataclass(frozen=True, kw_only=True)
class HumanScale:
    """People's scale of M models of a run, the best first; draws (S, M) are of the bootstrap.

    ``value``, ``low`` and ``high`` are (M,), in ``unit``: higher is better. ``analysis`` has all
    else that the study says, also of what is no model of the run (a rated reference).
    """

    models: tuple[str, ...]
    value: Floats
    low: Floats
    high: Floats
    draws: Floats
    unit: str
    analysis: ScaleAnalysis | RatingAnalysis
    answers: Answers
    run: RunFolder

    @cached_property
    def flags(self) -> dict[str, tuple[str, ...]]:
        """What speaks against each rater."""
        return self.answers.flags()


def read_study(
    db: str, name: str, run: RunFolder | Sequence[RunFolder], samples: int = SAMPLES, seed: int = 0
) -> HumanScale:
    """Read the closed study called ``name`` that was made of ``run``, and analyse it.

    An empty name stands for the latest study of the run. Of several runs, the one that it was made
    of counts. Where wins alone fix no finite scale, a prior does, and ``analysis.flags`` say so.
    Raises `BenchError` for an open study, one without answers, and one made of another run.
    """
    runs = [run] if isinstance(run, RunFolder) else list(run)
    store = Store(db)
    try:
        answers = read_answers(store, name or _latest(store, runs), by="report")
        of = _made_of(store, answers, runs)
    finally:
        store.close()
    try:
        analysis = answers.analyse(samples=samples, seed=seed)
    except NotComparable:
        analysis = answers.analyse(samples=samples, seed=seed, prior_sd=PRIOR_SD)
    known = of.record().models
    methods: Sequence[ScaleEstimate | OpinionEstimate] = analysis.methods
    rows = [i for i, method in enumerate(methods) if method.method in known]
    picked = [methods[i] for i in rows]
    value, low, high = (
        np.array([getattr(method, key) for method in picked], np.float64)
        for key in ("value", "low", "high")
    )
    return HumanScale(
        models=tuple(method.method for method in picked),
        value=value,
        low=low,
        high=high,
        draws=analysis.draws[:, rows],
        unit=analysis.unit,
        analysis=analysis,
        answers=answers,
        run=of,
    )


def _latest(store: Store, runs: Sequence[RunFolder]) -> str:
    """Return the latest study made of one of ``runs``."""
    rows = all_studies(store)[::-1]
    here = {str(run.path.absolute()) for run in runs}
    mine = [row.name for row in rows if row.run in here]
    if mine:
        return mine[0]
    if len(rows) == 1:
        return rows[0].name
    known = ", ".join(f"{row.name} (of {row.run})" for row in rows) or "none"
    raise BenchError(
        f"no study of '{runs[0].path}' in '{store.url}'; its studies: {known}; name one as "
        "--study DB#NAME"
    )


def _made_of(store: Store, answers: Answers, runs: Sequence[RunFolder]) -> RunFolder:
    """Return the run whose images were judged; raises `BenchError` where none of ``runs`` is it."""
    trouble = []
    for run in sorted(runs, key=lambda run: str(run.path.absolute()) != answers.run):
        why = _differs(store, answers, run)
        if not why:
            return run
        trouble.append(f"'{run.path}': {why}")
    raise BenchError(
        f"study '{answers.study}' was made of '{answers.run}', not of " + "; ".join(trouble)
    )


def _differs(store: Store, answers: Answers, run: RunFolder) -> str:
    """Say why ``run`` is not the one that was judged; nothing where it is.

    Some of the study's images are held against the run's, pixel by pixel. Where the run keeps no
    images, its folder has to be the study's.
    """
    models = run.record().models
    if gone := [m for m in answers.methods if m not in models and m != REFERENCE]:
        return f"it has no model {gone[0]}"
    images = set(run.images()["image"])
    if lost := [crop.image for crop in answers.crops if crop.image not in images]:
        return f"it has no image {lost[0]}"
    compared = 0
    crops = {crop.image: crop for crop in answers.crops}
    for stimulus in some_stimuli(store, answers.study, COMPARED):
        crop = crops[stimulus.image]
        path = run.image_path(stimulus.model, stimulus.image)
        if not path.is_file():
            continue
        compared += 1
        try:
            output = read(path)
        except ImageError as error:
            return str(error)
        judged = output[crop.top :, crop.left :][: crop.height, : crop.width]
        if not np.array_equal(judged, decoded(stimulus.png)):
            return f"its {stimulus.model} of {crop.image} has other pixels than were judged"
    if not compared and str(run.path.absolute()) != answers.run:
        return "it keeps no images to compare"
    return ""
