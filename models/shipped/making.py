"""The pairs that the shipped weights learn from, made of `photographs` as the demo suite makes its.

Blur and noise begin weaker than the demo suite's, some pieces have no blur at all and some have
gone through JPEG, so that a network learns to leave alone what is sharp already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from bench.core.identity import digest_of
from bench.core.progress import Update, unheard
from bench.degrade.pipeline import Degradation, Degraded
from bench.image import Pixels
from bench.suites.demo import items_of
from bench.suites.demo_plan import DemoShot, drawn_place
from bench.suites.demo_plan import make as make_shot
from bench.suites.made import Order, make
from models.shipped.photographs import PHOTOGRAPHS, Photograph

KINDS = ("shake", "defocus", "shake", "motion", "none")
"""Blurs of the pieces, in turn."""
EXTENTS = {"shake": (1.5, 6.5), "motion": (2.0, 9.0), "defocus": (0.6, 2.6), "none": (0.0, 0.0)}
ELECTRONS = {"normal": (3000.0, 20000.0), "low": (120.0, 400.0)}
LOW_EVERY, JPEG_EVERY = 3, 4
QUALITIES = (70, 97)


def make_pairs(
    root: Path, photographs: Sequence[Photograph] = PHOTOGRAPHS, update: Update = unheard
) -> None:
    """Make the pairs under ``root``, unless they are there: the same files on every machine."""
    shots = [_shot(one, number) for one in photographs for number in range(one.pieces)]
    items = items_of(shots, partial(_make, {one.name: one for one in photographs}))
    plan = digest_of([shot.as_dict() for shot in shots])
    order = Order("the pairs of the shipped weights", {"suite": "shipped", "plan": plan}, items)
    make(root, order, update, replace=True)


def _make(photographs: Mapping[str, Photograph], shot: DemoShot) -> tuple[Pixels, Degraded]:
    return make_shot(shot, _pixels(photographs[shot.photograph]))


@lru_cache(maxsize=2)
def _pixels(photograph: Photograph) -> Pixels:
    return photograph.pixels()


def _shot(photograph: Photograph, number: int) -> DemoShot:
    stream = int.from_bytes(photograph.name.encode())
    rng = np.random.Generator(np.random.PCG64([stream, number]))
    place = drawn_place(rng, _pixels(photograph).shape[:2])
    blur = KINDS[number % len(KINDS)]
    light = "low" if number % LOW_EVERY == 0 else "normal"
    low, high = EXTENTS[blur]
    how = Degradation(
        blur=blur,
        size=round(float(rng.uniform(low, high)), 2),
        angle=round(float(rng.uniform(0, 180)), 1) if blur == "motion" else 0.0,
        roll=round(float(rng.uniform(0.1, 0.8)), 2) if blur == "shake" else 0.0,
        electrons=round(float(rng.uniform(*ELECTRONS[light]))),
        read_noise=3.0,
        jpeg=int(rng.integers(*QUALITIES)) if number % JPEG_EVERY == 0 else None,
        seed=int(rng.integers(2**31)),
    )
    return DemoShot(
        id=f"{photograph.name}-{blur}-{number:03d}",
        split=photograph.split,
        scene=photograph.name,
        photograph=photograph.name,
        how=how,
        light=light,
        **place,
    )
