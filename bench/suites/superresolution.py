"""Super-resolution: Set5, Set14 and DIV2K, in the layouts that they are passed on in.

flat       baby_GT.bmp or baby.png, and Set5_LR_bicubic/x4/babyx4.bmp inside or beside the folder
BasicSR    GTmod12/baby.png, LRbicx4/baby.png
EDSR       HR/baby.png, LR_bicubic/X4/babyx4.png
SelfExSR   image_SRF_4/img_001_SRF_4_{HR,LR}.png
paired     {gt,lq}, {target,input}, {HR,LR}
DIV2K      DIV2K_valid_HR/0801.png, DIV2K_valid_LR_bicubic/X4/0801x4.png, and train alike

Where no low-resolution file is found, one is made on reading, as MATLAB's imresize would from the
reference cut to a multiple of the scale.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from bench.core.errors import BenchError
from bench.records import Pair
from bench.suites.folder import (
    assemble,
    first_folder,
    images_directly_in,
    name_of,
    no_data,
    require_same_names,
)
from bench.suites.listing import Listing
from bench.suites.table import Split, Suite, SuiteCard

VALIDATION = 40
"""One training image of DIV2K in so many validates: 20 of 800."""
TEST_SET = "a test set: networks need weights trained on other data, such as DIV2K"

FOLDERS = ("GTmod12", "HR", "gt", "GT", "hq", "target", "image_SRF_{scale}", "original", "")
"""Where the references of a test set lie; the last: in the folder itself."""

Row = tuple[str, str, Path | None]
"""A name, its reference, and its low-resolution file where there is one."""

_LOW = re.compile(r"_LR$")


def open_test_set(card: SuiteCard, root: Path, options: Mapping[str, str]) -> Suite:
    """Open Set5 or Set14 at ``scale``. All images test.

    Raises `BenchError` where there is no reference, and for low-resolution files that are not those
    of the references.
    """
    scale = int(options["scale"])
    title = card.name.capitalize()
    for base in first_folder(root, (title, card.name, f"{title}/{title}")):
        for name in FOLDERS:
            inner = name.format(scale=scale)
            folder = base / inner
            references = _references(folder, scale)
            if references:
                small = _low_resolution(_places(base, folder, scale), references, folder, scale)
                pairs = _listing(folder, references, small, scale)
                layout = f"{inner or base.name}/*, {_made_or_found(small)}"
                splits: dict[Split, Listing[Row]] = {"test": pairs}
                suite = assemble(card, root, options, layout, splits, notes=[TEST_SET])
                return replace(suite, border=scale, scale=scale)
    raise no_data(
        card,
        root,
        f"references like {title}/baby_GT.bmp, GTmod12/*.png, HR/*.png or gt/*.png, and low "
        f"resolution, unless it is to be made, in {title}_LR_bicubic/x{scale}, LRbicx{scale}, "
        f"LR_bicubic/X{scale} or lq",
    )


def open_div2k(card: SuiteCard, root: Path, options: Mapping[str, str]) -> Suite:
    """Open DIV2K at ``scale``: the 100 validation images test, some of the 800 others validate.

    Raises `BenchError` where there is no DIV2K_valid_HR, and for low-resolution files that are not
    those of the references.
    """
    scale = int(options["scale"])
    official: dict[Split, str] = {"test": "valid", "train": "train"}
    for base in first_folder(root, ("DIV2K",)):
        splits: dict[Split, Listing[Row]] = {}
        layouts = []
        for split, name in official.items():
            folder = base / f"DIV2K_{name}_HR"
            if references := _references(folder, scale):
                places = (
                    base / f"DIV2K_{name}_LR_bicubic" / f"X{scale}",
                    base
                    / f"DIV2K_{name}_LR_bicubic_X{scale}"
                    / f"DIV2K_{name}_LR_bicubic"
                    / f"X{scale}",
                )
                small = _low_resolution(places, references, folder, scale)
                splits[split] = _listing(folder, references, small, scale)
                layouts.append(f"{folder.name}, {_made_or_found(small)}")
        if "test" in splits:
            note = "test: the official validation images; the official test set is not public"
            layout = "; ".join(layouts)
            suite = assemble(
                card, root, options, layout, splits, validation=VALIDATION, notes=[note]
            )
            return replace(suite, border=scale, scale=scale)
    raise no_data(
        card,
        root,
        f"DIV2K_valid_HR/0801.png .., and unless they are to be made DIV2K_valid_LR_bicubic/"
        f"X{scale}/0801x{scale}.png; for training DIV2K_train_HR alike",
    )


def _references(folder: Path, scale: int) -> dict[str, str]:
    """Return name -> file of the references in ``folder``. Raises `BenchError` for a name twice."""
    files = (file for file in images_directly_in(folder) if not _LOW.search(name_of(file)))
    return _named(folder, files, scale)


def _named(folder: Path, files: Iterable[str], scale: int) -> dict[str, str]:
    found: dict[str, str] = {}
    for file in files:
        name = re.sub(rf"(_SRF_{scale})?(_GT|_HR|_LR|_?x{scale})?$", "", name_of(file), flags=re.I)
        if (other := found.setdefault(name, file)) != file:
            raise BenchError(
                f"'{folder}' has '{other}' and '{file}', two images called '{name}'; keep one"
            )
    return found


def _places(base: Path, references: Path, scale: int) -> tuple[Path, ...]:
    """Return where the low-resolution files of these references may lie."""
    lower = (f"x{scale}", f"X{scale}")
    return (
        base / f"LRbicx{scale}",
        *(
            directory / f"{base.name}_LR_bicubic" / inner
            for directory in (base, base.parent)
            for inner in lower
        ),
        *(base / f"LR_bicubic/{inner}" for inner in lower),
        *(base / name / inner for name in ("lq", "LR", "input") for inner in (*lower, "")),
        references,  # beside them, as NAME_LR
    )


def _low_resolution(
    places: Iterable[Path], references: Mapping[str, str], folder: Path, scale: int
) -> dict[str, Path]:
    """Return name -> low-resolution file, from the first place that has any; empty: none has."""
    for directory in places:
        files = images_directly_in(directory)
        if directory == folder:
            files = [file for file in files if _LOW.search(name_of(file))]
        if files:
            found = {
                name: directory / file for name, file in _named(directory, files, scale).items()
            }
            require_same_names(found, directory, references, folder)
            return found
    return {}


def _made_or_found(small: Mapping[str, Path]) -> str:
    if not small:
        return "low resolution made here (MATLAB bicubic)"
    directory = next(iter(small.values())).parent
    return f"low resolution from {directory.parent.name}/{directory.name}"


def _listing(
    folder: Path, references: Mapping[str, str], small: Mapping[str, Path], scale: int
) -> Listing[Row]:
    def make(row: Row) -> Pair:
        name, file, low = row
        reference = folder / file
        if low is not None:
            return Pair(name, low, reference, name, scale=scale)
        return Pair(name, reference, reference, name, scale=scale, degradation={"scale": scale})

    return Listing([(name, file, small.get(name)) for name, file in references.items()], make)
