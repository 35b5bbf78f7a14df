"""A run's scores as one array per metric, with the reason behind everything that has no number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bench.framework.marks import Mark, marks_of
from bench.runs.record import ModelRecord
from bench.runs.store import RunFolder
from bench.statistics.claims import Claims
from bench.statistics.clusters import pairwise_p
from models.catalogue import baselines

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

INFINITE = "infinite: identical to the reference"
CLEAN = "clean pair: what is degraded is the reference itself"
NOT_DONE = "not finished"
ENOUGH = 0.5
"""Means are over images that all models have a score on; models that would leave less than this
share of them are not ranked with the others."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What the means of one metric are over: ``images`` (N,) on which all ``models`` (M,) that are
    ranked together have a finite score."""

    images: Bools
    models: Bools


@dataclass(frozen=True)
class ScoreTable:
    """Scores of ``models`` on ``images``: ``values[metric]`` is (images, models).

    NaN stands for a missing score; infinite scores are kept. ``reasons[metric]`` says why, by
    (model, image). ``states`` says of a model without any row what became of it. ``marks``: what
    there is to say of a model, by name.
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
    marks: Mapping[str, tuple[Mark, ...]] = field(default_factory=dict)
    no_reference: frozenset[str] = frozenset()
    """The metrics that compare with no reference."""
    _shared: dict[str, Shared] = field(init=False, repr=False, default_factory=dict)
    _p_values: dict[str, Floats] = field(init=False, repr=False, default_factory=dict)

    def column(self, metric: str, model: str) -> Floats:
        """Return a model's scores on every image."""
        column: Floats = self.values[metric][:, self.models.index(model)]
        return column

    @cached_property
    def base(self) -> str | None:
        """The model that adds nothing to the degraded image, if there is one."""
        return next((name for name in baselines() if name in self.models), None)

    @cached_property
    def apart(self) -> Mapping[str, str]:
        """Return why models are ranked apart: they were told more than the others. Where all but
        the base were, none is."""
        told = {name: [m.short for m in own if m.apart] for name, own in self.marks.items()}
        found = {name: ", ".join(why) for name, why in told.items() if why}
        blind = [name for name in self.models if name not in found and name != self.base]
        return found if blind else {}

    @cached_property
    def clean(self) -> Bools:
        """Return (N,), True for clean pairs: there is nothing to restore, as the base's infinite
        scores tell. They are a kind of image of their own, and no mean is over them."""
        unbounded = [m for m in self.metrics if np.isinf(self.values[m]).any()]
        if self.base is None or not unbounded:
            return np.zeros(len(self.images), dtype=bool)
        infinite = [np.isinf(self.column(metric, self.base)) for metric in unbounded]
        return np.asarray(np.all(infinite, axis=0), dtype=bool)

    def caution(self, metric: str) -> str | None:
        """Return what a metric's scores do not say, None where it compares with a reference."""
        if metric not in self.no_reference:
            return None
        return (
            f"'{metric}' compares with no reference: it says how natural or how sharp an image "
            "looks, and not whether it shows what was there"
        )

    def finite(self, metric: str) -> Floats:
        """Return a metric's scores with NaN in place of the infinite ones, which have no mean."""
        values = self.values[metric]
        return np.where(np.isfinite(values), values, np.nan)

    def restored(self, metric: str) -> Floats:
        """Return the finite scores (N, M) of images on which there was something to restore."""
        return np.where(self.clean[:, None], np.nan, self.finite(metric))

    def shared(self, metric: str) -> Shared:
        """Return what the metric's means are over.

        The base comes first, then the models by their number of scores; each joins the others if
        that leaves at least `ENOUGH` of the images that anybody has a score on. Computed once.
        """
        if metric not in self._shared:
            self._shared[metric] = self._share(metric)
        return self._shared[metric]

    def _share(self, metric: str) -> Shared:
        known = ~np.isnan(self.restored(metric))
        counts = known.sum(axis=0)
        images = known.any(axis=1)
        models = np.zeros(len(self.models), dtype=bool)
        least = max(1.0, ENOUGH * float(counts.max(initial=0)))
        order = sorted(range(len(counts)), key=lambda i: (self.models[i] != self.base, -counts[i]))
        for at in order:
            both = images & known[:, at]
            if both.sum() >= least:
                images, models[at] = both, True
        return Shared(np.asarray(images & models.any()), models)

    def compared(self, metric: str) -> Floats:
        """Return the scores (N, M) that means are made of, NaN elsewhere.

        Models that are ranked together have them on the same images; the others wherever they do.
        """
        found, shared = self.restored(metric), self.shared(metric)
        found[np.ix_(~shared.images, shared.models)] = np.nan
        return found

    def claims(self, metric: str) -> Claims:
        """Return what may be said of the metric's means."""
        return Claims(len(set(self.clusters[self.shared(metric).images])))

    def p_values(self, metric: str) -> Floats:
        """Return (M, M): how surely two models differ, by the one test that decides everywhere.

        It is that of `bench.statistics.clusters.pairwise_p` over the images that models share, and
        all of these models, those that are told more among them; NaN where there is no test.
        Computed once.
        """
        if metric not in self._p_values:
            shared = self.shared(metric)
            found = np.full((len(self.models), len(self.models)), np.nan)
            if shared.models.any():
                turn = 1 if self.higher_is_better[metric] else -1
                scores = turn * self.finite(metric)[np.ix_(shared.images, shared.models)]
                found[np.ix_(shared.models, shared.models)] = pairwise_p(
                    scores, self.clusters[shared.images]
                )
            self._p_values[metric] = found
        return self._p_values[metric]

    def excluded(self, metric: str, model: str) -> Counter[str]:
        """Count the images on which a model has no score that a mean could be over, by reason."""
        column = self.column(metric, model)
        counts: Counter[str] = Counter()
        for image, value, clean in zip(self.images, column, self.clean, strict=True):
            if clean:
                counts[CLEAN] += 1
            elif np.isinf(value):
                counts[INFINITE] += 1
            elif np.isnan(value):
                counts[self.reason(metric, model, image)] += 1
        return counts

    def left_out(self, metric: str, models: Sequence[str], images: Bools) -> dict[str, int]:
        """Count the images that are not among ``images`` (N,), each under one reason.

        The reason is that of the first of ``models`` without a finite score, with the names of all
        such; clean pairs are nobody's fault.
        """
        counts: Counter[str] = Counter()
        for at in np.flatnonzero(~images):
            row = {m: float(self.column(metric, m)[at]) for m in models}
            gone = [m for m, value in row.items() if not np.isfinite(value)]
            if self.clean[at]:
                counts[CLEAN] += 1
            elif gone:
                first = gone[0]
                why = (
                    INFINITE
                    if np.isinf(row[first])
                    else self.reason(metric, first, self.images[at])
                )
                counts[f"{' and '.join(gone)}: {why}"] += 1
        return dict(counts)

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
        marks={m: marks_of(record.models[m], record.suite_key) for m in models},
        no_reference=frozenset(m for m in metrics if not record.metrics[m].needs_reference),
    )


def _state(model: ModelRecord) -> str:
    if model.state == "done":
        return ""
    return f"{model.state}: {model.reason}" if model.reason else model.state
