"""GOPRO_Large (Nah et al. 2017), in its official layout and in the two that it is passed on in.

official   {train,test}/GOPRxxxx_xx_xx/{blur,blur_gamma,sharp}/NNNNNN.png
flattened  {train,test}/{blur,blur_gamma,sharp}/GOPRxxxx_xx_xx-NNNNNN.png
paired     {train,test}/{input,target}/GOPRxxxx_xx_xx-NNNNNN.png
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from bench.core.blobs import SUFFIX
from bench.core.errors import BenchError
from bench.suites.fetch import Download
from bench.suites.folder import (
    Files,
    assemble,
    first_few,
    first_folder,
    folders_in,
    halves_in,
    listing,
    match,
    name_of,
    no_data,
)
from bench.suites.listing import Listing
from bench.suites.table import Split, Suite, SuiteCard

OFFICIAL_TEST: dict[str, int] = {
    "GOPR0384_11_00": 100,
    "GOPR0384_11_05": 100,
    "GOPR0385_11_01": 100,
    "GOPR0396_11_00": 100,
    "GOPR0410_11_00": 134,
    "GOPR0854_11_00": 100,
    "GOPR0862_11_00": 77,
    "GOPR0868_11_00": 100,
    "GOPR0869_11_00": 100,
    "GOPR0871_11_00": 100,
    "GOPR0881_11_01": 100,
}
"""Frames of each test sequence, 1111 in all."""

GOPRO_LARGE = Download(
    # The copy under the author's account (snah), which several public projects fetch.
    urls=("https://huggingface.co/datasets/snah/GOPRO_Large/resolve/main/GOPRO_Large.zip",),
    file="GOPRO_Large.zip",
    # As two unrelated public projects pin that very file.
    sha256="24532c036712515cf33803704421311c91f6a080e76049d7e5e7fd22389f128e",
    licence="CC BY 4.0",
    page="https://seungjunnah.github.io/Datasets/gopro.html",
    unpack=True,
)

VALIDATION = 7
"""One training sequence in so many validates: 3 of the official 22."""

_FRAME = re.compile(r"(GOPR\d{4}_\d\d_\d\d)[-_]+(\d+)")
_VARIANTS = ("blur", "blur_gamma")
_FLAT = frozenset({*_VARIANTS, "sharp"})
_PAIRED = frozenset({"input", "target"})


def open_gopro(card: SuiteCard, root: Path, options: Mapping[str, str]) -> Suite:
    """Open GOPRO_Large under ``root``: the folder with train and test, or the test folder itself.

    The layout is recognised; ``blur`` says which of the two blurs is the input. Validation pairs
    are whole sequences taken out of train. Raises `BenchError` where there is no data, where the
    chosen blur is not there, and for frames without a counterpart.
    """
    blur = options["blur"]
    layouts: dict[Split, str] = {}
    splits: dict[Split, Listing[Files]] = {}
    for split, directory in _split_folders(card, root).items():
        layouts[split], files = _find(directory, blur)
        splits[split] = listing(directory, files, _identity)
    notes = []
    test = splits.get("test")
    if test and (strange := test.clusters() - OFFICIAL_TEST.keys()):
        notes.append(f"not in the official test set: {first_few(strange)}")
    if "paired" in layouts.values():
        notes.append(
            f"folders called input do not say which blur they hold; it is taken to be {blur}"
        )
    layout = ", ".join(f"{split}: {name}" for split, name in layouts.items())
    return assemble(card, root, options, layout, splits, validation=VALIDATION, notes=notes)


def _split_folders(card: SuiteCard, root: Path) -> dict[Split, Path]:
    names: tuple[Split, ...] = ("test", "train")
    for base in first_folder(root, ("GOPRO_Large", "Gopro")):
        inside = {name.lower(): name for name in folders_in(base)}  # many write Train and Test
        splits = {name: base / inside[name] for name in names if name in inside}
        if splits:
            return splits
    if root.name == "train":
        raise BenchError(f"'{root}' is the training half; pass the folder above it")
    if _layout(root) is not None:
        return {"test": root}
    raise no_data(
        card,
        root,
        "test/GOPR0384_11_00/{blur,sharp}/000001.png or test/{blur,sharp}/"
        "GOPR0384_11_00-000001.png or test/{input,target}/GOPR0384_11_00-000001.png, and train "
        "alike",
    )


def _layout(folder: Path) -> str | None:
    """Return which layout a split's folder has, or None. Raises `BenchError` if it has two."""
    inside = set(folders_in(folder))
    halves = halves_in(folder)
    layouts = {
        "LMDB": halves is not None and halves[0].endswith(SUFFIX),
        "flattened": not inside.isdisjoint(_FLAT),
        "paired": inside >= _PAIRED,
        "official": any(
            not _FLAT.isdisjoint(folders_in(folder / name)) for name in inside - _FLAT - _PAIRED
        ),
    }
    fitting = [name for name, fits in layouts.items() if fits]
    if len(fitting) > 1:
        raise BenchError(
            f"'{folder}' mixes the {' and the '.join(fitting)} layout ({first_few(inside)}); keep "
            "one of them"
        )
    return fitting[0] if fitting else None


def _find(directory: Path, blur: str) -> tuple[str, list[Files]]:
    """Return the layout of a split and its pairs of files, in the order of their names."""
    layout = _layout(directory)
    if layout is None:
        raise BenchError(
            f"'{directory}' has none of the GoPro layouts; it holds "
            f"{first_few(p.name for p in directory.iterdir()) or 'nothing'}"
        )
    if layout == "LMDB" and (halves := halves_in(directory)):
        return layout, match(directory, *halves)
    if layout == "paired":
        if blur != "blur":
            raise BenchError(
                f"'{directory}' has the folders input and target, which do not say that they hold "
                f"{blur}; rename input to {blur} and target to sharp if they do, or choose "
                "gopro:blur=blur"
            )
        return layout, match(directory, "input", "target")
    if layout == "flattened":
        _require(directory, blur)
        files = match(directory, blur, "sharp")
    else:
        files = []
        for sequence in folders_in(directory):
            _require(directory / sequence, blur)
            files += match(directory, f"{sequence}/{blur}", f"{sequence}/sharp")
    return layout, files


def _require(folder: Path, blur: str) -> None:
    there = folders_in(folder)
    for name in (blur, "sharp"):
        if name not in there:
            others = [other for other in _VARIANTS if name != "sharp" and other in there]
            hint = "".join(f"; choose gopro:blur={other}" for other in others)
            raise BenchError(
                f"no folder '{name}' in '{folder}', which holds {first_few(there)}{hint}"
            )


def _identity(file: str) -> tuple[str, str]:
    """Return pair id and sequence of ``GOPR0384_11_00-000001``; some copies join by ``_``."""
    name = name_of(file)
    known = _FRAME.fullmatch(name)
    if known:
        return f"{known[1]}-{known[2]}", known[1]
    return name, name.rpartition("-")[0] or name
