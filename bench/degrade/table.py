"""THE table of blurs: what each is, its unit, its range, and what strength an extent asks for.

Imports nothing heavy: what blurs is named, and loaded when a photograph is blurred.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from bench.core.plugins import extended

Size = Callable[[float, float], float]
"""From an extent (the pixels over which the blur spreads a point of light) and half the diagonal of
the image in pixels, to a blur's size in its own unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blur:
    """One row.

    ``apply``, as ``module:function``, takes (H, W, 3) linear light, a
    `bench.degrade.parameters.Degradation` and a `bench.degrade.blurs.Scene`, and returns the
    blurred light and its PSF.
    """

    name: str
    apply: str
    unit: str
    """The unit of `Degradation.size`, and what it measures."""
    about: str
    uniform: bool
    """Whether one PSF holds for the whole image; else the PSF is the mean."""
    size: Size = lambda extent, corner: extent
    most: float = 500.0
    """The largest `Degradation.size`."""
    follows: Mapping[str, Size] | None = None
    """Other fields of a `Degradation` that follow from an extent where they are not given."""


def _degrees(extent: float, corner: float) -> float:
    return math.degrees(extent / corner)  # the way of the corners


BLURS: dict[str, Blur] = {
    blur.name: blur
    for blur in (
        Blur(
            name="none",
            apply="bench.degrade.blurs:none",
            unit="none",
            about="no blur",
            uniform=True,
        ),
        Blur(
            name="motion",
            apply="bench.degrade.blurs:motion",
            unit="pixels: length",
            about="straight motion at even speed, along `angle`",
            uniform=True,
        ),
        Blur(
            name="trajectory",
            apply="bench.degrade.blurs:hand_path",
            unit="pixels: longer side of the path",
            about="the path of a trembling hand, the same everywhere",
            uniform=True,
        ),
        Blur(
            name="shake",
            apply="bench.degrade.blurs:shake",
            unit="pixels: longer side of the path",
            about="a hand's path that also rolls, by `roll`, so that it differs over the image",
            uniform=False,
            follows={"roll": lambda extent, corner: _degrees(extent / 2, corner)},
        ),
        Blur(
            name="spin",
            apply="bench.degrade.blurs:roll",
            unit="degrees turned",
            about="an even roll about the image's centre",
            uniform=False,
            size=_degrees,
        ),
        Blur(
            name="zoom",
            apply="bench.degrade.blurs:approach",
            unit="percent grown",
            about="a zoom or approach, away from the centre",
            uniform=False,
            size=lambda extent, corner: 100 * extent / corner,
            most=100.0,
        ),
        Blur(
            name="layers",
            apply="bench.degrade.blurs:layers",
            unit="pixels: longest motion",
            about="`objects` that move against a background that is still, or shaken by "
            "`background`",
            uniform=False,
        ),
        Blur(
            name="gaussian",
            apply="bench.degrade.blurs:gaussian",
            unit="pixels: standard deviation",
            about="Gaussian",
            uniform=True,
            size=lambda extent, corner: extent / math.sqrt(8 * math.log(2)),  # full width at half
        ),
        Blur(
            name="defocus",
            apply="bench.degrade.blurs:defocus",
            unit="pixels: radius",
            about="the disc of a lens out of focus",
            uniform=True,
            size=lambda extent, corner: extent / 2,  # the disc's diameter
        ),
        Blur(
            name="depth",
            apply="bench.degrade.blurs:defocus_with_depth",
            unit="pixels: largest radius",
            about="defocus that grows with the distance from `focus`, over a drawn `surface`",
            uniform=False,
            size=lambda extent, corner: extent / 2,  # the largest disc's diameter
        ),
        Blur(
            name="lens",
            apply="bench.degrade.blurs:lens",
            unit="pixels: radius in the corners",
            about="defocus that grows from the centre to the corners, as a curved field makes it, "
            "narrower around the centre by `astigmatism`",
            uniform=False,
            size=lambda extent, corner: extent / 2,  # the ellipse's length in the corners
            follows={"astigmatism": lambda extent, corner: 2 / 3},  # of a flattened field
        ),
        Blur(
            name="motion-defocus",
            apply="bench.degrade.blurs:motion_out_of_focus",
            unit="pixels: length of the motion",
            about="straight motion seen by a lens that is out of focus by `radius`",
            uniform=True,
            size=lambda extent, corner: 2 * extent / 3,
            follows={"radius": lambda extent, corner: extent / 6},
        ),
        Blur(
            name="shake-defocus",
            apply="bench.degrade.blurs:shake_out_of_focus",
            unit="pixels: longer side of the path",
            about="a shake seen by a lens that is out of focus by `radius`",
            uniform=False,
            size=lambda extent, corner: 2 * extent / 3,
            follows={
                "roll": lambda extent, corner: _degrees(extent / 3, corner),
                "radius": lambda extent, corner: extent / 6,
            },
        ),
        Blur(
            name="turbulence",
            apply="bench.degrade.blurs:turbulence",
            unit="pixels: full width at half maximum of a long exposure",
            about="a short exposure through turbulent air, which bends the image more than it "
            "blurs it",
            uniform=False,
        ),
    )
}


@cache
def blurs() -> dict[str, Blur]:
    """Return the table with the rows of packages that join ``restoration_bench.blurs``."""
    return extended(BLURS, "restoration_bench.blurs", Blur)


def blur_names() -> list[str]:
    """Return what can be asked for: every blur but ``none``, which an extent of 0 stands for."""
    return [name for name in blurs() if name != "none"]
