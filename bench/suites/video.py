"""Deblurring sets whose frames come from videos or bursts: HIDE, REDS and RSBlur.

Beside its official layout each is found as {train,test}/{input,target}, the form that restoration
networks pass it on in, or as {input,target} alone, which is a test set.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from bench.core.errors import BenchError
from bench.suites.folder import (
    Files,
    assemble,
    files_in,
    first_few,
    first_folder,
    listing,
    match,
    name_of,
    no_data,
    paired,
    require_same_names,
    sequence_of,
)
from bench.suites.listing import Listing
from bench.suites.lists import read_lists
from bench.suites.table import Split, Suite, SuiteCard

VALIDATION = 16
"""One training sequence in so many validates where no validation split is published."""


def open_hide(card: SuiteCard, root: Path, options: Mapping[str, str]) -> Suite:
    """Open HIDE (Shen et al. 2019): GT/, train/ and test/{test-close-ups,test-long-shot}/.

    All references lie in GT under the name of the blurred frame. Raises `BenchError` where there is
    no data, and for frames without a reference.
    """
    for base in first_folder(root, ("HIDE_dataset", "HIDE")):
        if (base / "GT").is_dir() and (base / "test").is_dir():
            splits = _hide_splits(base)
            return assemble(card, root, options, "GT, train, test/*", splits, validation=VALIDATION)
        if found := paired(base, _hide_identity):
            return assemble(card, root, options, *found, VALIDATION)
    raise no_data(
        card,
        root,
        "GT/*.png with test/test-close-ups/*.png, test/test-long-shot/*.png and train/*.png, or "
        "{train,test}/{input,target}/*.png",
    )


def _hide_splits(base: Path) -> dict[Split, Listing[Files]]:
    references = files_in(base / "GT")
    names: tuple[Split, ...] = ("test", "train")
    splits: dict[Split, Listing[Files]] = {}
    for split in names:
        if (base / split).is_dir():
            frames = files_in(base / split, name=lambda file: name_of(file.rpartition("/")[2]))
            known = references.keys() & frames.keys()
            require_same_names(frames, base / split, known, base / "GT")
            files = [(f"{split}/{f}", f"GT/{references[name]}") for name, f in frames.items()]
            splits[split] = listing(base, files, _hide_identity, _hide_distance)
    return splits


def _hide_distance(file: str) -> dict[str, str]:
    """Return how far the people are, which the test folders say."""
    for folder, distance in (("test-close-ups", "close-up"), ("test-long-shot", "long shot")):
        if folder in file:
            return {"distance": distance}
    return {}


def _hide_identity(file: str) -> tuple[str, str]:
    """Return the frame's own name and the video it is from: ``17fromGOPR1055`` is frame 17."""
    name = name_of(file.rpartition("/")[2])
    video = re.search(r"from(.+)$", name)
    return name, video[1] if video else name


def open_reds(card: SuiteCard, root: Path, options: Mapping[str, str]) -> Suite:
    """Open REDS (Nah et al. 2019): {train,val}/{train,val}_{blur,sharp}/000/00000000.png.

    The folders of both splits may also lie side by side. The 30 validation sequences are the test
    split here: the official test set's references are not public. Raises `BenchError` where there
    is no data, and for frames without a counterpart.
    """
    for base in first_folder(root, ("REDS",)):
        splits: dict[Split, Listing[Files]] = {}
        official: dict[Split, str] = {"test": "val", "train": "train"}
        for split, name in official.items():
            for directory in (base / name, base):
                if (directory / f"{name}_blur").is_dir():
                    files = match(directory, f"{name}_blur", f"{name}_sharp")
                    splits[split] = listing(directory, files, _reds_identity)
                    break
        layout = "{train,val}_{blur,sharp}/<sequence>"
        if not splits and (found := paired(base, sequence_of)):
            layout, splits = found
        if splits:
            note = "test: the official validation set; the official test references are not public"
            return assemble(
                card, root, options, layout, splits, validation=VALIDATION, notes=[note]
            )
    raise no_data(
        card,
        root,
        "val/val_blur/000/00000000.png with val/val_sharp/000/00000000.png, and train alike, or "
        "{train,test}/{input,target}/*.png",
    )


def _reds_identity(file: str) -> tuple[str, str]:
    """Return ``val-000-00000000`` and ``val-000``: both splits count their sequences from 000."""
    *_, split, sequence, frame = file.split("/")
    cluster = f"{split.removesuffix('_blur')}-{sequence}"
    return f"{cluster}-{frame.rpartition('.')[0]}", cluster


def open_rsblur(card: SuiteCard, root: Path, options: Mapping[str, str]) -> Suite:
    """Open RSBlur (Rim et al. 2022): 0001/000022/{real_blur/real_blur,gt/gt_sharp}.png.

    The split is that of the authors' lists RSBlur_real_{train,val,test}.txt. Raises `BenchError`
    where there are no images or no lists, and for listed files that are not there.
    """
    names: Mapping[Split, str] = {
        split: f"RSBlur_real_{split}.txt" for split in ("train", "val", "test")
    }
    for base in first_folder(root, ("RSBlur",)):
        if found := read_lists(base, names, _rsblur_identity):
            return assemble(card, root, options, "lists of files", found)
        if found_pairs := paired(base, sequence_of):
            return assemble(card, root, options, *found_pairs, VALIDATION)
        if next(base.glob("*/*/real_blur"), None):
            raise BenchError(
                f"'{base}' has the images of RSBlur but not the lists that split them; put "
                f"{first_few(names.values())} beside them (datalist/RSBlur of {card.source})"
            )
    raise no_data(
        card,
        root,
        "RSBlur/0001/000022/{real_blur/real_blur.png,gt/gt_sharp.png} with the lists "
        f"{first_few(names.values())}, or {{train,val,test}}/{{input,target}}/*.png",
    )


SHOTS = 20
"""Each scene was photographed so many times in a row; the numbers of a scene begin at 20 n + 2."""


def _rsblur_identity(file: str) -> tuple[str, str]:
    """Return ``0001-000022`` and its scene: the twenty numbers that were taken in a row."""
    session, number = file.split("/")[-4:-2]
    scene = (int(number) - 2) // SHOTS if number.isdigit() else 0
    return f"{session}-{number}", f"{session}-{scene:04d}"
