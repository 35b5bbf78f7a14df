"""What `bench suites make` makes of a photograph: the levels of each factor, and their mixture.

Of each photograph one piece is taken, and degraded with every combination of the levels asked for
(a full factorial), or with a balanced choice of them. So no level of one factor meets other
photographs, or other levels of another factor, than the next level does.

What is random comes of one seed for each photograph: the path of a hand, the direction of a motion,
the noise. At a rising extent it is the same path, scaled, so that a chart shows the extent alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from itertools import product
from typing import Any

from bench.core.errors import BenchError
from bench.core.names import choose
from bench.degrade.parameters import Degradation
from bench.degrade.table import blur_names, blurs
from bench.suites.balance import Level, balanced
from bench.suites.folder import first_few
from bench.suites.listing import share

LEAST = 64
"""Pixels: a piece of a shorter side is refused. The coarsest metrics need as much."""
MOST_LEVELS = 12
"""Of one factor: a report charts no more."""

GREY = 0.18
"""Linear light of mid grey, which meters are set to: level 118 of sRGB."""
_SLOPE: float = 255 * 1.055 / 2.4 * GREY ** (1 / 2.4 - 1)
"""8-bit levels of sRGB per linear light, at mid grey."""

_OWNED = {
    "blur": "blur",
    "size": "extent",
    "electrons": "noise",
    "illumination": "light",
    "jpeg": "jpeg",
    "seed": "seed",
}
_UNFIT = {
    "scale": "the suite is one for deblurring: both images of a pair have one size",
    "sigma": "8 bits cannot hold it; noise that a camera makes is --noise",
    "grey": "it belongs to sigma, which 8 bits cannot hold",
}


@dataclass(frozen=True, slots=True)
class Combination:
    """One combination of levels. ``extent`` 0 has the blur ``none``."""

    blur: str
    extent: float
    noise: float
    light: float
    jpeg: int | None

    @property
    def label(self) -> str:
        """What it is called in a pair's id."""
        caption = f"{self.blur}{self.extent:g}-noise{self.noise:g}-light{self.light:g}"
        return caption if self.jpeg is None else f"{caption}-jpeg{self.jpeg}"

    @property
    def strata(self) -> dict[str, str]:
        """By what the scores can be told apart, in the words of a report's charts."""
        found = {
            "blur": str(self.blur),
            "blur extent, px": f"{self.extent:g}",
            "noise, levels": f"{self.noise:g}",
            "light, fraction": f"{self.light:g}",
        }
        return found if self.jpeg is None else found | {"JPEG quality": str(self.jpeg)}


@dataclass(frozen=True, slots=True)
class Mixture:
    """The levels of each factor, and how they are dealt out. Raises `BenchError` for nonsense."""

    blur: tuple[str, ...] = ("shake",)
    extent: tuple[float, ...] = (0.0, 3.0, 6.0, 9.0)
    """Pixels of the photograph over which a point of light is spread: see `bench.degrade.table`."""
    noise: tuple[float, ...] = (0.0, 5.0, 15.0)
    """8-bit levels, standard deviation at mid grey and full light: see `electrons`."""
    light: tuple[float, ...] = (1.0,)
    """Fractions of the light that reaches the sensor; ``low_light`` says what becomes of it."""
    jpeg: tuple[int, ...] = ()
    """Qualities; none: not compressed."""
    crop: int | None = 256
    """Side of the square from each photograph's centre; None: all of it but a rim."""
    per_photo: int | None = None
    """So many combinations of each photograph, balanced; None: all."""
    val: float = 0.0
    test: float = 1.0
    """Parts of the photographs; what is left is for training."""
    seed: int = 0
    quality: tuple[float, int] | None = None
    """The highest blur effect of a piece and the least shorter side of a photograph: see `flaw`."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Other fields of `Degradation`, the same for all images."""

    def __post_init__(self) -> None:
        for name in ("blur", "extent", "noise", "light", "jpeg"):
            levels = getattr(self, name)
            if (not levels and name != "jpeg") or len(set(levels)) < len(levels):
                raise BenchError(f"--{name}: expected at least one level, and none twice")
            if len(levels) > MOST_LEVELS:
                raise BenchError(
                    f"--{name}: got {len(levels)} levels; a report charts {MOST_LEVELS} at most"
                )
        for blur in self.blur:
            if blur == "none":
                raise BenchError("--blur none: give --extent 0 for images without blur")
            choose("blur", blur, blur_names())
        self._check_numbers()
        for name in self.fixed:
            if name in _OWNED:
                raise BenchError(f"--set {name}: use --{_OWNED[name]}")
            if name in _UNFIT:
                raise BenchError(f"--set {name}: {_UNFIT[name]}")
        for cell in self.cells():  # what no degradation can have is found before any work
            degradation(self, cell, 0, 100.0)

    def _check_numbers(self) -> None:
        if min(self.extent) < 0 or max(self.extent) > 100:
            raise BenchError(f"--extent {_list(self.extent)}: expected pixels from 0 to 100")
        if min(self.noise) < 0 or max(self.noise) > 100:
            raise BenchError(f"--noise {_list(self.noise)}: expected 8-bit levels from 0 to 100")
        if min(self.light) <= 0 or max(self.light) > 1:
            raise BenchError(f"--light {_list(self.light)}: expected fractions above 0, up to 1")
        dark = self.fixed.get("low_light") == "dark"
        if min(self.light) < 1 and not dark and 0 in self.noise:
            raise BenchError(
                "--light: lost light that is amplified back shows only in the noise, and --noise "
                "has 0; leave that out (--noise 2,5,15), or keep it dark (--set low_light=dark)"
            )
        if self.crop is not None and self.crop < LEAST:
            raise BenchError(f"--crop {self.crop}: expected at least {LEAST} pixels, or 'none'")
        if self.per_photo is not None and self.per_photo < 1:
            raise BenchError(f"--per-photo {self.per_photo}: expected at least 1")
        if min(self.val, self.test) < 0 or self.val + self.test > 1 + 1e-9:
            raise BenchError(
                f"--val {self.val:.0%} --test {self.test:.0%}: expected parts of the photographs "
                "that make 100 % at most; what is left is for training"
            )
        if self.seed < 0:
            raise BenchError(f"--seed {self.seed}: expected a whole number of at least 0")

    def cells(self) -> list[Combination]:
        """Return every combination once: without an extent, one blur is as good as another."""
        return list(dict.fromkeys(_cell(*levels) for levels in product(*self._factors())))

    def deal(self, photographs: int) -> Iterator[list[Combination]]:
        """Yield the combinations of each photograph of a split.

        Raises `BenchError` where so many cannot be chosen evenly.
        """
        cells, count = self.cells(), self.per_photo
        if count is None or count >= len(cells):
            yield from ([*cells] for _ in range(photographs))
            return
        yield from balanced(self._factors(), _cell, count, photographs, self.seed)

    @property
    def margin(self) -> int:
        """Pixels around a piece that are degraded with it and cut off: no blur reaches further."""
        reach: float = max(self.extent)
        return math.ceil(2 * (reach + self.fixed.get("background", 0))) if reach else 0

    def as_dict(self) -> dict[str, Any]:
        """Return what decides the files, as JSON can hold it."""
        return asdict(self)

    def _factors(self) -> list[Sequence[Level]]:
        return [self.blur, self.extent, self.noise, self.light, self.jpeg or (None,)]


