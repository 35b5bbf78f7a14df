"""Folders of images: listing them, pairing them by name, and the suites that these make."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.core.blobs import SUFFIX, is_lmdb, names_in
from bench.core.errors import BenchError
from bench.image import SUFFIXES
from bench.records import Pair
from bench.suites.listing import Listing, held_out
from bench.suites.table import Split, Suite, SuiteCard, canonical

DEGRADED = frozenset({"blur", "blur_gamma", "degraded", "input", "lq", "bad_frames"})
REFERENCE = frozenset({"sharp", "target", "gt", "groundtruth", "reference", "hq", "good_frames"})
"""Folder names that say which half of a pair lies inside; they are no part of a pair's name."""
_NAMELESS = DEGRADED | REFERENCE

HALVES = (
    ("input", "target"),
    ("blur", "sharp"),
    ("blur", "gt"),
    ("lq", "gt"),
    ("lq", "hq"),
    ("degraded", "reference"),
    ("blur_crops", "sharp_crops"),
    ("input_crops", "target_crops"),
)
"""The two folders that copies of paired data sets have, degraded first."""

SPLITS: dict[Split, tuple[str, ...]] = {
    "test": ("test",),
    "train": ("train",),
    "val": ("val", "valid", "validation"),
}
"""Folder names of each split."""

NOUNS: dict[Split, str] = {"train": "training", "val": "validation", "test": "test"}

Files = tuple[str, str]
"""A pair's degraded file and its reference, below one folder, with ``/`` between folders."""

Identify = Callable[[str], tuple[str, str]]
"""From a degraded file, below that folder, to the pair's id and its cluster."""


class NoData(BenchError):
    """There is nothing of the data set where it was looked for."""


# --- names --------------------------------------------------------------------------------------


def name_of(file: str) -> str:
    """Return the name by which an image is paired: its folders and stem, joined by ``-``.

    ``file`` is its path below the folder that is listed.

    >>> name_of("GOPR0384_11_00/blur/000001.png")
    'GOPR0384_11_00-000001'
    """
    *folders, last = unicodedata.normalize("NFC", file).split("/")  # as Linux, not as macOS has it
    stem = last.rpartition(".")[0]
    if not folders:
        return stem
    return "-".join([*(folder for folder in folders if not _is_nameless(folder)), stem])


def _is_nameless(folder: str) -> bool:
    return folder.lower().removesuffix(SUFFIX).removesuffix("_crops") in _NAMELESS


def sequence_of(file: str) -> tuple[str, str]:
    """Return the name of a file, and what stands before its last ``-``, or the name itself."""
    name = name_of(file)
    return name, name.rpartition("-")[0] or name


def cluster_of(names: Collection[str]) -> dict[str, str]:
    """Return name -> cluster: what stands before the last ``-`` where several names share it.

    So ``street-001`` and ``street-002`` are one sequence, and ``harbour`` is its own.
    """
    shared = _shared(names)
    return {name: _cluster(name, shared) for name in names}


def _shared(names: Iterable[str]) -> set[str]:
    stems = Counter(name.rpartition("-")[0] for name in names)
    return {stem for stem, count in stems.items() if stem and count > 1}


def _cluster(name: str, shared: Collection[str]) -> str:
    stem = name.rpartition("-")[0]
    return stem if stem in shared else name


def first_few(names: Iterable[str], count: int = 5) -> str:
    """Return the first names in order, and that there are more where there are."""
    ordered = sorted(names)
    return ", ".join(ordered[:count]) + (", .." if len(ordered) > count else "")


# --- finding and pairing ------------------------------------------------------------------------


