"""What a metric costs here: milliseconds a megapixel, measured and kept for `bench metrics`."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core.files import write_atomic
from bench.core.formats import Format
from bench.core.layout import results
from bench.core.progress import Update, unheard

if TYPE_CHECKING:
    from bench.image import Pixels

REPEATS = 3
SLOW = 2.0
"""Seconds after which a metric is not timed once more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricCost:
    """Milliseconds a megapixel: of one restored image, and once of each reference.

    Both are the least of `REPEATS`, of a photograph of one megapixel (1024x1024), after one that is
    not counted. ``reason`` says why there is no figure; then both are None.
    """

    image: float | None
    reference: float | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricCosts:
    """Figures of metrics by name, and the machine that they were measured on."""

    machine: str
    costs: Mapping[str, MetricCost]


FORMAT = Format(
    kind=MetricCosts,
    schema=1,
    upgrades={},
    advice="remove it; 'bench metrics --time' measures again",
)


def costs_file() -> Path:
    """Return the file that figures are kept in."""
    return results() / "metric-costs.json"


def kept_costs() -> MetricCosts | None:
    """Return what was measured last, None before. Raises `BenchError` for a damaged file."""
    path = costs_file()
    return FORMAT.from_text(path.read_bytes(), str(path)) if path.is_file() else None


def keep_costs(found: MetricCosts) -> None:
    """Keep figures in the place of those before."""
    costs_file().parent.mkdir(parents=True, exist_ok=True)
    write_atomic(costs_file(), (json.dumps(FORMAT.to_json(found), indent=1) + "\n").encode())


def measure_metrics(
    names: Iterable[str], device: str = "cpu", progress: Update = unheard
) -> dict[str, MetricCost]:
    """Time each metric of single images on a photograph of one megapixel."""
    names = list(names)
    restored, reference = photographs_of_a_megapixel()
    found = {}
    for number, name in enumerate(names):
        progress("time metrics", number, len(names), name)
        found[name] = _measured(name, device, restored, reference)
    progress("time metrics", len(names), len(names))
    return found


def _measured(name: str, device: str, restored: Pixels, reference: Pixels) -> MetricCost:
    import numpy as np

    from bench.metrics.scorer import Scorer

    scorer = Scorer([name], device)
    pixels = reference.size / 3 / 1e6
    earlier = [np.roll(image, -3, axis=1) for image in (restored, reference)]
    of_images, of_references = [], []
    for number in range(1 + REPEATS):
        begun = time.perf_counter()
        prepared = scorer.reference(reference, earlier[1])
        between = time.perf_counter()
        score = scorer.score(restored, prepared, earlier[0])[name]
        ended = time.perf_counter()
        if score.value is None:
            return MetricCost(image=None, reference=None, reason=score.reason or "no score")
        if number:
            of_references.append(between - begun)
            of_images.append(ended - between)
        if number and ended - begun > SLOW:
            break
    return MetricCost(
        image=1e3 * min(of_images) / pixels,
        reference=1e3 * min(of_references) / pixels,
        reason="",
    )


def photographs_of_a_megapixel() -> tuple[Pixels, Pixels]:
    """Return a noisy and a clean photograph, (1024, 1024, 3)."""
    import numpy as np
    from skimage import data

    photographs: Any = data  # untyped
    astronaut = np.asarray(photographs.astronaut())
    clean: Pixels = np.tile(astronaut, (2, 2, 1))
    noise = np.random.default_rng(0).normal(0, 8, clean.shape)
    return np.clip(clean + noise, 0, 255).astype(np.uint8), clean
