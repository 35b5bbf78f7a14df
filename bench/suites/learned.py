"""Which images weights learned from, and which test images are among them, by content."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.core.identity import digest_of, file_digest, recalled, remembered
from bench.core.parallel import in_threads
from bench.core.progress import Update, unheard
from bench.image import ImageError, read
from bench.records import Learned, Pair
from bench.suites.check import PIXELS, pixel_digits
from bench.suites.identity import pair_digest

MOST_DECODED = 8000
"""More images than this are not decoded for a comparison: then equal bytes count, but not equal
pixels. Those whose pixels are remembered need not be; `bench suites check --decode` remembers."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """The test images among those that weights learned from: their ids, and how that was seen."""

    images: tuple[str, ...]
    compared: str


def learned_from(pairs: Sequence[Pair], update: Update = unheard) -> Learned:
    """Return what weights that learn from ``pairs`` will have learned from.

    Every file is read once; its digests are remembered.
    """
    files = list(dict.fromkeys(path for pair in pairs for path in _files(pair)))
    found = in_threads(_bytes, files, "read training images", update, every=50)
    pixels: Iterable[str | None] = ()
    if few_enough(files):
        pixels = in_threads(pixels_of, files, "decode training images", update, every=50)
    return Learned(
        images=len(files),
        digest=digest_of(sorted(pair_digest(replace(pair, prepare=())) for pair in pairs)),
        files=_packed(found),
        pixels=_packed(pixels),
    )


def joined(before: Learned, now: Learned) -> Learned:
    """Return what weights have learned from that learned ``now`` after ``before``.

    The digest stays that of ``now``: it names the training. Pixels are known where all are.
    """
    pixels = before.pixels and now.pixels
    return Learned(
        images=len(files := _unpacked(before.files) | _unpacked(now.files)),
        digest=now.digest,
        files=_packed(files),
        pixels=_packed(_unpacked(before.pixels) | _unpacked(now.pixels)) if pixels else "",
    )


def overlap(learned: Learned, test: Sequence[Pair], update: Update = unheard) -> Overlap:
    """Return which test pairs share an image, by bytes or by pixels, with what was learned from."""
    files, pixels = _unpacked(learned.files), _unpacked(learned.pixels)
    how = "bytes and pixels" if pixels else "bytes"

    def shared(pair: Pair) -> bool:
        return any(
            _bytes(path) in files or (bool(pixels) and pixels_of(path) in pixels)
            for path in _files(pair)
        )

    shares = in_threads(shared, test, "compare with training images", update, every=20)
    found = tuple(pair.id for pair, same in zip(test, shares, strict=True) if same)
    return Overlap(found, f"{learned.images} training images compared by {how}")


def pixels_of(path: Path) -> str | None:
    """Return sixteen digits of an image's decoded pixels, None for what cannot be read."""
    try:
        return remembered(PIXELS, path, lambda path: pixel_digits(read(path)), by_bytes=True)
    except (ImageError, OSError):
        return None


def few_enough(files: Sequence[Path]) -> bool:
    """Say whether so few of the files would have to be decoded that they are."""
    return len(files) <= MOST_DECODED or (
        sum(not same for same in in_threads(_known, files)) <= MOST_DECODED
    )


def _known(path: Path) -> bool:
    try:
        return recalled(PIXELS, path, by_bytes=True) is not None
    except OSError:
        return False


def _files(pair: Pair) -> tuple[Path, ...]:
    both = (pair.degraded, pair.reference)
    return tuple(dict.fromkeys(path for path in both if path is not None))


def _bytes(path: Path) -> str | None:
    try:
        return file_digest(path)
    except OSError:
        return None  # whoever reads it says so


def _packed(digests: Iterable[str | None]) -> str:
    found = sorted({digest for digest in digests if digest is not None})
    return base64.b64encode(bytes.fromhex("".join(found))).decode()


def _unpacked(text: str) -> set[str]:
    every = base64.b64decode(text).hex()
    return {every[start : start + 16] for start in range(0, len(every), 16)}
