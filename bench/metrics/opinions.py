"""Data sets of people's opinions of distorted images, in the layouts that their authors give out.

`OPINIONS` is the table: what each set is, and how its files are read to `Opinion`s.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.core.errors import BenchError
from bench.core.files import read_csv

_ANEW = "take it as its authors give it out"


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
    relative: bool = False
    """Whether values compare the versions of one reference with each other, and say nothing across
    references, as shares of votes do."""


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
    for row in read_csv(root / "dmos.csv", ("dist_img", "ref_img", "dmos"), _ANEW):
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
    table, columns = root / "csiq.DMOS.csv", ("image", "dst_type", "dst_lev", "dmos")
    for row in read_csv(table, columns, _ANEW):
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


METHODS = "deblur_study_methods.txt"


def _votes(root: Path) -> Iterator[Opinion]:
    """``deblur_study_*.csv``: ``25,3,6,1``: of image 25, method 3 was preferred to method 6.

    Methods are numbered from 1 in the order of ``deblur_study_methods.txt``. Images lie in a folder
    called as their method, and sharp ones in ``reference``, called by their number. A method's
    value is its share of the votes that it was in, on the image.
    """
    methods = [line.strip() for line in (root / METHODS).read_text("utf-8").splitlines()]
    methods = [name for name in methods if name]
    files = sorted(root.glob("deblur_study_*.csv"))
    if len(files) != 1:
        raise BenchError(f"'{root}' has {len(files)} files deblur_study_*.csv; expected one")
    won: Counter[tuple[int, int]] = Counter()
    judged: Counter[tuple[int, int]] = Counter()
    for number, line in enumerate(files[0].read_text("utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            image, first, second, winner = map(int, line.split(","))
        except ValueError:
            image = first = second = winner = 0
        if not {first, second} <= set(range(1, len(methods) + 1)) or winner not in (1, 2):
            raise BenchError(
                f"'{files[0]}', line {number}: '{line}' is no vote; expected image,first,second,"
                f"winner with methods from 1 to {len(methods)} and a winner 1 or 2"
            )
        judged.update([(image, first), (image, second)])
        won[image, first if winner == 1 else second] += 1
    references = _numbered(root / "reference")
    outputs = [_numbered(root / name) for name in methods]
    for (image, method), count in sorted(judged.items()):
        yield Opinion(
            _of(outputs[method - 1], image, root / methods[method - 1]),
            _of(references, image, root / "reference"),
            won[image, method] / count,
        )


def _numbered(folder: Path) -> dict[int, Path]:
    return {int(p.stem): p for p in _files(folder).values() if p.stem.isdecimal()}


def _of(files: Mapping[int, Path], image: int, folder: Path) -> Path:
    try:
        return files[image]
    except KeyError:
        raise BenchError(f"'{folder}' has no image {image}, which votes are of") from None


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
        OpinionSet(
            name="deblurring-votes",
            title="votes on results of 14 deblurring methods; 100 images, uniformly blurred",
            mark=METHODS,
            read=_votes,
            higher_is_better=True,
            images=1391,
            size="23,479 votes, 0.3 MB; images put by you into a folder a method, and reference",
            licence="not stated",
            citation="Lai et al. 2016, doi:10.1109/CVPR.2016.188",
            relative=True,
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
