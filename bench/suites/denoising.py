"""Test sets for denoising: folders of clean photographs to which white Gaussian noise is added.

flat      *.png, in the folder given or in one inside it that is called after the set
original  original_png/*.png or {gt,target,hq,clean}/*.png, beside folders of anything else
paired    {input,target}, {lq,gt}: noisy files are left alone, noise is added here

The noise is float: neither rounded nor clipped, as the published figures have it. A photograph's
noise depends on its name alone, and at another sigma is the same noise, scaled. The sets that the
field trains on (BSD400, CBSD432, DIV2K, Waterloo) train where they lie beside a test set.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bench.records import Pair
from bench.suites.degrading import Levels, degraded, read_levels
from bench.suites.folder import assemble, images_directly_in, name_of, no_data
from bench.suites.listing import Listing
from bench.suites.table import Split, Suite, SuiteCard

CLEAN = ("original_png", "original", "clean", "gt", "GT", "target", "hq", "HQ", "sharp")
"""Folders that hold the clean photographs where there are noisy ones too."""

NAMES: Mapping[str, tuple[str, ...]] = {
    "bsd68": ("BSD68", "bsd68", "Set68", "set68"),
    "cbsd68": ("CBSD68", "cbsd68", "CBSD68-dataset/CBSD68"),
    "kodak24": ("Kodak24", "kodak24", "Kodak", "kodak"),
}
"""What the folder of a set is called."""

TRAINING: Mapping[str, tuple[str, ...]] = {
    "BSD400": ("BSD400", "Train400", "train400"),
    "CBSD432": ("CBSD432", "CBSD400", "BSD432", "BSD500"),
    "DIV2K": ("DIV2K_train_HR", "DIV2K/DIV2K_train_HR"),
    "Waterloo": (
        "WaterlooED",
        "WED",
        "exploration_database_and_code/pristine_images",
        "pristine_images",
    ),
    "train": ("train",),
}
"""What the folders of the sets are called that networks learn from, in the test set's folder or
beside it."""

GREY = ("BSD400", "train")
"""Those of them that are grey."""

VALIDATION = 40
"""One training photograph in so many validates."""


def open_denoising(card: SuiteCard, root: Path, options: Mapping[str, str]) -> Suite:
    """Open a set of clean photographs; ``sigma`` is the noise in 8-bit levels, or a range of them.

    All of them test. Raises `BenchError` where there is none.
    """
    grey = card.name == "bsd68"
    levels = read_levels("sigma", "sigma", options["sigma"])
    for base in (root, *(root / name for name in NAMES.get(card.name, ()))):
        for inner in ("", *CLEAN):
            files = images_directly_in(base / inner)
            if files:
                tested = [("", base / inner, file) for file in files]
                splits: dict[Split, Listing[_Row]] = {"test": _noisy(tested, levels, grey)}
                layout = f"{inner or base.name}/*" if inner or base != root else "*"
                notes = ["noise added here: float, neither rounded nor clipped, seeded by name"]
                if grey:
                    notes.append("grey: three equal channels with the same noise")
                sets = _training_sets(root, base, GREY if grey else tuple(TRAINING))
                if sets:
                    rows = [row for found in sets.values() for row in found]
                    splits["train"] = _noisy(rows, levels, grey, fresh=True)
                    counted = ", ".join(f"{len(found)} of {name}" for name, found in sets.items())
                    notes.append(f"learned from: {counted}; their noise is drawn anew each step")
                else:
                    notes.append("a test set: networks need weights trained on other data")
                return assemble(
                    card, root, options, layout, splits, validation=VALIDATION, notes=notes
                )
    expected = f"{card.images['test']} clean photographs in it, in {NAMES[card.name][0]} or in gt"
    raise no_data(card, root, expected)


_Row = tuple[str, Path, str]
"""The set that a photograph is of, empty for the test set; its folder, and its file there."""


def _training_sets(root: Path, base: Path, names: tuple[str, ...]) -> dict[str, list[_Row]]:
    """Return the photographs of every training set that lies here, by the set's name."""
    found: dict[str, list[_Row]] = {}
    places = dict.fromkeys((root, base))
    for name in names:
        for folder in (place / inner for place in places for inner in TRAINING[name]):
            if files := images_directly_in(folder):
                found[name] = [(name, folder, file) for file in files]
                break
    return found


def _noisy(rows: list[_Row], levels: Levels, grey: bool, fresh: bool = False) -> Listing[_Row]:
    def make(row: _Row) -> Pair:
        of, folder, file = row
        name = f"{of}-{name_of(file)}" if of else name_of(file)
        clean = Pair(name, folder / file, folder / file, name)
        return degraded(clean, levels, fresh=fresh, grey=grey)

    return Listing(rows, make)
