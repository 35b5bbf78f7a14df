"""The demo suite: photographs that ship inside scikit-image, degraded here, once.

What is made is decided by `plan`, a list of `DemoShot`, from fixed seeds: the same files on every
machine. How they lie on disk says `bench.suites.made`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core.progress import Update, unheard
from bench.suites.made import Item, Manifest, Order, make, open_made, usable
from bench.suites.table import Suite, SuiteCard

if TYPE_CHECKING:
    from bench.degrade.pipeline import Degraded
    from bench.image import Pixels
    from bench.suites.demo_plan import DemoShot

VERSION = 2
"""Raised with every change of the plan or of the pipeline that changes a pixel."""

IDENTITY = {"suite": "demo", "version": VERSION}

NOTES = (
    "the PSF handed to models that need one is exact for motion and defocus; a shake differs over "
    "the image and its PSF is the mean of 7 x 7 places",
    "low light: few photons, amplified to the brightness of the reference",
    f"demo version {VERSION}",
)


def open_demo(
    card: SuiteCard, root: Path, options: Mapping[str, str], progress: Update = unheard
) -> Suite:
    """Open the suite under ``root``; make it first where it is missing, damaged or outdated.

    Raises `BenchError` if ``root`` holds something else, or the disk refuses the files.
    """
    manifest = usable(root, IDENTITY)
    if manifest is None:
        from bench.suites.demo_plan import plan

        manifest = make_demo(root, plan(), progress)
    return open_made(card, root, options, manifest)


def make_demo(root: Path, shots: Sequence[DemoShot], progress: Update = unheard) -> Manifest:
    """Make ``shots`` under ``root`` and return the manifest; an older demo suite is replaced."""
    from bench.suites import demo_plan

    order = Order("the demo suite", IDENTITY, items_of(shots, demo_plan.make), {"notes": NOTES})
    return make(root, order, progress, replace=True)


def items_of(
    shots: Sequence[DemoShot], make: Callable[[DemoShot], tuple[Pixels, Degraded]]
) -> list[Item]:
    """Return what ``make``, which must be picklable, will make of each shot."""
    return [
        Item(
            shot.id,
            shot.split,
            cluster=shot.scene,
            strata=shot.strata,
            make=partial(make, shot),
            parameters=shot.as_dict(),
        )
        for shot in shots
    ]
