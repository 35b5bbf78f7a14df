"""From a sharp photograph to what a camera would have made of it, and to the field's test inputs.

In this order, each step only where it is asked for:

1. sRGB -> linear light, and ``haze``
2. blur (`bench.degrade.blurs`), with ``margin`` pixels of real surroundings, which are then cut off
3. clip to [0, 1]: what is brighter than white saturates
4. ``illumination`` and Poisson-Gaussian noise: low light
5. sRGB -> 8 bits
6. ``detail_loss``: a camera's noise reduction
7. ``scale``: bicubic downsampling as MATLAB's, in 8-bit sRGB, as super-resolution has it
8. ``jpeg``
9. ``sigma``: white noise in sRGB, as denoising has it; nothing is rounded or clipped after it
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.core.errors import BenchError
from bench.degrade.blurs import Scene, apply_blur, apply_haze
from bench.degrade.layers import Layer
from bench.degrade.light import Light, to_linear, to_pixels
from bench.degrade.noise import poisson_gaussian, white
from bench.degrade.parameters import Degradation, stream
from bench.degrade.processing import detail_loss, jpeg
from bench.degrade.psf import Psf
from bench.degrade.resample import downsample, whole_multiple
from bench.degrade.table import blurs
from bench.image import Floats, ImageError, ImageSizeError, Pixels, quantise

__all__ = ["Degradation", "Degraded", "Layer", "Scene", "degrade"]


@dataclass(frozen=True, slots=True)
class Degraded:
    """What came out: the image, the PSF, and whether it holds for the whole image."""

    image: Pixels | Floats
    """(H, W, 3) uint8; where ``sigma`` is set, float32 in [0, 1] and noise beyond."""
    psf: Psf
    """In pixels of the photograph: ``scale`` comes after it."""
    uniform: bool
    """False: the blur differs over the image and ``psf`` is its mean."""

    @property
    def pixels(self) -> Pixels:
        """The image as 8 bits can hold it, (H, W, 3) uint8."""
        return quantise(self.image)


def degrade(
    sharp: Pixels, how: Degradation, margin: int = 0, scene: Scene | None = None
) -> Degraded:
    """Degrade an (H, W, 3) uint8 sRGB photograph.

    ``margin`` pixels on every side serve as what lies outside the frame and are cut off, so the
    result is (H-2*margin, W-2*margin, 3) and no edge is invented. Beyond them the image is
    mirrored. Of that ``scale`` makes 1/scale; surplus rows and columns at the end are cut off
    first. ``scene`` gives the distances or layers, of the whole photograph, that are else drawn.
    Raises `ImageError`, `ImageSizeError` if nothing would be left, and `BenchError` where ``scene``
    does not fit.
    """
    if sharp.dtype != np.uint8 or sharp.ndim != 3 or sharp.shape[2] != 3:
        raise ImageError(f"expected an (H,W,3) uint8 photograph, got {sharp.shape} {sharp.dtype}")
    if min(sharp.shape[:2]) <= 2 * margin or margin < 0:
        raise ImageSizeError(f"image {sharp.shape[:2]} is all margin ({margin} on each side)")
    scene = scene or Scene()
    _check_scene(scene, how, (sharp.shape[0], sharp.shape[1]))
    inside = (slice(margin, sharp.shape[0] - margin), slice(margin, sharp.shape[1] - margin))
    changes = how.blur != "none" or how.haze or how.electrons is not None or how.illumination != 1
    if not changes:
        pixels, psf = sharp[inside], np.ones((1, 1))  # linear light and back would change nothing
    else:
        light, psf = apply_blur(apply_haze(to_linear(sharp), how, scene), how, scene)
        pixels = to_pixels(_exposed(np.clip(light[inside], 0.0, 1.0), how))
    if how.detail_loss:
        pixels = detail_loss(pixels, how.detail_loss, how.detail_range)
    if how.scale > 1:
        pixels = downsample(whole_multiple(pixels, how.scale), how.scale)
    if how.jpeg is not None:
        pixels = jpeg(pixels, how.jpeg)
    image: Pixels | Floats = np.ascontiguousarray(pixels)
    if how.sigma is not None:
        image = white(pixels, how.sigma, stream(how, "white"), how.grey)
    return Degraded(image, psf, blurs()[how.blur].uniform)


def _exposed(light: Light, how: Degradation) -> Light:
    """Let the sensor count clipped light, of which a part may be missing."""
    dark = how.low_light == "dark"
    if dark:
        light = light * how.illumination
    if how.electrons is None:
        return light
    # amplified: fewer electrons stand for the same brightness
    electrons = how.electrons if dark else how.electrons * how.illumination
    return poisson_gaussian(light, electrons, how.read_noise, stream(how, "noise"))


def _check_scene(scene: Scene, how: Degradation, size: tuple[int, int]) -> None:
    for blur, name, planes in (
        ("depth", "nearness", [] if scene.nearness is None else [scene.nearness]),
        ("layers", "mattes of layers", [layer.matte for layer in scene.layers or ()]),
    ):
        if planes and how.blur != blur and not (how.haze and name == "nearness"):
            raise BenchError(f"{name} were given for the blur '{how.blur}'; expected '{blur}'")
        for plane in planes:
            if plane.shape != size:
                raise ImageSizeError(
                    f"{name}: got {plane.shape}, expected {size}, the photograph's"
                )
            if not (np.isfinite(plane).all() and plane.min() >= 0 and plane.max() <= 1):
                raise BenchError(f"{name}: expected finite values from 0 to 1; scale them first")
