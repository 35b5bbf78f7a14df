"""Sequences of a photograph that moves, sharp and blurred by the motion, in the layout of GoPro."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import skimage

from bench.image import Pixels, read, write_png

HEIGHT, WIDTH = 64, 80
STEP = (3, 6)
"""Pixels down and to the right that a window onto the photograph moves from frame to frame."""
BLUR = 9
"""Positions within a step whose mean a blurred frame is."""


def sharp_frames(count: int, start: tuple[int, int], step: tuple[int, int] = STEP) -> list[Pixels]:
    """Return windows onto a photograph, each a ``step`` (down, right) from the one before."""
    return [_at(_photograph(), start, step, number) for number in range(count)]


def blurred_frames(
    count: int, start: tuple[int, int], step: tuple[int, int] = STEP
) -> list[Pixels]:
    """Return the same, each the mean of what it shows while it moves on by a step."""
    photograph, shares = _photograph(), np.linspace(-0.5, 0.5, BLUR)
    return [
        np.rint(
            np.mean([_at(photograph, start, step, number + share) for share in shares], axis=0)
        ).astype(np.uint8)
        for number in range(count)
    ]


def write_gopro(
    root: Path, *, test: int = 2, train: int = 2, frames: int = 4, height: int = HEIGHT
) -> Path:
    """Write sequences of ``frames`` frames each; return the folder."""
    names = {
        "test": ["GOPR0384_11_00", "GOPR0410_11_00", "GOPR0854_11_00"][:test],
        "train": ["GOPR0372_07_00", "GOPR0374_11_01", "GOPR0378_13_00"][:train],
    }
    place = 0
    for split, sequences in names.items():
        for sequence in sequences:
            start = (40 + 70 * place, 60 + 50 * place)
            place += 1
            for folder, made in (("sharp", sharp_frames), ("blur", blurred_frames)):
                for number, pixels in enumerate(made(frames, start), start=1):
                    path = root / split / sequence / folder / f"{number:06d}.png"
                    write_png(path, np.ascontiguousarray(pixels[:height]))
    return root


def _photograph() -> Pixels:
    return read(Path(skimage.data_dir) / "astronaut.png")


def _at(photograph: Pixels, start: tuple[int, int], step: tuple[int, int], number: float) -> Pixels:
    top, left = (s + d * number for s, d in zip(start, step, strict=True))
    move = np.array([[1, 0, left], [0, 1, top]], np.float64)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(photograph, move, (WIDTH, HEIGHT), flags=flags), np.uint8)
