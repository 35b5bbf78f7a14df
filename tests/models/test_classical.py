"""Classical methods on photographs blurred and made noisy here."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import convolve

from bench.core.errors import NotApplicable
from bench.degrade import light as light_module
from bench.image import Pixels, to_pixels, to_tensor
from models.classical import (
    estimate_noise,
    identity,
    non_local_means,
    richardson_lucy,
    unsharp_mask,
    wiener,
)
from models.restorer import Hints


def disc(radius: int) -> NDArray[np.float64]:
    grid = np.arange(-radius, radius + 1)
    inside = (grid[:, None] ** 2 + grid[None, :] ** 2 <= radius**2).astype(float)
    return inside / inside.sum()


def degraded(pixels: Pixels, psf: NDArray[np.float64], sigma: float, linear: bool = True) -> Pixels:
    """Blur, in linear light as optics do or in sRGB values; add noise of ``sigma`` sRGB levels."""
    rng = np.random.default_rng(0)
    image = light_module.to_linear(pixels) if linear else pixels / 255.0
    planes = [convolve(image[..., c], psf, mode="mirror") for c in range(3)]
    blurred = np.stack(planes, axis=2)
    shown = light_module.to_pixels(blurred) if linear else 255 * blurred
    noisy = shown + sigma * rng.standard_normal(pixels.shape)
    return np.rint(noisy.clip(0, 255)).astype(np.uint8)


def psnr(a: Pixels, b: Pixels) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


@pytest.fixture(scope="module")
def sharp(photograph: Pixels) -> Pixels:
    return np.ascontiguousarray(photograph[40:201, 140:320])  # 161 x 180: an odd side too


def test_identity_changes_no_bit(sharp: Pixels) -> None:
    restored = identity().restore(to_tensor(sharp))
    assert np.array_equal(to_pixels(restored), sharp)


def test_noise_is_estimated_from_noise_alone(sharp: Pixels) -> None:
    rng = np.random.default_rng(1)
    plane = convolve(sharp[..., 1] / 255.0, disc(3), mode="mirror")
    for sigma in (0.01, 0.05):
        noisy = plane + sigma * rng.standard_normal(plane.shape)
        assert estimate_noise(noisy) == pytest.approx(sigma, rel=0.1)
    assert estimate_noise(np.full((9, 9), 0.3)) == 0
    assert estimate_noise(np.full((1, 9), 0.3)) == 0  # too small to tell


def test_non_local_means_removes_noise(sharp: Pixels) -> None:
    noisy = degraded(sharp, np.ones((1, 1)), 20)
    restored = to_pixels(non_local_means().restore(to_tensor(noisy)))
    assert psnr(restored, sharp) > psnr(noisy, sharp) + 4


def test_non_local_means_leaves_an_image_without_noise_as_it_is() -> None:
    flat = np.full((32, 32, 3), 77, np.uint8)
    assert np.array_equal(to_pixels(non_local_means().restore(to_tensor(flat))), flat)


def test_unsharp_masking_sharpens_a_slight_blur(sharp: Pixels) -> None:
    blurred = degraded(sharp, disc(2), 0)
    restored = to_pixels(unsharp_mask().restore(to_tensor(blurred)))
    assert psnr(restored, sharp) > psnr(blurred, sharp) + 0.5


@pytest.mark.parametrize(
    ("build", "sigma", "linear", "gain"),
    [
        (wiener, 0.0, False, 4.0),
        (wiener, 5.0, False, 1.0),
        (wiener, 5.0, True, 0.5),
        (richardson_lucy, 0.0, True, 1.5),
        (richardson_lucy, 5.0, True, 0.5),
    ],
)
def test_deconvolution_undoes_a_known_blur(sharp, build, sigma, linear, gain) -> None:  # type: ignore[no-untyped-def]
    psf = disc(3)
    blurred = degraded(sharp, psf, sigma, linear)
    restored = to_pixels(build().restore(to_tensor(blurred), Hints(psf=psf)))
    assert psnr(restored, sharp) > psnr(blurred, sharp) + gain


@pytest.mark.parametrize(("build", "linear"), [(wiener, False), (richardson_lucy, True)])
def test_deconvolution_does_not_ring_from_the_borders(sharp, build, linear) -> None:  # type: ignore[no-untyped-def]
    psf = disc(4)
    blurred = degraded(sharp, psf, 1.0, linear)
    restored = to_pixels(build().restore(to_tensor(blurred), Hints(psf=psf)))
    border = np.ones(sharp.shape[:2], bool)
    border[8:-8, 8:-8] = False
    # what lies outside is guessed; a border that rings would come out worse than it went in
    assert psnr(restored[border], sharp[border]) > psnr(blurred[border], sharp[border]) + 0.5


@pytest.mark.parametrize("build", [wiener, richardson_lucy])
def test_deconvolution_keeps_a_flat_image_and_its_place(build) -> None:  # type: ignore[no-untyped-def]
    flat = np.full((40, 40, 3), 120, np.uint8)
    restored = to_pixels(build().restore(to_tensor(flat), Hints(psf=disc(3))))
    assert np.abs(restored.astype(int) - 120).max() <= 2
    spot = np.full((41, 41, 3), 20, np.uint8)
    spot[20, 20] = 250
    blurred = degraded(spot, disc(2), 0)
    found = to_pixels(build().restore(to_tensor(blurred), Hints(psf=disc(2))))
    peak = np.unravel_index(found[..., 0].argmax(), found.shape[:2])
    assert peak == (20, 20)  # nothing has moved


@pytest.mark.parametrize("build", [wiener, richardson_lucy])
def test_without_a_psf_deconvolution_is_not_applicable(build) -> None:  # type: ignore[no-untyped-def]
    assert build().needs_psf
    with pytest.raises(NotApplicable, match="no PSF"):
        build().restore(torch.rand(1, 3, 16, 16))


@pytest.mark.parametrize(
    "build", [identity, non_local_means, unsharp_mask, wiener, richardson_lucy]
)
def test_odd_and_tiny_images_come_back_whole(build) -> None:  # type: ignore[no-untyped-def]
    hints = Hints(psf=disc(2))
    for shape in ((1, 3, 7, 5), (2, 3, 33, 18)):
        restored = build().restore(torch.rand(shape), hints)
        assert restored.shape == shape
        assert restored.isfinite().all()
        assert restored.dtype == torch.float32


@pytest.mark.parametrize("build", [wiener, richardson_lucy])
def test_an_image_smaller_than_its_psf_is_not_applicable(build) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(NotApplicable, match="8x20 is smaller than its PSF 9x9"):
        build().restore(torch.rand(1, 3, 8, 20), Hints(psf=disc(4)))
