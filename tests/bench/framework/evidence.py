"""Evidence made of arrays, for tests of what the framework makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.framework.costs import CostConditions, conditions_of
from bench.framework.joint import Evidence
from bench.framework.people import HumanScale
from bench.framework.scores import ScoreTable
from bench.metrics.table import METRICS
from bench.records import Profile

Floats = NDArray[np.float64]


def scores(
    values: Mapping[str, Mapping[str, ArrayLike]], clusters: Sequence[str] | None = None
) -> ScoreTable:
    """Make a table of metric -> model -> a score for each image; NaN is missing."""
    models = list(next(iter(values.values())))
    columns = {
        metric: np.column_stack([np.asarray(of[m], np.float64) for m in models])
        for metric, of in values.items()
    }
    images = tuple(f"image{i}" for i in range(len(next(iter(columns.values())))))
    return ScoreTable(
        images,
        np.array(clusters or images),
        tuple(models),
        tuple(values),
        columns,
        {metric: {} for metric in values},
        {metric: METRICS[metric].higher_is_better for metric in values},
        {metric: METRICS[metric].unit for metric in values},
    )


def figure(model: str, quantity: str, value: float | None, **changed: Any) -> Profile:
    """Make a figure of a CPU with one thread."""
    unit = {"latency_ms": "ms", "process_memory_mb": "MB"}.get(quantity, "")
    row: dict[str, Any] = {
        "device": "cpu",
        "dtype": "float32",
        "height": 256,
        "width": 256,
        "batch": 1,
        "threads": 1,
        "unit": unit,
        "missing": "not a network" if value is None else None,
    }
    return Profile(model=model, quantity=quantity, value=value, **(row | changed))


def costs(*figures: Profile) -> dict[str, dict[CostConditions, dict[str, Profile]]]:
    """Sort figures by model, conditions and quantity."""
    found: dict[str, dict[CostConditions, dict[str, Profile]]] = {}
    for one in figures:
        found.setdefault(one.model, {}).setdefault(conditions_of(one), {})[one.quantity] = one
    return found


def scale(
    models: Sequence[str], value: ArrayLike, draws: ArrayLike, half: ArrayLike, answers: Any = None
) -> HumanScale:
    """Make people's scale of given draws (S, M) with intervals of a given half width."""
    middle = np.asarray(value, np.float64)
    return HumanScale(
        models=tuple(models),
        value=middle,
        low=middle - half,
        high=middle + half,
        draws=np.asarray(draws, np.float64),
        unit="JOD",
        analysis=None,
        answers=answers,
        run=None,  # type: ignore[arg-type]
    )


def normal_columns(
    rng: np.random.Generator, images: int, means: Mapping[str, float], spread: float = 1.0
) -> dict[str, Floats]:
    """Return images of unlike difficulty, and models whose differences on them are normal."""
    difficulty = rng.normal(0, 5, images)
    return {
        name: 30 + difficulty + mean + rng.normal(0, spread, images) for name, mean in means.items()
    }


def with_costs(table: ScoreTable, latency: Mapping[str, float], **more: Any) -> Evidence:
    """Give every model an exact latency."""
    return Evidence(table, costs(*(figure(m, "latency_ms", v) for m, v in latency.items())), **more)
