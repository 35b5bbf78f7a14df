"""Augmentations: what happens to degraded and reference crops alike.

flip (left to right), rot90 (by quarters of a turn), rotate (by up to 10 degrees), scale (shrunk to
between half the size and all of it), jitter (contrast, brightness and saturation, never out of
range and the same straight line for both, so that noise stays noise), contrast (half of the crops
pale, down to 0.3 of their contrast, so that a network meets what is faint) and colours (half of the
crops have red, green and blue in any order, so that a few scenes become scenes of many colours;
what a camera's mosaic or JPEG did to green is then done to any of them).
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

AUGMENTATIONS = frozenset({"flip", "rot90", "rotate", "scale", "jitter", "contrast", "colours"})

MOST_DEGREES = 10.0
SMALLEST_SCALE = 0.5
LEAST_CONTRAST, LEAST_SATURATION = 0.7, 0.5
LUMA = (0.299, 0.587, 0.114)
LEAST_PALE = 0.3
COLOURS_SHARE = PALE_SHARE = 0.5


Image = NDArray[Any] | torch.Tensor
"""(H,W,3) as it was read: uint8, or float32 in [0,1]; a tensor where it lies on a device."""


def turned(piece: Image, turns: int, mirrored: bool) -> Any:
    """Turn (H, W, 3) by quarters and, if so said, mirror it from left to right."""
    if isinstance(piece, torch.Tensor):
        piece = torch.rot90(piece, turns) if turns else piece
        return piece.flip(1) if mirrored else piece
    piece = np.rot90(piece, turns) if turns else piece
    return piece[:, ::-1] if mirrored else piece


def colour_order(rng: np.random.Generator) -> list[int]:
    """Draw which channel comes first, second and third: as they are, or any order of the six."""
    return rng.permutation(3).tolist() if rng.random() < COLOURS_SHARE else [0, 1, 2]


@dataclass(frozen=True, slots=True)
class Warp:
    """A small turn and a shrinking about the middle of a piece, of which ``side`` pixels are left.

    ``source`` is the side of the piece that holds all they need.
    """

    side: int
    source: int
    degrees: float
    shrink: float

    @classmethod
    def drawn(cls, names: Collection[str], side: int, rng: np.random.Generator) -> Warp | None:
        """Draw one for the augmentations named, None if none of them needs it."""
        if not {"rotate", "scale"} & set(names):
            return None
        degrees = rng.uniform(-MOST_DEGREES, MOST_DEGREES) if "rotate" in names else 0.0
        shrink = rng.uniform(SMALLEST_SCALE, 1.0) if "scale" in names else 1.0
        angle = math.radians(abs(degrees))
        source = math.ceil(side / shrink * (math.cos(angle) + math.sin(angle))) + 2
        return cls(side, source, float(degrees), float(shrink))

    @property
    def sigma(self) -> float:
        """Of the Gaussian against aliasing, in pixels of the source; 0 where nothing shrinks."""
        return max((1 / self.shrink - 1) / 2, 1e-3) if self.shrink < 1 else 0.0

    def apply(self, piece: Image, scale: int) -> Any:
        """(source*scale, source*scale, 3) uint8 or float32 in [0,1] -> (side*scale, .., 3) float32.

        Linear between pixels, after a Gaussian against aliasing where it shrinks. A tensor stays on
        its device, and comes to the same within rounding.
        """
        if isinstance(piece, torch.Tensor):
            return self._apply_on_device(piece, scale)
        image = np.asarray(piece, np.float32)
        if piece.dtype == np.uint8:
            image = image / np.float32(255)
        if self.sigma:
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), self.sigma), np.float32)
        out = self.side * scale
        middle, target = (image.shape[0] - 1) / 2, (out - 1) / 2
        matrix = cv2.getRotationMatrix2D((middle, middle), self.degrees, self.shrink)
        matrix[:, 2] += target - middle
        warped = cv2.warpAffine(
            np.ascontiguousarray(image),
            matrix,
            (out, out),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT,
        )
        return np.asarray(warped, np.float32)

    def _apply_on_device(self, piece: torch.Tensor, scale: int) -> torch.Tensor:
        image = piece.permute(2, 0, 1)[None].to(torch.float32)
        if piece.dtype == torch.uint8:
            image = image / 255
        if self.sigma:
            size = round(8 * self.sigma + 1) | 1  # OpenCV's choice for floats
            kernel = image.new_tensor(cv2.getGaussianKernel(size, self.sigma)).view(1, 1, 1, size)
            kernel = kernel.expand(3, 1, 1, size)
            image = F.pad(image, [size // 2] * 4, mode="reflect")
            image = F.conv2d(F.conv2d(image, kernel, groups=3), kernel.mT, groups=3)
        angle, out = math.radians(self.degrees), self.side * scale
        cosine, sine = math.cos(angle) / self.shrink, math.sin(angle) / self.shrink
        turn = image.new_tensor([[cosine, -sine, 0.0], [sine, cosine, 0.0]])[None]
        # from units of half the output's side to units of half the source's
        grid = F.affine_grid(turn * (out / image.shape[-1]), [1, 3, out, out], align_corners=False)
        warped = F.grid_sample(image, grid, padding_mode="reflection", align_corners=False)
        return warped[0].permute(1, 2, 0)


@dataclass(frozen=True, slots=True)
class Jitter:
    """x -> contrast * (saturation * x + (1 - saturation) * luma) + (1 - contrast) * level."""

    contrast: float
    level: float
    saturation: float

    @classmethod
    def drawn(cls, names: Collection[str], rng: np.random.Generator) -> Jitter | None:
        """Draw one for the augmentations named, None if none of them needs it."""
        contrast = saturation = 1.0
        level = 0.0
        if "jitter" in names:
            contrast, level, saturation = (
                float(rng.uniform(least, 1)) for least in (LEAST_CONTRAST, 0, LEAST_SATURATION)
            )
        if "contrast" in names and rng.random() < PALE_SHARE:
            contrast *= float(rng.uniform(LEAST_PALE, 1))
            level = float(rng.uniform(0, 1))
        return None if contrast == saturation == 1 else cls(contrast, level, saturation)

    def apply(self, image: torch.Tensor) -> torch.Tensor:
        """(3,H,W) -> (3,H,W); [0,1] stays inside [0,1]."""
        luma = (image * image.new_tensor(LUMA).view(3, 1, 1)).sum(0, keepdim=True)
        mixed = self.saturation * image + (1 - self.saturation) * luma
        return self.contrast * mixed + (1 - self.contrast) * self.level
