"""From a sharp photograph to what a camera would have made of it, step by step.

sRGB -> linear light -> blur -> clip (saturation) -> Poisson-Gaussian noise -> sRGB -> 8 bits.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from bench.degrade.light import to_linear, to_pixels
from bench.degrade.noise import poisson_gaussian
from bench.degrade.psf import Psf, blur, defocus_psf, motion_psf, rasterise, trajectory
from bench.degrade.shake import mean_psf, poses, shake
from bench.image import ImageSizeError, Pixels

Blur = Literal["none", "motion", "trajectory", "shake", "defocus"]


@dataclass(frozen=True, slots=True)
class Degradation:
    """Everything that decides a degraded image, beside the photograph.

    The same values give the same pixels on every machine with the same NumPy and SciPy. Path and
    noise are drawn apart: changing the one leaves the other as it was.
    """

    blur: Blur = "none"
    """``motion`` is straight and uniform, ``trajectory`` a hand's path and uniform, ``shake`` a
    hand's path that also rolls, so it differs over the image, ``defocus`` a disc."""
    size: float = 0.0
    """Pixels: the length of a motion, the longer side of a hand's path, the radius of a defocus."""
    angle: float = 0.0
    """Degrees, of a straight motion."""
    roll: float = 0.0
    """Degrees through which a shake turns the image about its centre."""
    exposure: float = 1.0
    """The fraction of the path that falls into the exposure."""
    electrons: float | None = None
    """Counted where the light is 1; None: no noise. The image is amplified to equal brightness."""
    read_noise: float = 0.0
    """Electrons, standard deviation."""
    seed: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the parameters as JSON can hold them."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Degraded:
    """What came out: (H, W, 3) uint8, the PSF, and whether it holds for the whole image."""

    pixels: Pixels
    psf: Psf
    uniform: bool
    """False: the blur differs over the image and ``psf`` is its mean."""


def degrade(sharp: Pixels, how: Degradation, margin: int = 0) -> Degraded:
    """Degrade an (H, W, 3) uint8 sRGB photograph.

    ``margin`` pixels on every side serve as what lies outside the frame and are cut off, so the
    result is (H-2*margin, W-2*margin, 3) and no edge is invented. Beyond them the image is
    mirrored. Raises `ImageSizeError` if nothing would be left.
    """
    if min(sharp.shape[:2]) <= 2 * margin:
        raise ImageSizeError(f"image {sharp.shape[:2]} is all margin ({margin} on each side)")
    path_rng, noise_rng = (
        np.random.Generator(np.random.PCG64([how.seed, stream])) for stream in (0, 1)
    )
    light = to_linear(sharp)
    inside = (slice(margin, sharp.shape[0] - margin), slice(margin, sharp.shape[1] - margin))
    if how.blur == "shake":
        path = trajectory(path_rng, how.size, how.exposure)
        roll = np.radians(trajectory(path_rng, how.roll, how.exposure)[:, 0])
        camera = poses(path, roll, (sharp.shape[0], sharp.shape[1]))
        light = shake(light, camera, margin)
        psf = mean_psf(camera, (light.shape[0], light.shape[1]))
    else:
        psf = _uniform_psf(how, path_rng)
        light = blur(light, psf)[inside]
    light = np.clip(light, 0.0, 1.0)
    if how.electrons is not None:
        light = poisson_gaussian(light, how.electrons, how.read_noise, noise_rng)
    return Degraded(to_pixels(light), psf, uniform=how.blur != "shake")


def _uniform_psf(how: Degradation, rng: np.random.Generator) -> Psf:
    if how.blur == "motion":
        return motion_psf(how.size * how.exposure, how.angle)
    if how.blur == "trajectory":
        return rasterise(trajectory(rng, how.size, how.exposure))
    if how.blur == "defocus":
        return defocus_psf(how.size)
    return np.ones((1, 1))