def _cell(blur: Any, extent: Any, noise: Any, light: Any, jpeg: Any) -> Combination:
    return Combination(blur if extent else "none", extent, noise, light, jpeg)


def _list(levels: Sequence[float]) -> str:
    return ",".join(f"{level:g}" for level in levels)


def electrons(noise: float, read_noise: float = 0.0) -> float:
    """Return how many electrons stand for white where mid grey has ``noise`` 8-bit levels.

    With E electrons for white and r of read-out noise the light x = 0.18 has the variance
    x/E + (r/E)^2, which sRGB's slope there, 305 levels per unit of light, takes to levels: without
    read-out noise E = (129/noise)^2. As in a camera, other tones have other noise.
    """
    photons = _SLOPE**2 * GREY
    readout = 4 * noise**2 * _SLOPE**2 * read_noise**2
    return round((photons + math.sqrt(photons**2 + readout)) / (2 * noise**2), 3)


def degradation(mixture: Mixture, cell: Combination, draws: int, corner: float) -> Degradation:
    """Return what makes a cell of a piece with this half diagonal; ``draws`` seeds all of it."""
    values: dict[str, Any] = {"angle": round(share(f"angle {draws}") * 180, 1), **mixture.fixed}
    if cell.extent:
        blur = blurs()[cell.blur]
        values["size"] = round(blur.size(cell.extent, corner), 4)
        for name, of_extent in (blur.follows or {}).items():
            values.setdefault(name, round(of_extent(cell.extent, corner), 4))
    else:
        values |= {"roll": 0.0, "background": 0.0}
    if cell.noise:
        values["electrons"] = electrons(cell.noise, values.get("read_noise", 0.0))
    else:
        values["read_noise"] = 0.0
    known = {field.name for field in fields(Degradation)}
    for name in mixture.fixed:
        choose("field of a degradation", name, known)
    return Degradation.from_dict(
        values | {"blur": cell.blur, "illumination": cell.light, "jpeg": cell.jpeg, "seed": draws}
    )


def notes(mixture: Mixture, photographs: int, left_out: Mapping[str, str]) -> list[str]:
    """Say what a reader of scores on the suite must know."""
    cells = len(mixture.cells())
    count = min(mixture.per_photo or cells, cells)
    one_psf = [name for name in blur_names() if blurs()[name].uniform]
    exact = f"{', '.join(one_psf[:-1])} and {one_psf[-1]}"
    dealt = "every combination of levels" if count == cells else f"{count} of {cells}, balanced,"
    caption = [
        f"made of {photographs} photographs: {dealt} of each, seed {mixture.seed}; the same hand's "
        "path and direction at every level",
        "blur extent: pixels over which a point of light is spread (path, length, diameter, full "
        "width at half maximum, or the way of the corners)",
        "noise: standard deviation in 8-bit levels at mid grey and full light, made of photons, so "
        "that other tones and less light have other noise",
        f"the PSF handed to models that need one is exact for {exact}; other blurs differ over the "
        "image and it is their mean",
    ]
    if mixture.fixed:
        caption.append(
            "all: " + ", ".join(f"{name}={value}" for name, value in mixture.fixed.items())
        )
    if (most := max(map(len, mixture._factors()))) > count:
        caption.append(
            f"{count} images a photograph do not reach all {most} levels of a factor: "
            "its levels are compared over different photographs"
        )
    if left_out:
        caption.append(f"{len(left_out)} photographs left out: {first_few(left_out)}")
    return caption