def files_in(
    folder: Path, prefer: Collection[str] = (), name: Callable[[str], str] = name_of
) -> dict[str, str]:
    """Return the images under ``folder``, at any depth, by name, in name order.

    Their paths are below ``folder``. Where some lie in a folder whose name is in ``prefer`` (such
    as `REFERENCE`), only they count: so a whole data set can stand for its references. Hidden files
    are passed over. Nothing but names is read. Raises `BenchError` where there is no such folder,
    no image, or one name twice.
    """
    if not folder.is_dir():
        raise BenchError(f"no folder '{folder}'; expected a folder of images")
    files = names_in(folder) if is_lmdb(folder) else sorted(files_below(folder))
    if prefer:
        inside = [f for f in files if not set(f.lower().split("/")[:-1]).isdisjoint(prefer)]
        files = inside or files
    found: dict[str, str] = {}
    for file in files:
        if (clash := found.setdefault(called := name(file), file)) is not file:
            raise BenchError(
                f"two images are called '{called}': '{folder / clash}' and '{folder / file}'"
            )
    if not found:
        holds = first_few(path.name for path in folder.iterdir()) or "nothing"
        raise BenchError(
            f"no images in '{folder}', which holds {holds}; expected files that end in "
            f"{', '.join(sorted(SUFFIXES))}"
        )
    return dict(sorted(found.items()))


def named_images(folder: Path, prefer: Collection[str] = ()) -> dict[str, Path]:
    """Return `files_in` as whole paths."""
    return {name: folder / file for name, file in files_in(folder, prefer).items()}


def has_images(folder: Path) -> bool:
    """Say whether there is any image under ``folder``, at any depth."""
    return folder.is_dir() and (is_lmdb(folder) or any(files_below(folder)))


def files_below(folder: Path, suffixes: Collection[str] = SUFFIXES) -> Iterator[str]:
    """Yield the files below ``folder`` that end so, at any depth, as paths below it, in any order.

    Hidden files are passed over. Symbolic links are followed, but not in a circle.
    """
    return _walk(str(folder), "", suffixes)


def _walk(
    folder: str,
    above: str,
    suffixes: Collection[str],
    outer: frozenset[tuple[int, int]] = frozenset(),
) -> Iterator[str]:
    status = Path(folder).stat()
    if (here := (status.st_dev, status.st_ino)) in outer:
        return  # a link to a folder that it lies in: everything there is met anyway
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if _leads_to_folder(entry):
                yield from _walk(entry.path, f"{above}{entry.name}/", suffixes, outer | {here})
            elif _ends_in(suffixes, entry.name):
                yield above + entry.name


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link to itself: reading it says so


def _ends_in(suffixes: Collection[str], name: str) -> bool:
    return name[name.rfind(".") :].lower() in suffixes


def images_directly_in(folder: Path) -> list[str]:
    """Return the names of the images in ``folder`` itself, in order; none if there is no folder."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted(
            entry.name
            for entry in entries
            if _ends_in(SUFFIXES, entry.name) and not entry.name.startswith(".") and entry.is_file()
        )


def folders_in(folder: Path) -> list[str]:
    """Return the names of the folders in ``folder``, in order; none if it is no folder."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))


def match(
    base: Path, degraded: str, reference: str, name: Callable[[str], str] = name_of
) -> list[Files]:
    """Pair the images of two folders below ``base`` by name, in name order.

    Raises `BenchError` for a missing folder and for images without a counterpart.
    """
    ours, theirs = files_in(base / degraded, name=name), files_in(base / reference, name=name)
    require_same_names(ours, base / degraded, theirs, base / reference)
    return [(f"{degraded}/{file}", f"{reference}/{theirs[key]}") for key, file in ours.items()]


def require_same_names(
    first: Iterable[str], first_place: object, second: Iterable[str], second_place: object
) -> None:
    """Raise `BenchError` unless both have the same names; it lists the first few that differ."""
    first, second = set(first), set(second)
    problems = [
        f"{len(names)} only in '{directory}': {first_few(names)}"
        for names, directory in ((first - second, first_place), (second - first, second_place))
        if names
    ]
    if problems:
        raise BenchError(
            f"images are paired by name, but {'; '.join(problems)}; add the missing files or "
            "remove the others"
        )


def listing(
    base: Path,
    files: Sequence[Files],
    identify: Identify,
    strata: Callable[[str], Mapping[str, str]] = lambda degraded: {},
) -> Listing[Files]:
    """Return the pairs of files below ``base``; ``strata`` reads what a degraded path says."""

    def make(row: Files) -> Pair:
        name, cluster = identify(row[0])
        return Pair(name, base / row[0], base / row[1], cluster, strata(row[0]))

    return Listing(files, make, cluster=lambda row: identify(row[0])[1])


