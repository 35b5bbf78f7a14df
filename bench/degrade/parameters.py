"""What decides a degraded image, beside the photograph: plain values that JSON can hold."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

import numpy as np

from bench.core.errors import BenchError
from bench.degrade.table import BLURS, blurs

Surface = Literal["smooth", "plane"]
LowLight = Literal["amplified", "dark"]


@dataclass(frozen=True, slots=True)
class Degradation:
    """Everything that decides a degraded image, beside the photograph. `degrade` has the order.

    The same values give the same pixels on every machine with the same libraries, however many
    threads. Each step draws from a stream of its own: changing the one leaves the others as they
    were. Raises `BenchError` for values that mean nothing.
    """

    blur: str = "none"
    """A row of `bench.degrade.table.BLURS`."""
    size: float = 0.0
    """How strong the blur is, in the unit of its row: pixels of the photograph for most."""
    angle: float = 0.0
    """Degrees anticlockwise from the right, of a straight motion."""
    roll: float = 0.0
    """Degrees through which a shake turns the image about its centre."""
    exposure: float = 1.0
    """The fraction, above 0, of the path or movement that falls into the exposure."""
    objects: int = 2
    """How many things move of their own in ``layers``."""
    background: float = 0.0
    """Pixels, longer side of the hand's path that shakes all of ``layers``; 0: a still camera."""
    surface: Surface = "smooth"
    """What ``depth`` and haze draw the distances of: rolling relief, or one tilted plane."""
    radius: float = 0.0
    """Pixels, of a defocused lens's disc, where that comes beside what ``size`` measures."""
    astigmatism: float = 0.0
    """Of ``lens``, 0 to 1: how much shorter the axis around the centre is than the one to it."""
    haze: float = 0.0
    """The optical depth of haze at the farthest point; distances are drawn as for ``depth``."""
    airlight: float = 0.8
    """Linear light that haze sends by itself where it hides all."""
    focus: float = 0.5
    """The nearness that is sharp in ``depth``: 0 is the farthest point, 1 the nearest."""
    illumination: float = 1.0
    """The fraction, above 0, of the light that reaches the sensor."""
    low_light: LowLight = "amplified"
    """What becomes of lost light: ``amplified`` back, noise and all, or left ``dark``."""
    electrons: float | None = None
    """Counted where the light is 1 at full illumination; None: no photon or read-out noise."""
    read_noise: float = 0.0
    """Electrons, standard deviation."""
    detail_loss: float = 0.0
    """Pixels, spatial standard deviation of the bilateral filter of a camera's noise reduction."""
    detail_range: float = 30.0
    """8-bit levels, the bilateral filter's standard deviation in value: smaller steps are lost."""
    scale: int = 1
    """The image is made smaller by this factor, 1 to 4, as MATLAB's imresize does."""
    jpeg: int | None = None
    """JPEG quality, 1 to 100; None: not compressed."""
    sigma: float | None = None
    """8-bit levels, standard deviation of white Gaussian noise; where set, even to 0, the image
    is float32, neither rounded nor clipped."""
    grey: bool = False
    """White noise is drawn once for all three channels: for grey photographs, which stay grey."""
    seed: int = 0

    def __post_init__(self) -> None:
        # ours need no look at what others add: they are made while modules are being imported
        kinds = BLURS if str(self.blur) in BLURS else blurs()
        for name, known in (("blur", tuple(kinds)), *_CHOICES.items()):
            if (value := getattr(self, name)) not in known or isinstance(value, bool):
                raise _wrong(name, value, f"one of {', '.join(map(str, known))}")
        for name, limits in _LIMITS.items():
            _check_number(name, getattr(self, name), *limits)
        if not isinstance(self.grey, bool):
            raise _wrong("grey", self.grey, "true or false")
        if self.size > (most := kinds[self.blur].most):
            unit = kinds[self.blur].unit.split()[0].rstrip(":")
            raise _wrong("size", self.size, f"at most {most:g} ({unit}) for the blur '{self.blur}'")
        if self.electrons is None:
            if self.read_noise:
                raise _wrong("read_noise", self.read_noise, "0 where nothing counts electrons")
            if self.illumination != 1 and self.low_light == "amplified":
                raise _wrong(
                    "illumination",
                    self.illumination,
                    "1 where no electrons are counted: amplified back, lost light shows nowhere; "
                    "give electrons, or low_light='dark'",
                )

    def as_dict(self) -> dict[str, Any]:
        """Return the parameters as JSON can hold them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Degradation:
        """Undo `as_dict`; what is left out has its default. Raises `BenchError` for all else."""
        known = [field.name for field in fields(cls)]
        for name in values:
            if name not in known:
                near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
                hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"
                raise BenchError(f"a degradation has no parameter '{name}'; {hint}")
        return cls(**values)


def stream(
    how: Degradation, step: Literal["path", "noise", "scene", "white", "air"]
) -> np.random.Generator:
    """Return the generator of one step's draws, afresh."""
    number = ("path", "noise", "scene", "white", "air").index(step)
    return np.random.Generator(np.random.PCG64([how.seed, number]))


_CHOICES: dict[str, tuple[Any, ...]] = {
    "surface": get_args(Surface),
    "low_light": get_args(LowLight),
}
_TINY = math.ulp(0.0)  # the smallest number above 0
_LIMITS: dict[str, tuple[float, float, bool, bool]] = {
    # lowest, highest, whole, may be None
    "size": (0, 500, False, False),
    "angle": (-math.inf, math.inf, False, False),
    "roll": (0, 90, False, False),
    "exposure": (_TINY, 1, False, False),
    "objects": (1, 20, True, False),
    "background": (0, 500, False, False),
    "radius": (0, 100, False, False),
    "astigmatism": (0, 1, False, False),
    "haze": (0, 20, False, False),
    "airlight": (0, 1, False, False),
    "focus": (0, 1, False, False),
    "illumination": (_TINY, 1, False, False),
    "electrons": (_TINY, math.inf, False, True),
    "read_noise": (0, math.inf, False, False),
    "detail_loss": (0, 20, False, False),
    "detail_range": (_TINY, 1000, False, False),
    "scale": (1, 4, True, False),
    "jpeg": (1, 100, True, True),
    "sigma": (0, math.inf, False, True),
    "seed": (0, math.inf, True, False),
}


def _check_number(
    name: str, value: Any, low: float, high: float, integer: bool, optional: bool
) -> None:
    if value is None and optional:
        return
    kinds = int if integer else (int, float)
    number = isinstance(value, kinds) and not isinstance(value, bool)
    if number and low <= value <= high and math.isfinite(value):
        return
    kind = "a whole number" if integer else "a number"
    least = "" if low == -math.inf else " above 0" if low == _TINY else f" of at least {low:g}"
    most = "" if high == math.inf else f"{' and' if least else ''} up to {high:g}"
    raise _wrong(name, value, f"{kind}{least}{most}{' (or None)' if optional else ''}")


def _wrong(name: str, value: object, expected: str) -> BenchError:
    return BenchError(f"degradation: {name}={value!r}; expected {expected}")
