"""What a pair names, read: the one place where degraded images come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.degrade.pipeline import Degradation, degrade
from bench.image import Floats, ImageError, ImageSizeError, Pixels, quantise, read
from bench.prepare import prepare
from bench.records import Pair
from bench.suites.sizing import sized

Read = Callable[[Path], Pixels]


@dataclass(frozen=True, slots=True)
class Views:
    """A pair's images, and what is known of how the one came from the other.

    ``degraded`` is (H, W, 3): uint8, or float32 in units of 255 levels where noise was added that
    the field never rounds. ``reference`` is (H*scale, W*scale, 3) uint8. ``psf`` sums to 1;
    ``noise`` is the standard deviation in 8-bit levels. What is not known is None.
    """

    degraded: Pixels | Floats
    reference: Pixels | None
    psf: NDArray[np.float64] | None
    noise: float | None

    @property
    def nbytes(self) -> int:
        """What the images take in memory."""
        return self.degraded.nbytes + (0 if self.reference is None else self.reference.nbytes)


def open_pair(pair: Pair, read: Read = read) -> Views:
    """Read a pair: decode, cut out and resize where that is asked for, degrade where the suite
    degrades on reading, cut off what no degraded pixel stands for, prepare.

    ``read`` decodes a file to (H, W, 3) uint8. Raises `ImageError` for unreadable files,
    `ImageSizeError` where the reference has not ``pair.scale`` times the degraded image's size,
    and `NotApplicable` where a step of ``pair.prepare`` turns the image away.
    """
    sharp, made_here = read(pair.degraded), pair.degradation is not None
    reference = None
    if pair.reference is not None:
        reference = sharp if pair.reference == pair.degraded else read(pair.reference)
    if pair.sizing is not None:
        sharp = sized(sharp, pair.sizing, 1 if made_here else pair.scale)
        reference = reference if reference is None else sized(reference, pair.sizing)
    degraded: Pixels | Floats = sharp
    psf, noise = _stored_psf(pair.psf if pair.knows_psf else None), None
    if pair.degradation is not None:
        how = Degradation.from_dict(pair.degradation)
        made = degrade(sharp, how)
        degraded, noise = made.image, how.sigma
        psf = made.psf if how.blur != "none" else psf
    if reference is not None:
        reference = _cut(reference, degraded.shape, pair)
    if pair.prepare:
        degraded = prepare(quantise(degraded), pair.prepare)
    return Views(degraded, reference, psf, noise)


def _stored_psf(path: Path | None) -> NDArray[np.float64] | None:
    if path is None:
        return None
    try:
        psf: NDArray[np.float64] = np.load(path, allow_pickle=False).astype(np.float64)
    except (OSError, ValueError) as error:
        raise ImageError(f"cannot read the PSF '{path}': {error}") from error
    return psf


def _cut(reference: Pixels, degraded: tuple[int, ...], pair: Pair) -> Pixels:
    """Cut off the rows and columns at the reference's end that no degraded pixel stands for."""
    height, width = (side * pair.scale for side in degraded[:2])
    surplus = reference.shape[0] - height, reference.shape[1] - width
    if not all(0 <= more < pair.scale for more in surplus):
        raise ImageSizeError(
            f"'{pair.id}': degraded image {degraded[0]}x{degraded[1]} and reference "
            f"{reference.shape[0]}x{reference.shape[1]} (height x width) do not fit together; "
            f"expected a reference of {height}x{width}"
        )
    return np.ascontiguousarray(reference[:height, :width])
