"""What a pair is, by content: for telling whether a score still follows from its images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from bench.core.errors import BenchError
from bench.core.identity import digest_of, file_digest, remembered
from bench.image import converted_from, is_grey, read
from bench.records import Clip, Pair
from bench.suites.folder import first_few

MISSING = "missing"


def pair_digest(pair: Pair) -> str:
    """Return the digest of all that decides what a model gets and what it is compared with.

    A file that is missing counts as missing: whoever reads it says so.
    """
    files = (pair.degraded, pair.reference, pair.psf)
    around = [] if pair.clip is None else [{"frame": pair.at, "of": _clip_digest(pair.clip)}]
    return digest_of(
        [_file(path) for path in files],
        pair.scale,
        dict(pair.degradation) if pair.degradation is not None else None,
        pair.prepare,
        *([astuple(pair.sizing)] if pair.sizing else []),
        *([{"fresh": dict(pair.fresh)}] if pair.fresh else []),
        *around,
    )


@lru_cache(maxsize=1024)
def _clip_digest(clip: Clip) -> str:
    """Return the digest of all frames: a model may carry what it saw from the first to the last."""
    return digest_of(*map(pair_digest, clip.frames))


def colour_note(pairs: Sequence[Pair]) -> str | None:
    """Say how many photographs are converted to sRGB on reading, and from what; None: none."""
    files = {path for pair in pairs for path in (pair.degraded, pair.reference) if path is not None}
    found = Counter(filter(None, map(_profile, files)))
    if not found:
        return None
    names = ", ".join(sorted(found))
    return f"colours of {sum(found.values())} of {len(files)} files converted to sRGB from {names}"


def one_scene_each(pairs: Sequence[Pair]) -> tuple[list[Pair], str | None]:
    """Give pairs with the same reference one cluster, whatever their files are called.

    Images of one scene are not independent: an interval that counted them so would be too narrow.
    Returns the pairs, and what is to be said where clusters became one.
    """
    first: dict[str, str] = {}
    joined: dict[str, str] = {}

    def scene(cluster: str) -> str:
        while cluster in joined:
            cluster = joined[cluster]
        return cluster

    for pair in pairs:
        if (content := _file(pair.reference)) in (None, MISSING):
            continue
        ours, theirs = scene(pair.cluster), scene(first.setdefault(str(content), pair.cluster))
        if ours != theirs:
            joined[ours] = theirs
    if not joined:
        return list(pairs), None
    before = len({pair.cluster for pair in pairs})
    found = [replace(pair, cluster=scene(pair.cluster)) for pair in pairs]
    after = len({pair.cluster for pair in found})
    return found, (
        f"references that are the same file count as one scene: {after} scenes, by name {before}"
    )


def clean_note(pairs: Sequence[Pair]) -> str | None:
    """Say how many pairs have nothing to restore: one file stands for both images; None: none."""
    clean = [
        pair.id
        for pair in pairs
        if pair.reference is not None
        and (content := _file(pair.reference)) != MISSING
        and content == _file(pair.degraded)
        and not (pair.degradation or pair.prepare or pair.scale > 1)
    ]
    if not clean:
        return None
    return (
        f"{len(clean)} of {len(pairs)} pairs have one and the same file as degraded image and as "
        f"reference ({first_few(clean)}): nothing is to be restored there"
    )


def grey_note(compared: Sequence[tuple[str, Path, Path]]) -> str | None:
    """Say of how many (name, image, reference) one is stored in grey and the other has colours.

    None: of none.
    """
    mixed = [name for name, *both in compared if _one_has_colours(*both)]
    if not mixed:
        return None
    return (
        f"{len(mixed)} of {len(compared)} images are grey where their reference has colours, or "
        f"the other way round ({first_few(mixed)}): scores count colours as errors"
    )


def _one_has_colours(image: Path, reference: Path) -> bool:
    try:
        coloured = [path for path in (image, reference) if not remembered("grey", path, _in_grey)]
        return len(coloured) == 1 and bool(np.ptp(read(coloured[0]), axis=2).any())
    except (OSError, BenchError):
        return False  # whoever reads it says so


def _in_grey(path: Path) -> str:
    return "grey" if is_grey(path) else ""


def _profile(path: Path) -> str:
    try:
        return remembered("profile", path, lambda path: converted_from(path) or "")
    except OSError:
        return ""  # whoever reads it says so


def _file(path: Path | None) -> str | None:
    try:
        return None if path is None else file_digest(path)
    except OSError:
        return MISSING
