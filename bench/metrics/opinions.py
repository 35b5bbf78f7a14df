"""Data sets of people's opinions of distorted images, in the layouts that their authors give out.

`OPINIONS` is the table: what each set is, and how its files are read to `Opinion`s. `PUBLISHED` has
correlations of metrics with people that others measured on them.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.core.errors import BenchError


@dataclass(frozen=True, slots=True)
class Opinion:
    """One distorted image, its reference, and the mean of what people said of it."""

    image: Path
    reference: Path
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OpinionSet:
    """One row of the table. ``higher_is_better`` is of people's values."""

    name: str
    title: str
    mark: str
    """The file or folder that tells the layout."""
    read: Callable[[Path], Iterator[Opinion]]
    higher_is_better: bool
    images: int
    """How many distorted images the set has whole, those that people judged."""
    size: str
    licence: str
    citation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Spearman's rank correlation, as a size, that others measured, and what they measured."""

    metric: str
    opinions: str
    srocc: float
    source: str


def _files(folder: Path) -> dict[str, Path]:
    """Return the files of a folder by their names in lower case: sets mix both."""
    return {path.name.lower(): path for path in folder.iterdir()} if folder.is_dir() else {}


def _found(files: Mapping[str, Path], name: str, folder: Path) -> Path:
    try:
        return files[name.lower()]
    except KeyError:
        raise BenchError(f"'{folder}' has no '{name}', which the opinions are of") from None


