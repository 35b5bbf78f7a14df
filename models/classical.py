"""Restoration without learning: the untouched input, and methods of scikit-image.

Each builder returns a `Restorer` that runs on the CPU and has no network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.core.errors import NotApplicable
from bench.degrade.light import to_linear
from bench.degrade.light import to_pixels as light_to_pixels
from bench.degrade.resample import upsample
from bench.image import Pixels, to_pixels
from models.restorer import CPU, NOTHING_KNOWN, Hints

Floats = NDArray[np.float64]
Method = Callable[[Pixels, Hints], NDArray[Any]]
"""(H, W, 3) uint8 sRGB and what is known of it -> (H, W, 3) sRGB in 0..1."""


@dataclass
class ClassicalRestorer:
    """A method behind the calling contract (`models.restorer.Restorer`)."""

    name: str
    method: Method
    needs_psf: bool = False
    uses_noise: bool = False
    scale: int | None = 1
    device: torch.device = CPU
    network: torch.nn.Module | None = None
    bits: int = 8
    """Of a channel, on which it works."""

    def restore(self, degraded: torch.Tensor, hints: Hints = NOTHING_KNOWN) -> torch.Tensor:
        """See `Restorer.restore`; any batch size. The input is taken as the 8 bits that it was."""
        restored = [self.method(to_pixels(image), hints) for image in torch.split(degraded, 1)]
        return torch.from_numpy(np.stack(restored)).permute(0, 3, 1, 2).float()


def identity() -> ClassicalRestorer:
    """Return what returns its input: the line that every model has to beat."""
    return ClassicalRestorer("input", lambda pixels, hints: pixels / 255.0)


def bicubic() -> ClassicalRestorer:
    """Return bicubic interpolation to the size asked for: what super-resolution has to beat.

    Of the kernel and edges that the low-resolution images are made with (MATLAB's imresize).
    """

    def method(pixels: Pixels, hints: Hints) -> NDArray[Any]:
        return np.asarray(upsample(pixels, hints.scale) / 255.0)

    return ClassicalRestorer("bicubic", method, scale=None)


def non_local_means(strength: float = 0.8) -> ClassicalRestorer:
    """Average of similar patches. Buades et al. 2005, doi:10.1109/CVPR.2005.38.

    ``strength`` is the filter's cut-off in units of the noise, which is estimated where it is not
    known. Removes noise only; blur stays.
    """

    def method(pixels: Pixels, hints: Hints) -> NDArray[Any]:
        from skimage.restoration import denoise_nl_means

        image = pixels / 255.0
        sigma = noise_of(image, hints)
        if sigma == 0:
            return image
        return np.asarray(
            denoise_nl_means(
                image,
                patch_size=5,
                patch_distance=6,
                h=strength * sigma,
                sigma=sigma,
                fast_mode=True,
                channel_axis=2,
            )
        )

    return ClassicalRestorer("nlm", method, uses_noise=True)


def total_variation(strength: float = 1.0) -> ClassicalRestorer:
    """Nearest image of small total variation. Chambolle 2004.

    ``strength`` is the filter's weight in units of the noise, which is estimated where it is not
    known. Removes noise and keeps edges; blur stays.
    """

    def method(pixels: Pixels, hints: Hints) -> NDArray[Any]:
        from skimage.restoration import denoise_tv_chambolle

        image = pixels / 255.0
        sigma = noise_of(image, hints)
        if sigma == 0:
            return image
        smooth = denoise_tv_chambolle(image, weight=strength * sigma, channel_axis=2)  # type: ignore[no-untyped-call]
        return np.asarray(smooth)

    return ClassicalRestorer("tv", method, uses_noise=True)


def unsharp_mask(radius: float = 2.0, amount: float = 0.5) -> ClassicalRestorer:
    """Add ``amount`` of what a Gaussian of ``radius`` pixels takes away. Amplifies noise too."""

    def method(pixels: Pixels, hints: Hints) -> NDArray[Any]:
        from skimage.filters import unsharp_mask as sharpen

        sharp = sharpen(pixels / 255.0, radius=radius, amount=amount, channel_axis=2)  # type: ignore[no-untyped-call]
        return np.asarray(sharp)

    return ClassicalRestorer("unsharp", method)


def wiener(strength: float = 200.0, least: float = 0.005) -> ClassicalRestorer:
    """Wiener deconvolution with a known PSF, each channel apart, Laplacian prior (scikit-image).

    The regularisation is ``strength`` times the noise variance, estimated from the channel (values
    in 0..1), and ``least`` at least: a PSF is never known better than that. In sRGB values, where
    noise is more even than in linear light; that outweighs the blur not being quite linear there.
    """

    def method(pixels: Pixels, hints: Hints) -> NDArray[Any]:
        from skimage.restoration import wiener as deconvolve

        blur = known_psf(hints.psf, pixels.shape[:2])

        def one(plane: Floats) -> NDArray[Any]:
            balance = max(strength * estimate_noise(plane) ** 2, least)
            # twice the size, mirrored: periodic, as the Fourier transform takes it, without a jump
            wide = np.pad(plane, ((0, plane.shape[0]), (0, plane.shape[1])), mode="symmetric")
            restored = deconvolve(wide, blur, balance, clip=False)  # type: ignore[no-untyped-call]
            return np.asarray(restored[: plane.shape[0], : plane.shape[1]])

        return _each_channel(pixels / 255.0, one)

    return ClassicalRestorer("wiener", method, needs_psf=True)


def richardson_lucy(iterations: int = 10) -> ClassicalRestorer:
    """Richardson-Lucy deconvolution with a known PSF, each channel apart, in linear light.

    It is the maximum-likelihood iteration for photon noise, which is what linear light has; stopped
    early, before it fits the noise. Richardson 1972, doi:10.1364/JOSA.62.000055.
    """

    def method(pixels: Pixels, hints: Hints) -> NDArray[Any]:
        from skimage.restoration import richardson_lucy as deconvolve

        blur = known_psf(hints.psf, pixels.shape[:2])
        margin = 3 * max(blur.shape)  # scikit-image sees black beyond; that creeps inwards
        inside = slice(margin, -margin)

        def one(plane: Floats) -> NDArray[Any]:
            positive = np.maximum(plane, 1e-6)  # a black pixel would stay black for ever
            wide = np.pad(positive, margin, mode="symmetric")
            restored = deconvolve(wide, blur, iterations, clip=False, filter_epsilon=1e-6)  # type: ignore[no-untyped-call]
            return np.asarray(restored[inside, inside])

        return light_to_pixels(_each_channel(to_linear(pixels), one)) / 255.0

    return ClassicalRestorer("richardson-lucy", method, needs_psf=True)


def estimate_noise(plane: Floats) -> float:
    """Standard deviation of the noise of an (H, W) plane, in its units; 0 under 2x2.

    The median absolute diagonal detail of the finest Haar scale over 0.6745: edges and blur leave
    little there. Donoho and Johnstone 1994, doi:10.1093/biomet/81.3.425.
    """
    even = plane[: plane.shape[0] // 2 * 2, : plane.shape[1] // 2 * 2]
    if not even.size:
        return 0.0
    detail = (even[::2, ::2] - even[1::2, ::2] - even[::2, 1::2] + even[1::2, 1::2]) / 2
    return float(np.median(np.abs(detail))) / 0.6745


def noise_of(image: Floats, hints: Hints) -> float:
    """Standard deviation of the noise of (H, W, 3) in [0,1]: as known, else as estimated."""
    if hints.noise is not None:
        return hints.noise / 255
    return float(np.mean([estimate_noise(image[:, :, c]) for c in range(3)]))


def known_psf(psf: Floats | None, size: tuple[int, ...]) -> Floats:
    """Return the PSF. Raises `NotApplicable` where there is none, or an image (H, W) is smaller."""
    if psf is None:
        raise NotApplicable("no PSF: the blur of this image is not known")
    height, width = size
    if min(height, width) < max(2, *psf.shape):
        raise NotApplicable(
            f"the image of {height}x{width} is smaller than its PSF {psf.shape[0]}x{psf.shape[1]}"
        )
    return psf


def _each_channel(image: Floats, method: Callable[[Floats], NDArray[Any]]) -> Floats:
    return np.stack([method(np.ascontiguousarray(image[:, :, c])) for c in range(3)], axis=2)
