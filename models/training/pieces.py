"""Pieces of images: cut, made floats, and put together, in the CPU's memory or on a device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from bench.image import to_tensor
from models.training.augment import Image

Piece = NDArray[Any] | torch.Tensor
"""A crop: (S,S,3) as an `Image`, or (3,S,S) float32 in [0,1]; a fourth channel is the noise's
standard deviation. A window of T frames has them first."""


def square(image: Image, top: int, left: int, side: int) -> Image:
    """Cut a (side, side, 3) piece; an image that is too small is mirrored at its end."""
    piece = image[top : top + side, left : left + side]
    missing = [side - length for length in piece.shape[:2]]
    if not any(missing):
        return piece
    rows, columns = (
        np.pad(np.arange(length), (0, more), mode="symmetric")
        for length, more in zip(piece.shape[:2], missing, strict=True)
    )
    return piece[rows][:, columns]


def resized(image: Image, side: int) -> NDArray[Any]:
    """(H, W, 3) -> (side, side, 3): all of it, by the mean of what falls on each pixel."""
    whole, size = np.ascontiguousarray(image), (side, side)
    return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA))


def as_tensor(image: Image) -> torch.Tensor:
    """(H, W, 3) -> (3, H, W) float32 in [0,1], in memory as convolutions like it; (T, H, W, 3)
    likewise."""
    if image.ndim == 4:
        return torch.stack([as_tensor(frame) for frame in image])
    if isinstance(image, torch.Tensor):
        whole = image.permute(2, 0, 1).to(torch.float32)
        return whole / 255 if image.dtype == torch.uint8 else whole
    return to_tensor(image)[0]


def floats(piece: Piece) -> torch.Tensor:
    """Return a piece as (3,S,S) float32 in [0,1], where it is; a window as (T,3,S,S)."""
    if isinstance(piece, np.ndarray) or piece.dtype == torch.uint8:
        return as_tensor(piece)
    return piece


def together(pieces: Sequence[Piece]) -> Piece:
    """Return pieces of one shape as one array, on the device where any of them lies.

    Those of 8 bits stay so; if any is not, all become floats, as `floats` says.
    """
    on = next((piece.device for piece in pieces if isinstance(piece, torch.Tensor)), None)
    if any(piece.dtype not in (np.uint8, torch.uint8) for piece in pieces):
        return torch.stack([floats(piece).to(on) for piece in pieces])
    if on is None:
        return np.stack([np.asarray(piece) for piece in pieces])
    return torch.stack([_placed(piece, on) for piece in pieces])


def stacked(pieces: Sequence[Piece]) -> torch.Tensor:
    """Return pieces as one (B,3,S,S) float32 batch in [0,1], its channels last in memory; windows
    of frames as (B,T,3,S,S).

    Those of 8 bits are copied as they are, and become floats together.
    """
    batch = together(pieces)
    if isinstance(batch, np.ndarray):
        batch = torch.from_numpy(batch)
    if batch.dtype != torch.uint8:
        return batch
    return batch.movedim(-1, -3).to(torch.float32).div_(255)


def _placed(piece: Piece, device: torch.device) -> torch.Tensor:
    if isinstance(piece, torch.Tensor):
        return piece.to(device)
    return torch.from_numpy(np.ascontiguousarray(piece)).to(device)
