"""350 scenes, each taken sharp, out of focus and in motion (Kwentar's blur dataset).

official   {sharp,defocused_blurred,motion_blurred}/ID_DEVICE_{S,F,M}.jpg, or all in one folder
frames     good_frames/ and bad_frames/: two folders of the same names, taken to be aligned
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from bench.core.errors import BenchError
from bench.records import Pair
from bench.suites.folder import (
    assemble,
    first_few,
    first_folder,
    images_directly_in,
    listing,
    match,
    no_data,
    sequence_of,
)
from bench.suites.listing import Listing, drawn
from bench.suites.table import Split, Suite, SuiteCard

FOLDERS = ("", "sharp", "defocused_blurred", "motion_blurred")
BLURS = {"F": "defocus", "M": "motion"}
NAME = re.compile(r"(\d+)_(.+)_([SFM])\.\w+")
NOT_ALIGNED = (
    "not aligned: the three photographs of a scene differ by more than blur, so no score against "
    "the sharp one means anything; no-reference metrics and people can judge"
)
TEST, VALIDATION = 0.2, 0.1
"""The share of scenes that test, and the share of the others that validate."""

Row = TypeVar("Row")


def open_triplets(card: SuiteCard, root: Path, options: Mapping[str, str]) -> Suite:
    """Open the triplets: every blurred photograph is a pair without reference, split by scene.

    Raises `BenchError` where there is no data, and for scenes of which one of the three is missing.
    """
    for base in first_folder(root, ("blur_dataset_scaled", "blur_dataset")):
        if (base / "good_frames").is_dir() and (base / "bad_frames").is_dir():
            return _open_frames(card, root, base, options)
        if files := _blurred(base):
            suite = assemble(
                card, root, options, "ID_DEVICE_{S,F,M}", _by_scene(_listing(base, files))
            )
            return replace(suite, no_reference=NOT_ALIGNED, notes=(*suite.notes, NOT_ALIGNED))
    raise no_data(
        card,
        root,
        "sharp/0_IPHONE-SE_S.JPG, defocused_blurred/0_IPHONE-SE_F.JPG and "
        "motion_blurred/0_IPHONE-SE_M.JPG, or good_frames and bad_frames",
    )


def _blurred(base: Path) -> list[str]:
    """Return the F and M photographs below ``base``; every scene has all three."""
    scenes: dict[str, dict[str, str]] = {}
    for folder in FOLDERS:
        for name in images_directly_in(base / folder):
            if known := NAME.fullmatch(name):
                file = f"{folder}/{name}" if folder else name
                kinds = scenes.setdefault(f"{known[1]}_{known[2]}", {})
                if (other := kinds.setdefault(known[3], file)) != file:
                    raise BenchError(f"'{base}' has '{other}' and '{file}': keep one of them")
    missing = [f"{scene}_{kind}" for scene, kinds in scenes.items() for kind in {*"SFM"} - {*kinds}]
    if missing:
        raise BenchError(
            f"'{base}': {len(missing)} of {3 * len(scenes)} photographs are missing: "
            f"{first_few(missing)}; a scene has a sharp (S), a defocused (F) and a motion-blurred "
            "(M) one. Get the rest, or take the incomplete scenes away"
        )
    return sorted(kinds[kind] for kinds in scenes.values() for kind in BLURS)


def _listing(base: Path, files: Sequence[str]) -> Listing[str]:
    def make(file: str) -> Pair:
        path = base / file
        scene = path.stem.partition("_")[0]
        return Pair(path.stem, path, None, scene, {"blur": BLURS[path.stem[-1]]})

    return Listing(files, make)


def _open_frames(card: SuiteCard, root: Path, base: Path, options: Mapping[str, str]) -> Suite:
    pairs = listing(base, match(base, "bad_frames", "good_frames"), sequence_of)
    note = (
        "good_frames and bad_frames are taken to be aligned, frame by frame, by their names; the "
        "350 triplets are not"
    )
    suite = assemble(card, root, options, "{bad_frames,good_frames}", _by_scene(pairs))
    return replace(suite, notes=(note,))


def _by_scene(pairs: Listing[Row]) -> dict[Split, Listing[Row]]:
    test, rest = pairs.divide(drawn(pairs.clusters(), TEST))
    val, train = rest.divide(drawn(rest.clusters(), VALIDATION))
    return {"train": train, "val": val, "test": test}
