"""The values that flow through everything. Frozen, and standard library only.

``RunSpec`` -> ``Pair`` -> restored pixels -> ``Score`` -> rows of `bench.runs.store`.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from bench.core.blobs import lmdb_of
from bench.core.errors import BenchError
from bench.core.names import sides_of


@dataclass(frozen=True, slots=True)
class Score:
    """One number, or the reason why there is none. Never both, never neither, never NaN.

    ``value`` may be infinite: the PSNR of identical images is.
    """

    value: float | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        if (self.value is None) == (not self.reason):
            raise ValueError(f"a score is a value or a reason, got {self.value!r}, {self.reason!r}")
        if self.value is not None and math.isnan(self.value):
            raise ValueError("a score is never NaN: give the reason why there is no number")

    @classmethod
    def missing(cls, reason: str) -> Score:
        """Return a score without a value."""
        return cls(None, reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetScore:
    """One number of ``images`` images together, or the reason why there is none.

    ``deviation`` is its standard deviation where it is an estimate over subsets.
    """

    images: int
    value: float | None = None
    deviation: float | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        Score(self.value, self.reason)  # a value or a reason, never NaN


@dataclass(frozen=True, slots=True)
class Sizing:
    """What is done to both images of a pair first: (width, height) of the middle that is cut out,
    and then of what it is resized to, by a kernel of `bench.suites.sizing.KERNELS`.

    The sizes are the reference's.
    """

    crop: tuple[int, int] | None = None
    resize: tuple[int, int] | None = None
    kernel: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clip:
    """Consecutive frames of one sequence, in the order of time; its pairs share it.

    ``window`` is the most frames that a model may see at once for one of them.
    """

    frames: tuple[Pair, ...]
    window: int


@dataclass(frozen=True, slots=True)
class Pair:
    """A degraded photograph and, where it exists, what it should have been.

    ``id`` is unique in its suite and safe as a file name. ``cluster`` names the sequence or scene:
    images of one cluster are not independent, so intervals resample clusters. ``psf`` is a ``.npy``
    file of an (h, w) float array that sums to 1, where the blur is known. `bench.suites.opening`
    reads what a pair names.
    """

    id: str
    degraded: Path
    reference: Path | None
    cluster: str
    strata: Mapping[str, str] = field(default_factory=dict)
    psf: Path | None = None
    scale: int = 1
    """The reference's size over the degraded image's; what the reference has beyond that, fewer
    than ``scale`` rows and columns at its end, is cut off."""
    degradation: Mapping[str, Any] | None = None
    """Where given, ``degraded`` names the sharp photograph, which is degraded like this
    (`bench.degrade.pipeline.Degradation`) each time it is read."""
    prepare: tuple[str, ...] = ()
    """Steps of `bench.prepare` that the degraded image goes through before a model gets it."""
    fresh: Mapping[str, tuple[float, float]] | None = None
    """Where given, whoever learns from it degrades each crop anew: a step of the degradation, and
    between which levels (`bench.suites.degrading`)."""
    sizing: Sizing | None = None
    """Where given, both images are cut and resized like this on reading, before all else."""
    clip: Clip | None = None
    """Where given, the pair is frame number ``at`` of it, from 0."""
    at: int = 0

    @property
    def knows_psf(self) -> bool:
        """Whether the blur's point spread function is known."""
        stored = self.psf is not None and not (self.sizing and self.sizing.resize)
        return stored or (self.degradation or {}).get("blur", "none") != "none"

    @property
    def knows_noise(self) -> bool:
        """Whether the standard deviation of white noise is known, where it was added on reading."""
        return (self.degradation or {}).get("sigma") is not None

    def frame(self, number: int) -> Pair:
        """Return frame ``number`` of the clip; before its first that, after its last the last."""
        assert self.clip is not None
        at = min(max(number, 0), len(self.clip.frames) - 1)
        return replace(self.clip.frames[at], prepare=self.prepare, clip=self.clip, at=at)

    @property
    def previous(self) -> Pair | None:
        """The frame before it; None for a clip's first, and for what is no frame."""
        return self.frame(self.at - 1) if self.clip is not None and self.at else None

    @property
    def needs_views(self) -> bool:
        """Whether no file shows what a model got beside the reference, pixel for pixel."""
        inside = lmdb_of(self.degraded) is not None
        changed = self.degradation is not None or self.sizing is not None or bool(self.prepare)
        return inside or changed or self.scale > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """The images that weights learned from, by content; `bench.suites.learned` makes and uses it.

    ``images`` are how many files. ``digest`` names all of their pairs together. ``files`` and
    ``pixels`` are base64 of the sorted digests of the files' bytes and of their decoded pixels,
    eight bytes each; ``pixels`` is empty where there were too many images to decode.
    """

    images: int
    digest: str
    files: str
    pixels: str


LEAST_TILE = 32

Tile = int | Literal["auto"] | None
"""The side of the tiles that networks work in, in pixels; ``auto``: whole images where the free
memory holds them, else tiles as large as it holds (`models.memory`); None: whole images."""


