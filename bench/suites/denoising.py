"""Test sets for denoising: folders of clean photographs to which white Gaussian noise is added.

flat      *.png, in the folder given or in one inside it that is called after the set
original  original_png/*.png or {gt,target,hq,clean}/*.png, beside folders of anything else
paired    {input,target}, {lq,gt}: noisy files are left alone, noise is added here

The noise is float: neither rounded nor clipped, as the published figures have it. A photograph's
noise depends on its name alone, and at another sigma is the same noise, scaled.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.records import Pair
from bench.suites.folder import assemble, images_directly_in, name_of, no_data
from bench.suites.listing import Listing, seed
from bench.suites.table import Suite, SuiteCard

CLEAN = ("original_png", "original", "clean", "gt", "GT", "target", "hq", "HQ", "sharp")
"""Folders that hold the clean photographs where there are noisy ones too."""

NAMES: Mapping[str, tuple[str, ...]] = {
    "bsd68": ("BSD68", "bsd68", "Set68", "set68"),
    "cbsd68": ("CBSD68", "cbsd68", "CBSD68-dataset/CBSD68"),
    "kodak24": ("Kodak24", "kodak24", "Kodak", "kodak"),
}
"""What the folder of a set is called."""


def open_denoising(card: SuiteCard, root: Path, options: Mapping[str, str]) -> Suite:
    """Open a set of clean photographs; ``sigma`` is the noise in 8-bit levels.

    All of them test. Raises `BenchError` where there is none.
    """
    grey = card.name == "bsd68"
    for base in (root, *(root / name for name in NAMES.get(card.name, ()))):
        for inner in ("", *CLEAN):
            files = images_directly_in(base / inner)
            if files:
                pairs = _noisy(base / inner, files, float(options["sigma"]), grey)
                layout = f"{inner or base.name}/*" if inner or base != root else "*"
                notes = ["noise added here: float, neither rounded nor clipped, seeded by name"]
                if grey:
                    notes.append("grey: three equal channels with the same noise")
                notes.append("a test set: networks need weights trained on other data")
                return assemble(card, root, options, layout, {"test": pairs}, notes=notes)
    expected = f"{card.images['test']} clean photographs in it, in {NAMES[card.name][0]} or in gt"
    raise no_data(card, root, expected)


def _noisy(folder: Path, files: list[str], sigma: float, grey: bool) -> Listing[str]:
    def make(file: str) -> Pair:
        name, path = name_of(file), folder / file
        how: dict[str, Any] = {"sigma": sigma, "seed": seed(name)}
        return Pair(name, path, path, name, degradation=how | ({"grey": True} if grey else {}))

    return Listing(files, make)
