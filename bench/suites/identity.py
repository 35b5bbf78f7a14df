"""What a pair is, by content: for telling whether a score still follows from its images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bench.core.identity import digest_of, file_digest, remembered
from bench.image import converted_from
from bench.records import Pair


def pair_digest(pair: Pair) -> str:
    """Return the digest of all that decides what a model gets and what it is compared with.

    A file that is missing counts as missing: whoever reads it says so.
    """
    files = (pair.degraded, pair.reference, pair.psf)
    return digest_of(
        [_file(path) for path in files],
        pair.scale,
        dict(pair.degradation) if pair.degradation is not None else None,
        pair.prepare,
    )


def colour_note(pairs: Sequence[Pair]) -> str | None:
    """Say how many photographs are converted to sRGB on reading, and from what; None: none."""
    files = {path for pair in pairs for path in (pair.degraded, pair.reference) if path is not None}
    found = Counter(filter(None, map(_profile, files)))
    if not found:
        return None
    names = ", ".join(sorted(found))
    return f"colours of {sum(found.values())} of {len(files)} files converted to sRGB from {names}"


def _profile(path: Path) -> str:
    try:
        return remembered("profile", path, lambda path: converted_from(path) or "")
    except OSError:
        return ""  # whoever reads it says so


def _file(path: Path | None) -> str | None:
    try:
        return None if path is None else file_digest(path)
    except OSError:
        return "missing"
