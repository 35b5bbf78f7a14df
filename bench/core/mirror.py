"""Where what is made of files goes: mirrored below another folder, and onto nothing else."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from bench.core.errors import BenchError


def mirrored(files: Mapping[Path, Path], out: Path, suffix: str) -> dict[Path, Path]:
    """Return where what is made of each file goes: below ``out`` as it lies below its base.

    ``files`` are files, each with the folder that is its base. Where two would have one name, all
    lie as they do below the folder that they share. Files that then differ in nothing but their
    suffix keep it: ``a.jpg`` and ``a.bmp`` go to ``a.jpg.png`` and ``a.bmp.png``, while ``a.jpg``
    without the other goes to ``a.png``.
    """
    # links keep their own names: no resolve()
    places = {file: Path(os.path.abspath(file)) for file in files}  # noqa: PTH100
    if not places:
        return {}
    below = {
        file: path.relative_to(os.path.abspath(files[file]))  # noqa: PTH100
        for file, path in places.items()
    }
    if len({_stem(path) for path in below.values()}) < len(set(places.values())):
        folder = os.path.commonpath([path.parent for path in places.values()])
        below = {file: path.relative_to(folder) for file, path in places.items()}
    shared = Counter(_stem(path) for path in set(below.values()))
    return {
        file: out / path.with_name((path.name if shared[_stem(path)] > 1 else path.stem) + suffix)
        for file, path in below.items()
    }


def _stem(path: Path) -> str:
    """Return what files have in common that some file systems would give one name."""
    return str(path.with_suffix("")).lower()


def refuse_collisions(targets: Mapping[Path, Path], overwrite: bool) -> None:
    """Raise `BenchError` where a target is one of the sources, or is there already.

    With ``overwrite`` those that are there may be replaced; a source never.
    """
    sources = {path.resolve() for path in targets}
    onto = [target for target in targets.values() if target.resolve() in sources]
    if onto:
        raise BenchError(
            f"'{onto[0]}' is one of the files given and would be written over; name another --out"
        )
    there = [target for target in targets.values() if target.exists()]
    if there and not overwrite:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        verb = "are" if len(there) > 1 else "is"
        raise BenchError(
            f"'{there[0]}'{more} {verb} there already; name another --out, or give --overwrite"
        )
