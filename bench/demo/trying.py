"""One photograph through several models: what each makes of it, costs and scores."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
import torch

from bench.compute import memory
from bench.core.errors import BenchError, message_of
from bench.degrade.parameters import Degradation
from bench.degrade.pipeline import degrade
from bench.degrade.table import blurs
from bench.demo.at_hand import Choice
from bench.image import Pixels
from bench.metrics.scorer import Scorer
from bench.metrics.table import WITHOUT_REFERENCE, at_hand
from bench.photographs.reading import Photograph, Samples, read_photograph
from bench.photographs.restoring import restore_photograph
from bench.photographs.writing import write_photograph
from bench.records import Score
from models.loading import load_restorer
from models.memory import choose_tiles
from models.restorer import Restorer

FULL_REFERENCE = ("psnr", "ssim")
SCORED = 2048
"""Scores are of the middle of an image that is wider or higher: more would take minutes."""
BLURS = ("none", "defocus", "motion", "shake", "gaussian")
"""What the page offers of `bench.degrade.table.BLURS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worse:
    """How a sharp photograph is made worse: a blur of ``extent`` pixels, and white noise of
    ``noise`` 8-bit levels."""

    blur: str = "none"
    extent: float = 0.0
    noise: float = 0.0

    @property
    def changes(self) -> bool:
        """Whether it does anything."""
        return (self.blur != "none" and self.extent > 0) or self.noise > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of the photograph. Times and memory are of this one run; None: not measured.

    ``file`` is a PNG, None where the model failed, for the reason ``error``.
    """

    name: str
    file: Path | None = None
    size: tuple[int, int] = (0, 0)
    scores: Mapping[str, Score] = field(default_factory=dict)
    seconds: float | None = None
    peak_mb: float | None = None
    notes: tuple[str, ...] = ()
    error: str | None = None


class Workshop:
    """Models that are loaded once, when somebody first asks for them, and the metrics."""

    def __init__(self, choices: Mapping[str, Choice], device: str, most_pixels: int) -> None:
        self.choices, self.device, self.most_pixels = choices, device, most_pixels
        self.metrics = (*FULL_REFERENCE, *at_hand(WITHOUT_REFERENCE))
        self._scorer = Scorer(self.metrics, no_reference="there is no sharp original")
        self._loaded: dict[str, Restorer] = {}

    def restorer(self, name: str) -> Restorer:
        """Return a model that is ready. Raises `BenchError` for what cannot be loaded."""
        if name not in self.choices:
            raise BenchError(f"there is no model '{name}' here; choose among those shown")
        if name not in self._loaded:
            choice = self.choices[name]
            self._loaded[name] = load_restorer(choice.spec, self.device, choice.weights)
        return self._loaded[name]

    def read(self, path: Path) -> Photograph:
        """Read an upload. Raises `BenchError` that names no file of the server's."""
        try:
            photograph = read_photograph(path)
        except BenchError as error:
            raise BenchError(str(error).replace(f"'{path}'", "this file")) from error
        high, wide = photograph.size
        if high * wide > self.most_pixels:
            raise BenchError(
                f"this photograph has {high * wide / 1e6:.1f} megapixels ({wide} × {high}); at "
                f"most {self.most_pixels / 1e6:g} are taken here: make it smaller, or cut it"
            )
        return photograph

    def versions(
        self, photograph: Photograph, names: Sequence[str], worse: Worse, folder: Path
    ) -> Iterator[Version]:
        """Yield the photograph as the models get it, as each restores it, and, where it was made
        worse first, as it was. One model that fails never stops the others."""
        sharp = photograph if worse.changes else None
        given = made_worse(photograph, worse) if sharp else photograph
        reference = shown(sharp.colour) if sharp else None
        yield self._version("Degraded" if sharp else "Photograph", given, reference, folder)
        for name in names:
            yield self._restored(name, given, reference, folder)
        if sharp:
            yield self._version("Reference", sharp, None, folder)

    def _restored(
        self, name: str, given: Photograph, reference: Pixels | None, folder: Path
    ) -> Version:
        try:
            restorer = self.restorer(name)
            choose_tiles(restorer)  # anew: by what is free now
            cuda = restorer.device.type == "cuda"
            if cuda:
                torch.cuda.reset_peak_memory_stats(restorer.device)
            before, measured = memory.resident(), memory.reset_peak()
            started = time.perf_counter()
            made = restore_photograph(restorer, given)
            seconds = time.perf_counter() - started
            if cuda:
                peak: int | None = torch.cuda.max_memory_allocated(restorer.device)
            else:
                peak = max(0, memory.peak_resident() - before) if measured else None
            version = self._version(name, made, reference, folder)
        except Exception as error:  # noqa: BLE001  one model never stops the others
            return Version(name=name, error=message_of(error))
        return replace(version, seconds=seconds, peak_mb=None if peak is None else peak / 1e6)

    def _version(
        self, name: str, photograph: Photograph, reference: Pixels | None, folder: Path
    ) -> Version:
        file = folder / f"{name.replace('/', '-').replace(':', '-')}.png"
        notes = photograph.notes + write_photograph(file, photograph, "png")
        scores = {} if name == "Reference" else self._scores(shown(photograph.colour), reference)
        return Version(name=name, file=file, size=photograph.size, notes=notes, scores=scores)

    def _scores(self, pixels: Pixels, reference: Pixels | None) -> Mapping[str, Score]:
        if reference is not None and reference.shape != pixels.shape:
            reference = None  # it was enlarged
        prepared = self._scorer.reference(None if reference is None else middle(reference))
        return self._scorer.score(middle(pixels), prepared)


def made_worse(photograph: Photograph, worse: Worse) -> Photograph:
    """Return a photograph blurred and noisy, of 8 bits. Raises `BenchError`."""
    high, wide = photograph.size
    row = blurs()[worse.blur]
    size = row.size(worse.extent, float(np.hypot(high, wide)) / 2) if worse.extent else 0.0
    how = Degradation(
        blur=worse.blur if size else "none",
        size=size,
        sigma=worse.noise or None,
        grey=photograph.colour.shape[2] == 1,
    )
    pixels = degrade(shown(photograph.colour), how).pixels
    return replace(photograph, colour=pixels[:, :, : photograph.colour.shape[2]], alpha=None)


def shown(colour: Samples) -> Pixels:
    """(H, W, 1 or 3) of 8 or 16 bits -> (H, W, 3) uint8."""
    pixels = colour if colour.dtype == np.uint8 else np.rint(colour / 257.0).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(pixels, 3 // pixels.shape[2], axis=2))


def middle(pixels: Pixels) -> Pixels:
    """Return the middle of an image, `SCORED` pixels wide and high at most."""
    top, left = (max(0, side - SCORED) // 2 for side in pixels.shape[:2])
    return np.ascontiguousarray(pixels[top : top + SCORED, left : left + SCORED])


def enlarged(version: Version, size: tuple[int, int], folder: Path) -> Path:
    """Return a version's file at a larger size, for the viewer alone (bicubic)."""
    if version.size == size or version.file is None:
        return version.file or folder
    file = folder / f"{version.file.stem}-{size[1]}x{size[0]}.png"
    if not file.exists():
        photograph = read_photograph(version.file)
        colour = cv2.resize(photograph.colour, size[::-1], interpolation=cv2.INTER_CUBIC)
        colour = colour.reshape(*size, photograph.colour.shape[2])
        write_photograph(file, replace(photograph, colour=colour, alpha=None), "png")
    return file
