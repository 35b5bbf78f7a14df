"""What the demo suite is made of: which piece of which photograph, degraded how."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from bench.degrade.light import Light, to_linear, to_pixels
from bench.degrade.pipeline import Degradation, Degraded, degrade
from bench.image import Pixels
from bench.suites.table import Split

MARGIN = 14
"""Pixels around every crop that are degraded with it and cut off: no blur reaches further."""

SCENES: dict[Split, Mapping[str, tuple[str, ...]]] = {
    "train": {
        "motorcycle": ("motorcycle_left.png", "motorcycle_right.png"),  # one scene, two views
        "rocket": ("rocket.jpg",),
        "brick": ("brick.png",),
        "grass": ("grass.png",),
        "gravel": ("gravel.png",),
        "retina": ("retina.jpg",),
        "hubble": ("hubble_deep_field.jpg",),
        "moon": ("moon.png",),
    },
    "val": {"coins": ("coins.png",)},
    "test": {
        "astronaut": ("astronaut.png",),
        "chelsea": ("chelsea.png",),
        "coffee": ("coffee.png",),
        "ihc": ("ihc.png",),
        "camera": ("camera.png",),
        "page": ("page.png",),
    },
}
"""Split -> scene -> its files in scikit-image. No scene is in two splits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoShot:
    """One pair to be made: a (height, width) piece of a photograph, and its degradation.

    ``row`` and ``column`` are the piece's centre in the photograph. It is shrunk by ``scale`` (1:
    the photograph's own pixels) and turned by ``turn`` degrees.
    """

    id: str
    split: Split
    scene: str
    photograph: str
    row: float
    column: float
    height: int
    width: int
    how: Degradation
    light: str
    scale: float = 1.0
    turn: float = 0.0

    @property
    def strata(self) -> dict[str, str]:
        """By what the scores can be told apart."""
        return {"blur": self.how.blur, "light": self.light}

    def as_dict(self) -> dict[str, Any]:
        """Return the shot as JSON can hold it."""
        return asdict(self)


def plan() -> list[DemoShot]:
    """Return every shot of the suite, in order: test, val, train."""
    train = [name for name, count in _TRAIN_SHARE.items() for _ in range(count)]
    return [
        *_test_shots(),
        *(_drawn("val", "coins", number) for number in range(16)),
        *(_drawn("train", scene, number) for number, scene in enumerate(train)),
    ]


_TRAIN_SHARE = {
    "motorcycle": 84,
    "rocket": 40,
    "brick": 14,
    "grass": 10,
    "gravel": 10,
    "retina": 12,
    "hubble": 10,
    "moon": 12,
}

_KINDS: tuple[tuple[str, str], ...] = tuple(
    (blur, light) for light in ("normal", "low") for blur in ("shake", "defocus", "shake", "motion")
)
"""Blur and light of the drawn shots, in turn."""

_TEST: tuple[tuple[str, tuple[int, int], tuple[int, int], str, str], ...] = (
    # scene, centre (row, column), (height, width), blur, light
    ("astronaut", (174, 256), (320, 384), "shake", "normal"),
    ("astronaut", (330, 256), (320, 384), "defocus", "low"),
    ("chelsea", (150, 225), (272, 416), "shake", "low"),
    ("chelsea", (150, 225), (272, 416), "defocus", "normal"),
    ("coffee", (200, 300), (352, 512), "shake", "low"),
    ("coffee", (200, 300), (352, 512), "motion", "normal"),
    ("ihc", (176, 180), (320, 320), "shake", "normal"),
    ("ihc", (330, 330), (320, 320), "defocus", "low"),
    ("camera", (190, 250), (320, 384), "shake", "low"),
    ("camera", (190, 250), (320, 384), "motion", "normal"),
    ("page", (95, 192), (160, 352), "defocus", "normal"),
    ("page", (95, 192), (160, 352), "motion", "low"),
)


def _test_shots() -> list[DemoShot]:
    shots: list[DemoShot] = []
    for number, (scene, (row, column), (height, width), blur, light) in enumerate(_TEST):
        of_scene = 1 + sum(shot.scene == scene for shot in shots)
        shots.append(
            DemoShot(
                id=f"{scene}-{blur}-{of_scene}",
                split="test",
                scene=scene,
                photograph=SCENES["test"][scene][0],
                row=row,
                column=column,
                height=height,
                width=width,
                how=_how(_rng("test", number), blur, light),
                light=light,
            )
        )
    return shots


def _drawn(split: Split, scene: str, number: int) -> DemoShot:
    """Draw a square piece anywhere in one of the scene's photographs, turned and shrunk."""
    rng = _rng(split, number)
    files = SCENES[split][scene]
    file = files[int(rng.integers(len(files)))]
    place = drawn_place(rng, photograph(file).shape[:2])
    blur, light = _KINDS[number % len(_KINDS)]
    return DemoShot(
        id=f"{scene}-{blur}-{number:03d}",
        split=split,
        scene=scene,
        photograph=file,
        how=_how(rng, blur, light),
        light=light,
        **place,
    )


SIDE = 192
"""Of the drawn pieces, in pixels."""