def halves_in(folder: Path) -> tuple[str, str] | None:
    """Return which two folders of `HALVES` are in ``folder``, if any are."""
    inside = {name.lower().removesuffix(SUFFIX): name for name in folders_in(folder)}
    for first, second in HALVES:
        if first in inside and second in inside:
            return inside[first], inside[second]
    return None


def paired(root: Path, identify: Identify) -> tuple[str, dict[Split, Listing[Files]]] | None:
    """Find {train,val,test}/{input,target} under ``root``, or {input,target} alone: a test set.

    The halves may have any of the names in `HALVES`. Returns the layout in words and the splits,
    or None where there is no such folder. Raises `BenchError` for images without a counterpart.
    """
    inside = {name.lower(): name for name in folders_in(root)}  # many write Train and Test
    places: dict[Split, Path] = {
        split: root / inside[name]
        for split, names in SPLITS.items()
        for name in names
        if name in inside and halves_in(root / inside[name])
    } or {"test": root}
    splits: dict[Split, Listing[Files]] = {}
    for split, directory in places.items():
        halves = halves_in(directory)
        if halves is None:
            return None
        splits[split] = listing(directory, match(directory, *halves), identify)
        layout = f"{{{','.join(halves)}}}, paired by name"
    return (layout if places == {"test": root} else f"{{{','.join(places)}}}/{layout}"), splits


# --- suites -------------------------------------------------------------------------------------


def first_folder(root: Path, inner: Iterable[str]) -> Iterator[Path]:
    """Yield ``root`` and what an archive may have put its content into below it."""
    yield root
    for name in inner:
        if (root / name).is_dir():
            yield root / name


def no_data(card: SuiteCard, root: Path, expected: str) -> NoData:
    """Return the error for a folder that holds nothing of the data set."""
    holds = "no such folder"
    if root.is_dir():
        holds = f"it holds {first_few(path.name for path in root.iterdir()) or 'nothing'}"
    return NoData(
        f"no {card.title} in '{root}' ({holds}): expected {expected}; {how_to_get(card)}, or pass "
        "--data with the folder that holds it"
    )


def how_to_get(card: SuiteCard) -> str:
    """Say where a suite's data comes from, how much it is and under which licence."""
    facts = f"({card.size}; licence: {card.licence})"
    if card.download:
        return f"run 'bench fetch {card.name}' {facts}, or download it from {card.source}"
    return f"get it from {card.source} {facts}"


def assemble(
    card: SuiteCard,
    root: Path,
    options: Mapping[str, str],
    layout: str,
    splits: Mapping[Split, Listing[Any]],
    validation: int = 0,
    notes: Iterable[str] = (),
    spec: str | None = None,
) -> Suite:
    """Return the suite of these splits, noting where they are not the published ones.

    ``spec`` is the suite's name in the table, where that is not the card's. Where there is no
    validation split, one cluster in ``validation`` is taken out of train.
    """
    found, remarks = dict(splits), list(notes)
    remarks += [
        f"{count} of {expected} {NOUNS[split]} images"
        + (": not the official test set" if split == "test" else "")
        for split, (count, expected) in counts(card, found).items()
        if count not in ((expected,) if split == "test" else (0, expected))
    ]
    train = found.get("train")
    if validation and train and not found.get("val"):
        names = held_out(train.clusters(), validation)
        if names:
            found["val"], found["train"] = train.divide(set(names))
            remarks.append(f"validation: {first_few(names)}, taken out of train")

    def listed(split: Split) -> Sequence[Pair]:
        return found.get(split, [])

    name = canonical(spec or card.name, options)
    return Suite(name, card, root, layout, listed, notes=tuple(remarks))


def counts(card: SuiteCard, splits: Mapping[Split, Sequence[Pair]]) -> dict[Split, tuple[int, int]]:
    """Return how many pairs each published split has here, and how many it should have.

    Validation counts as train where no validation split is published.
    """
    sizes = {split: len(pairs) for split, pairs in splits.items()}
    if "val" not in card.images:
        sizes["train"] = sizes.get("train", 0) + sizes.get("val", 0)
    return {split: (sizes.get(split, 0), expected) for split, expected in card.images.items()}
