"""No test image among those that a network learns from: checked by file, by bytes and by pixels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.core.errors import BenchError
from bench.core.identity import file_digest, remembered
from bench.core.parallel import in_threads
from bench.core.progress import Update, unheard
from bench.records import Pair
from bench.suites.check import size_of
from bench.suites.learned import few_enough, pixels_of


@dataclass(frozen=True, slots=True)
class Image:
    """A file of a pair; ``half`` is ``degraded`` or ``reference``."""

    path: Path
    pair: str
    half: str

    def __str__(self) -> str:
        return f"'{self.pair}' ({self.half}, {self.path})"


def refuse_test_images(
    learnt: Mapping[str, Sequence[Pair]], test: Sequence[Pair], progress: Update = unheard
) -> str:
    """Raise `BenchError` if a pair of ``learnt`` (split -> pairs) shares an image with the test.

    Files are the same if they are one file on the disk, under whatever name, if they hold the same
    bytes, or if they decode to the same pixels. Bytes are read only of files of equal length, and
    images decoded only where sizes are equal. Returns what was compared, in words.
    """
    held_out = list(_images(test))
    taught = {split: list(_images(pairs)) for split, pairs in learnt.items()}
    _compare(taught, held_out, _identity, "the same file")
    _compare(taught, held_out, _length, "the same bytes", _bytes)
    every = [image for images in (held_out, *taught.values()) for image in images]
    same_size = _in_both(taught, held_out, _size)
    if not few_enough([image.path for image in same_size]):
        return f"{len(every)} files compared by bytes; {len(same_size)} are too many to decode"
    decoded = _decoded(same_size, progress)
    _compare(taught, held_out, decoded.get, "the same pixels")
    return f"{len(every)} files compared by bytes, {len(same_size)} of them by pixels"


def _compare(
    taught: Mapping[str, Sequence[Image]],
    held_out: Sequence[Image],
    key: Callable[[Image], Hashable | None],
    how: str,
    exact: Callable[[Image], Hashable] | None = None,
) -> None:
    """Raise where images of both sides have one ``key``, and then one ``exact`` value too."""
    by_key: defaultdict[Hashable, list[Image]] = defaultdict(list)
    for image in held_out:
        if (found := key(image)) is not None:
            by_key[found].append(image)
    for split, images in taught.items():
        for image in images:
            for other in by_key.get(key(image), ()):
                if exact is None or exact(image) == exact(other):
                    raise BenchError(
                        f"{split} image {image} is test image {other}: {how}; nothing is learnt "
                        "from test images: take it out of one of the two splits"
                    )


def _images(pairs: Iterable[Pair]) -> Iterator[Image]:
    for pair in pairs:
        yield Image(pair.degraded, pair.id, "degraded")
        if pair.reference is not None and pair.reference != pair.degraded:
            yield Image(pair.reference, pair.id, "reference")


def _identity(image: Image) -> tuple[int, int] | None:
    try:
        status = image.path.stat()
    except OSError:
        return None  # whoever reads it says so
    return status.st_dev, status.st_ino


def _length(image: Image) -> int | None:
    try:
        return image.path.stat().st_size
    except OSError:
        return None


def _size(image: Image) -> str | None:
    try:
        return remembered("size", image.path, lambda path: "{}x{}".format(*size_of(path)))
    except (BenchError, OSError):
        return None


def _in_both(
    taught: Mapping[str, Sequence[Image]],
    held_out: Sequence[Image],
    key: Callable[[Image], Hashable | None],
) -> list[Image]:
    """Return the images of either side whose key the other side has too."""
    learnt = [image for images in taught.values() for image in images]
    found = {image: key(image) for image in (*learnt, *held_out)}
    common = {found[i] for i in learnt} & {found[i] for i in held_out} - {None}
    return [image for image in found if found[image] in common]


def _decoded(images: Sequence[Image], progress: Update) -> dict[Image, str | None]:
    """Return digests of the images' pixels, None for what cannot be read."""
    found = in_threads(
        lambda image: pixels_of(image.path), images, "compare with test images", progress
    )
    return dict(zip(images, found, strict=True))


def _bytes(image: Image) -> str:
    return file_digest(image.path)
