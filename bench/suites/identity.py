"""What a pair is, by content: for telling whether a score still follows from its images."""

from __future__ import annotations

from pathlib import Path

from bench.core.identity import digest_of, file_digest
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


def _file(path: Path | None) -> str | None:
    try:
        return None if path is None else file_digest(path)
    except OSError:
        return "missing"
