"""Preprocessing that some papers put before their model: named steps, switchable and recorded.

A step is written ``name[:key=value,..]``, as in ``wavelet``, ``clahe:clip=0.02`` or
``quality:blur=0.6,side=256``. They are applied to the degraded image in the order given. The table
imports nothing heavy: the command line's help names the steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.core.errors import BenchError, NotApplicable
from bench.core.names import choose, parse_spec

if TYPE_CHECKING:
    from bench.image import Pixels

Options = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Step:
    """One row: ``apply`` takes (H, W, 3) uint8 sRGB and all options; returns the same shape."""

    apply: Callable[[Pixels, Options], Pixels]
    options: Options
    """Option -> its default."""
    about: str
    tones: bool = False
    """Whether it changes the tones that an image has, which a reference keeps."""


def tone_note(specs: Sequence[str]) -> str | None:
    """Say what steps that change tones do to scores against references; None: there are none."""
    names = [name for name, _ in map(parse_spec, specs) if name in STEPS and STEPS[name].tones]
    if not names:
        return None
    return (
        f"--prepare {', '.join(names)} changes the tones of what models get, and references keep "
        "theirs: scores against references compare tones, too, which no model was to restore"
    )


def prepare(pixels: Pixels, steps: Sequence[str]) -> Pixels:
    """Apply steps, in order, to an (H, W, 3) uint8 sRGB image; no step leaves it as it is.

    Raises `BenchError` for steps and options that there are not, and `NotApplicable` with the
    reason where the step ``quality`` drops the image.
    """
    from bench.image import ImageError

    if pixels.dtype != "uint8" or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ImageError(f"expected (H,W,3) uint8, got {pixels.shape} {pixels.dtype}")
    for step, options in [read_step(spec) for spec in steps]:  # all are read before one is applied
        pixels = step.apply(pixels, options)
    return pixels


def read_step(spec: str) -> tuple[Step, Options]:
    """Return the step that ``name[:key=value,..]`` names, and all its options' values."""
    name, given = parse_spec(spec)
    step = STEPS[choose("step", name, STEPS)]
    options = dict(step.options)
    for key, text in given.items():
        if key not in options:
            raise BenchError(
                f"'{spec}': '{name}' has the options {', '.join(options)}, not '{key}'"
            )
        try:
            options[key] = float(text)
        except ValueError:
            options[key] = math.nan
        if not (math.isfinite(options[key]) and options[key] >= 0):
            raise BenchError(f"'{spec}': {key}={text}; expected a number of at least 0")
    return step, options


def flaw(pixels: Pixels, blur: float, side: int) -> str | None:
    """Say why an (H, W, 3) uint8 image is too poor to be used, or None if it is not.

    ``blur`` is the highest `skimage.measure.blur_effect` that passes, from 0 (sharp) to 1 (Crete et
    al. 2007, doi:10.1117/12.702790), ``side`` the least length of the shorter side in pixels.
    """
    from skimage.measure import blur_effect

    height, width = pixels.shape[:2]
    if min(height, width) < side:
        return f"{width}x{height} is smaller than {side} pixels on its shorter side"
    measure: Any = blur_effect
    found = float(measure(pixels, channel_axis=-1))  # 1 for an even image
    if found <= blur:
        return None
    return f"blur effect {found:.3f} is above {blur:g} (0 is sharp, 1 blurred)"


def _wavelet(pixels: Pixels, options: Options) -> Pixels:
    import numpy as np
    from skimage.restoration import denoise_wavelet

    from bench.image import quantise

    sigma = options["sigma"] / 255 or None
    found = denoise_wavelet(
        pixels / 255, sigma=sigma, channel_axis=-1, convert2ycbcr=True, rescale_sigma=True
    )
    return quantise(found.astype(np.float32))


def _clahe(pixels: Pixels, options: Options) -> Pixels:
    import numpy as np
    from skimage.color import rgb2ycbcr, ycbcr2rgb
    from skimage.exposure import equalize_adapthist

    from bench.image import quantise

    planes = rgb2ycbcr(pixels)
    luma = np.clip((planes[..., 0] - 16) / 219, 0, 1)
    if luma.min() == luma.max():  # scikit-image would stretch the one value to white
        return pixels
    planes[..., 0] = 16 + 219 * equalize_adapthist(luma, clip_limit=options["clip"])
    return quantise(ycbcr2rgb(planes).astype(np.float32))


def _quality(pixels: Pixels, options: Options) -> Pixels:
    if reason := flaw(pixels, options["blur"], round(options["side"])):
        raise NotApplicable(f"dropped by the quality filter: {reason}")
    return pixels


STEPS: dict[str, Step] = {
    "wavelet": Step(
        _wavelet,
        {"sigma": 0.0},
        "wavelet denoising, BayesShrink in YCbCr (scikit-image); sigma in 8-bit levels, "
        "0: estimated from the image. Chang et al. 2000, doi:10.1109/83.862633",
    ),
    "clahe": Step(
        _clahe,
        {"clip": 0.01},
        "contrast-limited adaptive histogram equalisation of luma, 8x8 tiles (scikit-image); "
        "clip from 0 to 1: higher gives more contrast. Zuiderveld 1994",
        tones=True,
    ),
    "quality": Step(
        _quality,
        {"blur": 0.7, "side": 64.0},
        "drops images whose blur effect is above blur (0 sharp, 1 blurred) or whose shorter side "
        "is under side pixels (scikit-image). Crete et al. 2007, doi:10.1117/12.702790",
    ),
}
"""Name -> step."""
