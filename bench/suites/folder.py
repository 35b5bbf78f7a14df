"""Folders of images: listing them, pairing them by name, and the suite of one's own two folders."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from bench.image import SUFFIXES
from bench.records import BenchError, Pair
from bench.suites.table import Split, Suite, SuiteCard, canonical

DEGRADED = frozenset({"blur", "blur_gamma", "input", "lq"})
REFERENCE = frozenset({"sharp", "target", "gt", "groundtruth", "reference", "hq"})
"""Folder names that say which half of a pair lies inside; they are no part of a pair's name."""


def pair_name(path: Path, root: Path) -> str:
    """Return the name by which an image under ``root`` is paired: its folders and stem, by ``-``.

    >>> pair_name(Path("gopro/test/GOPR0384_11_00/blur/000001.png"), Path("gopro/test"))
    'GOPR0384_11_00-000001'
    """
    return _name(path.relative_to(root).with_suffix("").parts)


def _name(parts: Sequence[str]) -> str:
    folders = (part for part in parts[:-1] if part.lower() not in DEGRADED | REFERENCE)
    return "-".join((*folders, parts[-1]))


def named_images(folder: Path, prefer: Collection[str] = ()) -> dict[str, Path]:
    """Return the images under ``folder``, at any depth, by `pair_name`, in name order.

    Where some lie in a folder whose name is in ``prefer`` (such as `REFERENCE`), only they count:
    so a whole data set can stand for its references. Hidden files are passed over. Nothing but
    names is read. Raises `BenchError` where there is no such folder, no image, or one name twice.
    """
    if not folder.is_dir():
        raise BenchError(f"no folder '{folder}'; expected a folder of images")
    files = list(_walk(folder, ()))
    preferred = [parts for parts in files if not {p.lower() for p in parts[:-1]}.isdisjoint(prefer)]
    found: dict[str, Path] = {}
    for parts in preferred or files:
        path = folder.joinpath(*parts)
        name = _name((*parts[:-1], path.stem))
        if name in found:
            raise BenchError(f"two images are called '{name}': '{found[name]}' and '{path}'")
        found[name] = path
    if not found:
        raise BenchError(
            f"no images in '{folder}'; expected files that end in {', '.join(sorted(SUFFIXES))}"
        )
    return dict(sorted(found.items()))


def _walk(folder: Path, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from _walk(folder / entry.name, (*above, entry.name))
            elif os.path.splitext(entry.name)[1].lower() in SUFFIXES:  # noqa: PTH122
                yield (*above, entry.name)


def pair_by_name(restored: Path, reference: Path) -> list[tuple[str, Path, Path]]:
    """Return (name, restored image, reference image) of two folders, or of two image files.

    Raises `BenchError` that lists the first few names without a counterpart and says how many.
    """
    if restored.is_file() and reference.is_file():
        return [(restored.stem, restored, reference)]
    ours, theirs = named_images(restored), named_images(reference, prefer=REFERENCE)
    require_same_names(ours, restored, theirs, reference)
    return [(name, path, theirs[name]) for name, path in ours.items()]


def require_same_names(
    first: Iterable[str], first_place: object, second: Iterable[str], second_place: object
) -> None:
    """Raise `BenchError` unless both have the same names; it lists the first few that differ."""
    first, second = set(first), set(second)
    problems = [
        f"{len(names)} only in '{place}': {first_few(names)}"
        for names, place in ((first - second, first_place), (second - first, second_place))
        if names
    ]
    if problems:
        raise BenchError(
            f"images are paired by name, but {'; '.join(problems)}; add the missing files or "
            "remove the others"
        )


def first_few(names: Iterable[str], count: int = 5) -> str:
    """Return the first names in order, and that there are more where there are."""
    ordered = sorted(names)
    return ", ".join(ordered[:count]) + (", .." if len(ordered) > count else "")


def cluster_of(names: Collection[str]) -> dict[str, str]:
    """Return name -> cluster: what stands before the last ``-`` where several names share it.

    So ``street-001`` and ``street-002`` are one sequence, and ``harbour`` is its own.
    """
    shared = Counter(name.rpartition("-")[0] for name in names)
    return {
        name: stem if (stem := name.rpartition("-")[0]) and shared[stem] > 1 else name
        for name in names
    }


def open_folder(card: SuiteCard, root: Path, options: Mapping[str, str]) -> Suite:
    """Open DIR/input and DIR/target, paired by name, with DIR/psf/<name>.npy where it is known.

    All pairs are test pairs. Raises `BenchError` for missing folders and unpaired files.
    """
    missing = [name for name in ("input", "target") if not (root / name).is_dir()]
    if missing:
        raise BenchError(
            f"no folder {' and no '.join(repr(name) for name in missing)} in '{root}': expected "
            f"'{root}/input' with degraded and '{root}/target' with sharp images of the same "
            "names; pass the folder that holds both with --data"
        )
    degraded, references = named_images(root / "input"), named_images(root / "target")
    require_same_names(degraded, root / "input", references, root / "target")
    clusters = cluster_of(degraded)
    psfs = {name: root / "psf" / f"{name}.npy" for name in degraded}
    pairs = [
        Pair(name, path, references[name], clusters[name],
             psf=psfs[name] if psfs[name].is_file() else None)
        for name, path in degraded.items()
    ]  # fmt: skip

    def listed(split: Split) -> Sequence[Pair]:
        return pairs if split == "test" else []

    return Suite(
        spec=canonical(card.name, options),
        card=card,
        root=root,
        layout="{input,target}, paired by name" + (" with psf" if (root / "psf").is_dir() else ""),
        pairs=listed,
    )
