"""Verify a copy of a data set: layout, counts, sizes, and if wanted every pixel. Nothing is run."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from bench.core.blobs import lmdb_of, read_bytes
from bench.core.errors import BenchError, message_of
from bench.core.identity import remembered
from bench.core.parallel import in_threads
from bench.core.progress import Update, unheard
from bench.image import Pixels, read, too_large
from bench.records import Pair
from bench.suites.folder import NOUNS, NoData, counts
from bench.suites.made import altered
from bench.suites.table import Split, Suite, open_suite

FEW = 20
"""Problems that are listed; the others are counted."""
ORDER: tuple[Split, ...] = ("test", "val", "train")

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(slots=True)
class Check:
    """What was found. ``problems`` are the first of ``count``."""

    suite: str
    root: str
    layout: str = ""
    images: dict[Split, int] = field(default_factory=dict)
    clusters: dict[Split, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    decoded: bool = False
    problems: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, problem: str) -> None:
        """Note a problem."""
        self.count += 1
        if len(self.problems) < FEW:
            self.problems.append(problem)


def check_suite(spec: str, data: Path, decode: bool = False, progress: Update = unheard) -> Check:
    """Open a suite and look at every file of it: at its header, or with ``decode`` at all of it.

    Decoded, images that are in two splits under different names are found too, and files of a suite
    made here whose SHA-256 its manifest does not have. Raises `NoData`
    where there is nothing of the data set; everything else that is wrong is a problem.
    """
    found = Check(spec, str(data), decoded=decode)
    try:
        suite = open_suite(spec, data, progress=progress)
    except NoData:
        raise
    except BenchError as error:
        found.add(str(error))
        return found
    found.suite, found.layout, found.notes = suite.spec, suite.layout, suite.notes
    splits = {split: suite.pairs(split) for split in ORDER}
    for split, (count, expected) in counts(suite.card, splits).items():
        if count != expected:
            found.add(f"{count} {NOUNS[split]} images; the published data set has {expected}")
    _check_names(found, splits)
    _check_images(found, suite, splits, decode, progress)
    for name in altered(suite.root, progress) if decode else ():
        found.add(f"'{name}' is not what was made: its SHA-256 is not the manifest's")
    return found


def _check_names(found: Check, splits: dict[Split, Sequence[Pair]]) -> None:
    """Count, and find ids and files that are used twice."""
    ids: dict[str, Split] = {}
    files: dict[str, Split] = {}
    for split, pairs in splits.items():
        clusters: set[str] = set()
        for pair in pairs:
            clusters.add(pair.cluster)
            if (other := ids.setdefault(pair.id, split)) != split:
                found.add(f"'{pair.id}' is a {NOUNS[other]} and a {NOUNS[split]} image")
            file = str(pair.reference or pair.degraded)
            if (other := files.setdefault(file, split)) != split:
                found.add(f"'{file}' is in {NOUNS[other]} and in {NOUNS[split]}")
        found.images[split], found.clusters[split] = len(pairs), len(clusters)


@dataclass(frozen=True, slots=True)
class _Looked:
    pair: Pair
    problem: str | None = None
    digest: bytes | None = None


def _check_images(
    found: Check,
    suite: Suite,
    splits: dict[Split, Sequence[Pair]],
    decode: bool,
    update: Update,
) -> None:
    look = _decode if decode else _header
    stage = "decode" if decode else "read headers"
    seen: dict[bytes, tuple[Split, str]] = {}
    every = [(split, pair) for split, pairs in splits.items() for pair in pairs]
    looks = in_threads(lambda row: look(row[1]), every, stage, update, every=50)
    for (split, _), looked in zip(every, looks, strict=True):
        if looked.problem:
            found.add(looked.problem)
        if looked.digest is not None:
            where, other = seen.setdefault(looked.digest, (split, looked.pair.id))
            if where != split:
                found.add(
                    f"'{looked.pair.id}' ({NOUNS[split]}) has the same pixels as "
                    f"'{other}' ({NOUNS[where]})"
                )


def _header(pair: Pair) -> _Looked:
    try:
        size = size_of(pair.degraded)
        reference = pair.reference
        if reference is None or reference == pair.degraded:
            return _Looked(pair)
        return _Looked(pair, _mismatch(pair, size, size_of(reference)))
    except (BenchError, OSError) as error:
        return _Looked(pair, f"{pair.id}: {message_of(error)}")


def _decode(pair: Pair) -> _Looked:
    try:
        degraded = _read(pair.degraded)
        if pair.reference is None or pair.reference == pair.degraded:
            return _Looked(pair, None, pixel_digest(degraded))
        reference = _read(pair.reference)
    except (BenchError, OSError) as error:
        return _Looked(pair, f"{pair.id}: {message_of(error)}")
    sizes = ((pixels.shape[0], pixels.shape[1]) for pixels in (degraded, reference))
    return _Looked(pair, _mismatch(pair, *sizes), pixel_digest(reference))


def _read(path: Path) -> Pixels:
    """Decode an image, whatever is remembered of its pixels, and remember them anew."""
    found: list[Pixels] = []

    def decode(path: Path) -> str:
        found.append(read(path))
        return pixel_digits(found[0])

    remembered(PIXELS, path, decode, by_bytes=True, anew=True)
    return found[0]


def size_of(path: Path) -> tuple[int, int]:
    """Return height and width as `bench.image.read` would have them, from the header alone.

    Raises `BenchError` for what is no image, a damaged or a too large one, and OSError.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path if lmdb_of(path) is None else io.BytesIO(read_bytes(path))) as image:
            # Pillow would decode all of a PNG to find out that it has no EXIF data
            suspicious = image.format != "PNG" or "exif" in image.info
            turned = suspicious and image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
            return image.size if turned else (image.size[1], image.size[0])
    except UnidentifiedImageError as error:
        raise BenchError(f"'{path}' is not an image; get it again") from error
    except Image.DecompressionBombError as error:
        raise BenchError(too_large(path)) from error
    except Exception as error:  # decoders raise what they like over a damaged header
        if isinstance(error, BenchError) or (isinstance(error, OSError) and error.filename):
            raise
        raise BenchError(f"'{path}' is a damaged image ({error}); get it again") from error


def _mismatch(pair: Pair, degraded: tuple[int, int], reference: tuple[int, int]) -> str | None:
    fits = all(
        0 <= large - small * pair.scale < pair.scale
        for small, large in zip(degraded, reference, strict=True)
    )
    if fits:
        return None
    times = f" times {pair.scale}" if pair.scale > 1 else ""
    return (
        f"{pair.id}: degraded {degraded[0]}x{degraded[1]}{times} does not fit the reference's "
        f"{reference[0]}x{reference[1]} (height x width)"
    )


PIXELS = "pixels"
"""The kind under which `pixel_digits` of files are remembered; another where `read` puts out other
pixels than before."""


def pixel_digits(pixels: Pixels) -> str:
    """Return the first sixteen hexadecimal digits of `pixel_digest`."""
    return pixel_digest(pixels).hex()[:16]


def pixel_digest(pixels: Pixels) -> bytes:
    """Return 16 bytes that differ wherever size or any pixel differs."""
    return hashlib.blake2b(pixels.data, digest_size=16, key=str(pixels.shape).encode()).digest()
