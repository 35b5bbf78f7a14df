"""A run's scores as one array per metric, with the reason behind everything that has no number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bench.runs.record import ModelRecord
from bench.runs.store import RunFolder

Floats = NDArray[np.float64]

INFINITE = "infinite: identical to the reference"
NOT_DONE = "not finished"


@dataclass(frozen=True)
class ScoreTable:
    """Scores of ``models`` on ``images``: ``values[metric]`` is (images, models).

    NaN stands for a missing score; infinite scores are kept. ``reasons[metric]`` says why, by
    (model, image). ``states`` says of a model without any row what became of it.
    """

    images: tuple[str, ...]
    clusters: NDArray[np.str_]
    models: tuple[str, ...]
    metrics: tuple[str, ...]
    values: Mapping[str, Floats]
    reasons: Mapping[str, Mapping[tuple[str, str], str]]
    higher_is_better: Mapping[str, bool]
    units: Mapping[str, str]
    states: Mapping[str, str] = field(default_factory=dict)

    def column(self, metric: str, model: str) -> Floats:
        """Return a model's scores on every image."""
        column: Floats = self.values[metric][:, self.models.index(model)]
        return column

    def finite(self, metric: str) -> Floats:
        """Return a metric's scores with NaN in place of the infinite ones, which have no mean."""
        values = self.values[metric]
        return np.where(np.isfinite(values), values, np.nan)

    def excluded(self, metric: str, model: str) -> Counter[str]:
        """Count the images that a model's mean leaves out, by reason."""
        column = self.column(metric, model)
        counts: Counter[str] = Counter()
        for image, value in zip(self.images, column, strict=True):
            if np.isinf(value):
                counts[INFINITE] += 1
            elif np.isnan(value):
                counts[self.reason(metric, model, image)] += 1
        return counts

    def reason(self, metric: str, model: str, image: str) -> str:
        """Return why there is no score."""
        why = self.reasons[metric].get((model, image))
        return why or self.states.get(model) or NOT_DONE


def read_scores(run: RunFolder) -> ScoreTable:
    """Read a run, finished or not. Images in the run's order, models and metrics as recorded."""
    record, images, rows = run.record(), run.images(), run.scores()
    names, models = list(images["image"]), list(record.models)
    metrics = list(record.metrics)
    shape = (len(names), len(models))
    values = {metric: np.full(shape, np.nan) for metric in metrics}
    reasons: dict[str, dict[tuple[str, str], str]] = {metric: {} for metric in metrics}
    image_at = {name: index for index, name in enumerate(names)}
    model_at = {name: index for index, name in enumerate(models)}
    for metric in metrics:
        part = rows[rows["metric"] == metric]
        at = part["image"].map(image_at), part["model"].map(model_at)
        values[metric][at] = part["value"]
        gone = part[part["missing"] != ""]
        reasons[metric] = dict(
            zip(zip(gone["model"], gone["image"], strict=True), gone["missing"], strict=True)
        )
    for failure in record.failures:
        if failure.image is not None:
            for metric in metrics:
                key = (failure.model, failure.image)
                reasons[metric].setdefault(key, f"failed: {failure.message}")
    return ScoreTable(
        images=tuple(names),
        clusters=np.asarray(images["cluster"], dtype=np.str_),
        models=tuple(models),
        metrics=tuple(metrics),
        values=values,
        reasons=reasons,
        higher_is_better={m: record.metrics[m].higher_is_better for m in metrics},
        units={m: record.metrics[m].unit for m in metrics},
        states={m: state for m in models if (state := _state(record.models[m]))},
    )


def _state(model: ModelRecord) -> str:
    if model.state == "done":
        return ""
    return f"{model.state}: {model.reason}" if model.reason else model.state