def tile_of(given: str | int | None) -> Tile:
    """Read ``auto``, ``whole`` or a side in pixels. Raises `BenchError` for anything else.

    >>> tile_of("auto"), tile_of("whole"), tile_of("256")
    ('auto', None, 256)
    """
    if given == "auto":
        return "auto"
    if given is None or given == "whole":
        return None
    text = str(given)
    if not (text.isascii() and text.isdecimal()) or int(text) < LEAST_TILE:
        raise BenchError(f"--tile {given}: expected auto, whole, or pixels from {LEAST_TILE} up")
    return int(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """Everything that decides a run's numbers. Equal specs mean the same run.

    ``suite`` is the canonical suite spec with every option written out (``gopro:blur=blur``).
    ``preset`` names the recipe of each model trained, and ``budget``, as typed (``90s``, ``10m``,
    ``1h``, ``300steps`` or ``20epochs``), its length if not the recipe's own.
    """

    suite: str
    data: str
    models: tuple[str, ...]
    metrics: tuple[str, ...]
    limit: int | None = None
    device: str = "cpu"
    train: str = "missing"
    budget: str | None = None
    preset: str = "quick"
    seed: int = 0
    tile: Tile = None
    prepare: tuple[str, ...] = ()
    recipe: tuple[str, ...] = ()
    """Changes to the preset of each model trained (`models.recipe_files`)."""

    def digest(self) -> str:
        """Return eight hexadecimal digits that name this spec."""
        values = asdict(self)
        if not self.recipe:  # as the spec was named before there were any
            del values["recipe"]
        text = json.dumps(values, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]


Place = tuple[int, int] | tuple[int, int, int] | Literal["suite"]
"""What costs are measured at: (height, width) of an image, (batch, height, width) of several in a
pass, or ``suite``: an image of the size of most of the suite's own."""

ProfileSize = Place | list[Place] | None
"""One place or several; None: costs are not measured."""


def places(size: ProfileSize) -> list[Place]:
    """Return the places that are meant.

    >>> places((720, 1280)), places(["suite", (8, 256, 256)]), places(None)
    ([(720, 1280)], ['suite', (8, 256, 256)], [])
    """
    return size if isinstance(size, list) else [] if size is None else [size]


def profile_size(text: str) -> ProfileSize:
    """Read places, separated by commas: ``HEIGHTxWIDTH``, ``BATCHxHEIGHTxWIDTH`` or ``suite``; or
    ``none``. Raises `BenchError` for anything else.

    >>> profile_size("720x1280"), profile_size("suite,8x256x256"), profile_size("none")
    ((720, 1280), ['suite', (8, 256, 256)], None)
    """
    if text == "none":
        return None
    first, *more = [_place(one.strip()) for one in text.split(",")]
    return [first, *more] if more else first


def _place(text: str) -> Place:
    if text == "suite":
        return "suite"
    batch, _, sides = text.partition("x")
    if size := sides_of(text):
        return size
    if batch.isdecimal() and int(batch) and (size := sides_of(sides)):
        return int(batch), *size
    raise BenchError(
        f"size '{text}': expected HEIGHTxWIDTH in pixels, such as 720x1280, BATCHxHEIGHTxWIDTH, "
        "such as 8x256x256, or suite; or none alone"
    )


def profile_text(size: ProfileSize) -> str:
    """Undo `profile_size`."""
    return ",".join(p if p == "suite" else "x".join(map(str, p)) for p in places(size)) or "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One cost figure with its provenance: figures of different provenance are never compared.

    ``dtype`` is the precision that was asked of the measurement; a variant of a model
    (``MODEL@float16``) has its own, and is compared with the others as the model that it is.
    ``low`` and ``high`` bound the 95 % interval where the quantity is a sample. ``samples`` are the
    single measurements behind it, one tuple for each process, in ``unit``; a figure that follows
    from another's (the 90th percentile from the passes of the latency) has none of its own.
    ``noisy`` says why it is, by `bench.compute.noise`, and is empty where nothing was seen; None
    where that was not kept.
    """

    model: str
    device: str
    dtype: str
    height: int
    width: int
    batch: int
    threads: int
    quantity: str
    unit: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    missing: str | None = None
    samples: tuple[tuple[float, ...], ...] = ()
    noisy: str | None = ""

    @property
    def single(self) -> bool:
        """Whether it varies and one sample is all that is known of it: it has no interval then."""
        return self.value is not None and self.low is None and sum(map(len, self.samples)) == 1


ONE_SAMPLE = "1 sample, no interval"
"""What is said of such a figure (`Profile.single`) wherever an interval would stand."""
ONE = "1 sample"
"""What is said of it beside the range of a noisy one."""

TOO_LARGE = "out of memory on a whole image"
"""How a model's remark begins that images were worked on in tiles after memory ran out."""
TOO_LARGE_FOR_FREE = "too large for the free memory"
"""How it begins where the tiles were chosen beforehand (`Tile` ``auto``)."""
IN_TILES = (TOO_LARGE, TOO_LARGE_FOR_FREE)
"""How any remark begins that images were worked on in tiles, which may show in them."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that went wrong with one model, and with one image unless ``image`` is None."""

    model: str
    image: str | None
    message: str