def drawn_place(rng: np.random.Generator, size: tuple[int, ...]) -> dict[str, Any]:
    """Draw where in a photograph of ``size`` (height, width) a square piece lies, how much it is
    shrunk and turned: those fields of a `DemoShot`."""
    height, width = size
    turn = float(rng.uniform(-20, 20)) if rng.random() < 0.5 else 0.0
    scale = float(rng.choice([1.0, 0.8, 0.65, 0.5]))
    reach = (abs(math.sin(math.radians(turn))) + math.cos(math.radians(turn))) * (SIDE / 2 + MARGIN)
    smallest = 2 * (reach + 2) / (min(height, width) - 1)  # at which the piece just fits
    if smallest > 1:
        turn, reach, smallest = 0.0, SIDE / 2 + MARGIN, 0.0
    scale = max(scale, math.ceil(smallest * 1000) / 1000)
    low = math.ceil(reach / scale) + 1 if scale < 1 or turn else SIDE // 2 + MARGIN
    row = float(rng.integers(low, height - low + 1))
    column = float(rng.integers(low, width - low + 1))
    return {
        "row": row,
        "column": column,
        "height": SIDE,
        "width": SIDE,
        "scale": scale,
        "turn": turn,
    }


def _how(rng: np.random.Generator, blur: str, light: str) -> Degradation:
    """Draw a degradation of moderate, everyday strength."""
    low, high = {"shake": (3.0, 6.5), "motion": (4.0, 9.0), "defocus": (1.3, 2.6)}[blur]
    few, many = (120.0, 400.0) if light == "low" else (6000.0, 20000.0)
    return Degradation(
        blur=blur,
        size=round(float(rng.uniform(low, high)), 2),
        angle=round(float(rng.uniform(0, 180)), 1) if blur == "motion" else 0.0,
        roll=round(float(rng.uniform(0.1, 0.8)), 2) if blur == "shake" else 0.0,
        electrons=round(float(rng.uniform(few, many))),
        read_noise=3.0,
        seed=int(rng.integers(2**31)),
    )


def _rng(split: Split, number: int) -> np.random.Generator:
    stream = {"test": 0, "val": 1, "train": 2}[split]
    return np.random.Generator(np.random.PCG64([stream, number]))


# --- making one --------------------------------------------------------------------------------


@lru_cache(maxsize=32)
def photograph(name: str) -> Pixels:
    """Return a photograph of scikit-image, (H, W, 3) uint8; grey ones have equal channels."""
    from PIL import Image
    from skimage import data

    with Image.open(Path(data.data_dir) / name) as image:
        return np.asarray(image.convert("RGB"))


def sharp(shot: DemoShot, source: Pixels | None = None) -> Pixels:
    """Return the shot's piece with `MARGIN` pixels more on every side, (H, W, 3) uint8.

    ``source`` is the photograph where scikit-image has it not.
    """
    source = photograph(shot.photograph) if source is None else source
    height, width = shot.height + 2 * MARGIN, shot.width + 2 * MARGIN
    if shot.scale == 1 and shot.turn == 0:
        top, left = round(shot.row - height / 2), round(shot.column - width / 2)
        piece = source[top : top + height, left : left + width]
        if top < 0 or left < 0 or piece.shape[:2] != (height, width):
            raise ValueError(f"{shot.id} does not fit into {shot.photograph} {source.shape}")
        return piece
    return to_pixels(_resampled(source, shot, height, width))


def _resampled(source: Pixels, shot: DemoShot, height: int, width: int) -> Light:
    """Shrink and turn in linear light: Gaussian against aliasing, then cubic splines."""
    from scipy.ndimage import gaussian_filter, map_coordinates

    rows = (np.arange(height) - (height - 1) / 2)[:, None] / shot.scale
    columns = (np.arange(width) - (width - 1) / 2)[None, :] / shot.scale
    sine, cosine = math.sin(math.radians(shot.turn)), math.cos(math.radians(shot.turn))
    positions = np.stack(
        [shot.row + cosine * rows - sine * columns, shot.column + sine * rows + cosine * columns]
    )
    around = 8  # pixels beyond the piece that filter and spline still feel
    top, left = (max(0, int(axis.min()) - around) for axis in positions)
    bottom, right = (int(axis.max()) + around + 1 for axis in positions)
    light = to_linear(source[top:bottom, left:right])
    sigma = (1 / shot.scale - 1) / 2
    positions -= np.array([top, left])[:, None, None]
    return np.stack(
        [
            map_coordinates(
                gaussian_filter(light[..., c], sigma), positions, order=3, mode="mirror"
            )
            for c in range(3)
        ],
        axis=-1,
    )


def make(shot: DemoShot, source: Pixels | None = None) -> tuple[Pixels, Degraded]:
    """Return the shot's reference, (height, width, 3) uint8, and its degraded image.

    See `sharp`.
    """
    wide = sharp(shot, source)
    inside = wide[MARGIN : MARGIN + shot.height, MARGIN : MARGIN + shot.width]
    return np.ascontiguousarray(inside), degrade(wide, shot.how, MARGIN)
