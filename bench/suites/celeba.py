"""CelebA (Liu et al. 2015): aligned photographs of faces, blurred when they are read.

img_align_celeba/000001.jpg ..    identity_CelebA.txt, here or in Anno/: "000001.jpg 2880"

Also read is a copy that is passed on blurred already, {train,validation,test}/{blur,sharp}/*, as
``celeba:blur=stored``.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.core.errors import BenchError
from bench.records import Pair
from bench.suites.folder import (
    assemble,
    first_few,
    first_folder,
    images_directly_in,
    name_of,
    no_data,
    paired,
)
from bench.suites.listing import Listing, seed, share
from bench.suites.table import Split, Suite, SuiteCard

PHOTOGRAPHS = 202_599
TEST, VALIDATION = 0.2, 0.1
"""The share of people whose photographs test, and the share of the others that validate."""
SIZES = {"small": (4.0, 8.0), "medium": (8.0, 12.0), "large": (12.0, 16.0)}
"""Pixels: the longer side of the hand's path, on faces of 178x218."""
ROLL = 4.0
"""Degrees at most through which a spatially varying shake turns the camera."""
BY_FILE = "split by file: without identity_CelebA.txt one person may be in train and in test"
EXPECTED = (
    "img_align_celeba/000001.jpg and, so that nobody is in two splits, identity_CelebA.txt; or "
    "{train,validation,test}/{blur,sharp}/* with celeba:blur=stored"
)


def open_celeba(card: SuiteCard, root: Path, options: Mapping[str, str]) -> Suite:
    """Open the aligned photographs, split 80/20 by person, or by file where no one says who it is.

    A photograph's split and its blur depend on its name alone, not on which others are there.
    Raises `BenchError` where there is no data, and for photographs of nobody on the list.
    """
    if options["blur"] == "stored":
        return _open_stored(card, root, options)
    folder = _photographs(root)
    if folder is None:
        raise no_data(card, root, EXPECTED)
    files = images_directly_in(folder)
    people = _people(folder, root)
    rows: dict[Split, list[tuple[str, str]]] = {"train": [], "val": [], "test": []}
    splits = {who: _split(who) for who in set(people.values())}
    if people and (strangers := [file for file in files if file not in people]):
        raise BenchError(
            f"{len(strangers)} of {len(files)} photographs in '{folder}' are not in "
            f"identity_CelebA.txt: {first_few(strangers)}; get both again, or take the list away "
            "to split by file"
        )
    for file in files:
        who = people.get(file) or name_of(file)
        rows[splits.get(who) or _split(who)].append((file, who))
    varying = options["blur"] == "varying"

    def make(row: tuple[str, str]) -> Pair:
        file, who = row
        name = name_of(file)
        extent, how = _blur(name, varying)
        path = folder / file
        return Pair(name, path, path, who, {"blur extent": extent}, degradation=how)

    notes = [
        "split by person" if people else BY_FILE,
        "blurred here, in linear light, each time an image is read",
    ]
    if len(files) != PHOTOGRAPHS:
        notes.append(f"{len(files)} of {PHOTOGRAPHS} photographs")
    found: dict[Split, Listing[Any]] = {s: Listing(chosen, make) for s, chosen in rows.items()}
    layout = "img_align_celeba" + (", identity_CelebA.txt" if people else "")
    return assemble(card, root, options, layout, found, notes=notes)


def _open_stored(card: SuiteCard, root: Path, options: Mapping[str, str]) -> Suite:
    for base in first_folder(root, ("CelebA", "DBlur/CelebA")):
        if found := paired(base, _own_cluster):
            notes = ["blurred by whoever passed the copy on, nobody says how; split as it came"]
            return assemble(card, root, options, *found, validation=10, notes=notes)
    raise no_data(card, root, EXPECTED)


def _own_cluster(file: str) -> tuple[str, str]:
    return name_of(file), name_of(file)


def _photographs(root: Path) -> Path | None:
    for base in first_folder(root, ("celeba", "CelebA", "Img")):
        folder = base / "img_align_celeba"
        for directory in (folder / "img_align_celeba", folder):
            if images_directly_in(directory):
                return directory
    return root if root.name == "img_align_celeba" and images_directly_in(root) else None


def _people(folder: Path, root: Path) -> dict[str, str]:
    """Return file -> person, from the list nearest to the photographs; empty if there is none."""
    for directory in (folder, folder.parent, folder.parent.parent, root):
        for path in (directory / "identity_CelebA.txt", directory / "Anno" / "identity_CelebA.txt"):
            if path.is_file():
                rows = [line.split() for line in path.read_text().splitlines() if line.strip()]
                if wrong := [row for row in rows if len(row) != 2]:
                    raise BenchError(
                        f"'{path}': expected rows like '000001.jpg 2880', got {' '.join(wrong[0])}"
                    )
                known: dict[str, str] = {}  # one text for each person, not for each photograph
                return {file: known.setdefault(who, who) for file, who in rows}
    return {}


def _split(who: str) -> Split:
    if share(f"test {who}") < TEST:
        return "test"
    return "val" if share(f"val {who}") < VALIDATION else "train"


def _blur(name: str, varying: bool) -> tuple[str, dict[str, Any]]:
    """Return how far the blur of a photograph extends, and how it is made."""
    draws = random.Random(seed(name))
    extent = draws.choice(list(SIZES))
    how: dict[str, Any] = {
        "blur": "shake" if varying else "trajectory",
        "size": draws.uniform(*SIZES[extent]),
        "seed": seed(name),
    }
    if varying:
        how["roll"] = draws.uniform(0, ROLL)
    return extent, how
