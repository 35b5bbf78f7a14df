"""RealBlur (Rim et al. 2020): photographs of two cameras behind one lens, as JPEG and as raw.

official   RealBlur_J_test_list.txt, RealBlur_J_train_list.txt and the folder they name,
           RealBlur-J_ECC_IMCORR_centroid_itensity_ref/scene230/{blur/blur_7,gt/gt_7}.png
paired     RealBlur_J/{train,test}/{input,target}/*.png, or RealBlur_J/{input,target}/*.png

The pairs are aligned to about a pixel only: `bench.metrics.aligned` has the authors' protocol.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from bench.core.errors import BenchError
from bench.suites.folder import (
    assemble,
    first_few,
    first_folder,
    name_of,
    no_data,
    paired,
    sequence_of,
)
from bench.suites.lists import read_lists
from bench.suites.table import Split, Suite, SuiteCard

VALIDATION = 16
"""One training scene in so many validates: 11 of the official 182."""
UNALIGNED = (
    "psnr-aligned and ssim-aligned follow the authors' protocol; every other metric compares the "
    "images as they lie, up to a pixel apart"
)


def open_realblur(card: SuiteCard, root: Path, options: Mapping[str, str]) -> Suite:
    """Open RealBlur-J or RealBlur-R, whichever the card is named after.

    Validation scenes are taken out of train. Raises `BenchError` where there are no images or no
    lists, for listed files that are not there, and for images without a counterpart.
    """
    half = card.name[-1].upper()
    names: dict[Split, str] = {
        "test": f"RealBlur_{half}_test_list.txt",
        "train": f"RealBlur_{half}_train_list.txt",
    }
    inner = (f"RealBlur_{half}", f"RealBlur-{half}", f"test/RealBlur_{half}", "RealBlur")
    for base in first_folder(root, inner):
        if found := read_lists(base, names, _identity):
            layout = "lists of files"
            return assemble(
                card, root, options, layout, found, validation=VALIDATION, notes=[UNALIGNED]
            )
        if found_pairs := paired(base, _identity):
            return assemble(card, root, options, *found_pairs, VALIDATION, [UNALIGNED])
        if next(base.glob(f"RealBlur-{half}_*/scene*"), None):
            raise BenchError(
                f"'{base}' has the scenes of RealBlur-{half} but not the lists that split them: "
                f"put {first_few(names.values())} there ({card.source})"
            )
    raise no_data(
        card,
        root,
        f"{names['test']} and {names['train']} with the folder that they name, or "
        f"RealBlur_{half}/{{train,test}}/{{input,target}}/*.png",
    )


def _identity(file: str) -> tuple[str, str]:
    """Return ``scene230-7`` and ``scene230``, from blur and gt alike.

    Copies whose names have another form keep them, with the scene if they name one.
    """
    official = re.search(r"(scene\w+)/(?:blur|gt)/(?:blur|gt)_(\w+)\.\w+$", file)
    if official:
        return f"{official[1]}-{official[2]}", official[1]
    name, sequence = sequence_of(file)
    scene = re.match(r"scene\d+", name_of(file))
    return name, scene[0] if scene else sequence