def _number(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not math.isfinite(value):
        raise BenchError(f"{where}: '{text}' is no number")
    return value


def _csv(path: Path, columns: Iterable[str]) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if missing := set(columns) - set(reader.fieldnames or ()):
            raise BenchError(f"'{path}' has no column {', '.join(sorted(missing))}")
        return list(reader)


def _tid2013(root: Path) -> Iterator[Opinion]:
    """``mos_with_names.txt``: ``5.51429 I01_01_1.bmp``."""
    listed = root / "mos_with_names.txt"
    distorted, references = (_files(root / f"{f}_images") for f in ("distorted", "reference"))
    for number, line in enumerate(listed.read_text("utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        value, _, name = line.strip().partition(" ")
        yield Opinion(
            _found(distorted, name.strip(), root / "distorted_images"),
            _found(references, f"{name.strip().split('_')[0]}.bmp", root / "reference_images"),
            _number(value, f"'{listed}', line {number}"),
        )


def _kadid(root: Path) -> Iterator[Opinion]:
    """``dmos.csv``: dist_img, ref_img, dmos, var; 5 is the best."""
    files = _files(root / "images")
    for row in _csv(root / "dmos.csv", ("dist_img", "ref_img", "dmos")):
        yield Opinion(
            _found(files, row["dist_img"], root / "images"),
            _found(files, row["ref_img"], root / "images"),
            _number(row["dmos"], f"'{root / 'dmos.csv'}', {row['dist_img']}"),
        )


LIVE_FOLDERS = {"jp2k": 227, "jpeg": 233, "wn": 174, "gblur": 174, "fastfading": 174}
"""In the order of ``dmos.mat``: how many images each has."""


def _live(root: Path, folders: Mapping[str, int] | None = None) -> Iterator[Opinion]:
    """``dmos.mat`` and ``refnames_all.mat``: one row over all folders; ``orgs`` are references."""
    import numpy as np
    from scipy.io import loadmat

    folders = folders or LIVE_FOLDERS
    scores: Any = loadmat(root / "dmos.mat")
    dmos, originals = np.ravel(scores["dmos"]), np.ravel(scores["orgs"])
    names = [
        str(np.ravel(n)[0]) for n in np.ravel(loadmat(root / "refnames_all.mat")["refnames_all"])
    ]
    if not len(dmos) == len(originals) == len(names) == sum(folders.values()):
        raise BenchError(
            f"'{root}': {len(dmos)} values and {len(names)} names of references; expected "
            f"{sum(folders.values())} of each"
        )
    references = _files(root / "refimgs")
    places = [(folder, i + 1) for folder, count in folders.items() for i in range(count)]
    for (folder, number), value, original, name in zip(places, dmos, originals, names, strict=True):
        if not original:
            image = _found(_files(root / folder), f"img{number}.bmp", root / folder)
            yield Opinion(image, _found(references, name, root / "refimgs"), float(value))


def _csiq(root: Path) -> Iterator[Opinion]:
    """``csiq.DMOS.csv``: the sheet all_by_image of csiq.DMOS.xlsx, saved as CSV."""
    kinds = {"noise": "AWGN", "blur": "BLUR", "jpeg 2000": "jpeg2000", "jpeg": "JPEG"}
    references = _files(root / "src_imgs")
    for row in _csv(root / "csiq.DMOS.csv", ("image", "dst_type", "dst_lev", "dmos")):
        kind = kinds.get(row["dst_type"].lower(), row["dst_type"].lower())
        folder = root / "dst_imgs" / kind.lower()
        name = f"{row['image']}.{kind}.{row['dst_lev']}.png"
        yield Opinion(
            _found(_files(folder), name, folder),
            _found(references, f"{row['image']}.png", root / "src_imgs"),
            _number(row["dmos"], f"'{root / 'csiq.DMOS.csv'}', {name}"),
        )


def _pipal(root: Path) -> Iterator[Opinion]:
    """``Train_Label/A0001.txt``: ``A0001_00_00.bmp,1423.5``, Elo scores."""
    distorted, references = _files(root / "Train_Dist"), _files(root / "Train_Ref")
    for label in sorted((root / "Train_Label").glob("*.txt")):
        for number, line in enumerate(label.read_text("utf-8").splitlines(), start=1):
            if not line.strip():
                continue
            name, _, value = line.strip().partition(",")
            yield Opinion(
                _found(distorted, name, root / "Train_Dist"),
                _found(references, f"{label.stem}.bmp", root / "Train_Ref"),
                _number(value, f"'{label}', line {number}"),
            )


OPINIONS: dict[str, OpinionSet] = {
    one.name: one
    for one in (
        OpinionSet(
            name="tid2013",
            title="TID2013: 24 distortions in 5 levels of 25 images of 512x384",
            mark="mos_with_names.txt",
            read=_tid2013,
            higher_is_better=True,
            images=3000,
            size="1.8 GB of BMP",
            licence="for research, with citation; see its readme",
            citation="Ponomarenko et al. 2015, doi:10.1016/j.image.2014.10.009",
        ),
        OpinionSet(
            name="kadid10k",
            title="KADID-10k: 25 distortions in 5 levels of 81 images of 512x384",
            mark="dmos.csv",
            read=_kadid,
            higher_is_better=True,
            images=10_125,
            size="PNG, 6 GB decoded",
            licence="images under the Pixabay licence; with citation",
            citation="Lin, Hosu and Saupe 2019, doi:10.1109/QoMEX.2019.8743252",
        ),
        OpinionSet(
            name="live",
            title="LIVE release 2: 5 distortions of 29 images",
            mark="refnames_all.mat",
            read=_live,
            higher_is_better=False,
            images=779,
            size="about 1 GB of BMP",
            licence="free, with its notice and citation; by a form",
            citation="Sheikh, Sabir and Bovik 2006, doi:10.1109/TIP.2006.881959",
        ),
        OpinionSet(
            name="csiq",
            title="CSIQ: 6 distortions in 4 or 5 levels of 30 images of 512x512",
            mark="csiq.DMOS.csv",
            read=_csiq,
            higher_is_better=False,
            images=866,
            size="PNG, 0.7 GB decoded",
            licence="see its page",
            citation="Larson and Chandler 2010, doi:10.1117/1.3267105",
        ),
        OpinionSet(
            name="pipal",
            title="PIPAL's training part: restored by algorithms and GANs, 288x288",
            mark="Train_Label",
            read=_pipal,
            higher_is_better=True,
            images=23_200,
            size="5.8 GB of BMP",
            licence="for research; see its page",
            citation="Gu et al. 2020, doi:10.1007/978-3-030-58621-8_37",
        ),
    )
}


def opinions_at(root: Path) -> OpinionSet:
    """Return the set whose layout a folder has. Raises `BenchError` where it has none."""
    for one in OPINIONS.values():
        if (root / one.mark).exists():
            return one
    expected = "; ".join(f"{one.name} ({one.mark})" for one in OPINIONS.values())
    raise BenchError(f"no opinions in '{root}': expected the folder of one of {expected}")


_PIQ = "piq 0.8.0's own table, with that package's function"
_FROM_PIQ: dict[str, tuple[float, float, float]] = {
    "iw-ssim": (0.78, 0.85, 0.60),
    "ms-ssim": (0.80, 0.80, 0.55),
    "vif": (0.61, 0.65, 0.50),
    "fsim": (0.85, 0.85, 0.59),
    "sr-sim": (0.81, 0.84, 0.57),
    "gmsd": (0.80, 0.85, 0.58),
    "ms-gmsd": (0.81, 0.85, 0.59),
    "vsi": (0.90, 0.88, 0.54),
    "dss": (0.79, 0.86, 0.63),
    "haarpsi": (0.87, 0.89, 0.59),
    "mdsi": (0.89, 0.89, 0.59),
    "lpips-vgg": (0.67, 0.72, 0.57),
}
_OTHERS = {
    ("psnr", "tid2013", 0.69): f"{_PIQ}: PSNR",
    ("psnr", "kadid10k", 0.68): f"{_PIQ}: PSNR",
    ("psnr", "pipal", 0.41): f"{_PIQ}: PSNR",
    (
        "ssim",
        "tid2013",
        0.72,
    ): f"{_PIQ}, which makes large images smaller first: not our convention",
    (
        "ssim",
        "kadid10k",
        0.72,
    ): f"{_PIQ}, which makes large images smaller first: not our convention",
    ("ssim", "pipal", 0.50): f"{_PIQ}, which makes large images smaller first: not our convention",
    (
        "brisque",
        "tid2013",
        0.37,
    ): f"{_PIQ}; all distortions, where the original's are of five kinds",
    ("brisque", "kadid10k", 0.33): f"{_PIQ}; all distortions",
}
PUBLISHED: tuple[Published, ...] = (
    *(
        Published(metric=metric, opinions=opinions, srocc=value, source=_PIQ)
        for metric, values in _FROM_PIQ.items()
        for opinions, value in zip(("tid2013", "kadid10k", "pipal"), values, strict=True)
    ),
    *(
        Published(metric=metric, opinions=opinions, srocc=value, source=source)
        for (metric, opinions, value), source in _OTHERS.items()
    ),
)
"""What the documentation of piq 0.8.0 tells, in two digits, measured with the functions that our
rows of these names are or are held to."""


def published(metric: str, opinions: str) -> Published | None:
    """Return what was published of a metric on a set."""
    rows = (one for one in PUBLISHED if (one.metric, one.opinions) == (metric, opinions))
    return next(rows, None)
