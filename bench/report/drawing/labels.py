"""Direct labels beside points, without overlaps: every position tried, nearest free one taken."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Box = tuple[float, float, float, float]
"""Left, bottom, right, top, in pixels."""

_ANGLES = [math.radians(a) for a in (20, 160, -20, 200, 60, 120, -60, 240, 90, 270, 0, 180)]
_DISTANCES = (7, 12, 18, 26, 36, 48, 64, 82, 104, 130)
_BESIDE = 12
_NEARER = 80.0
"""Pixels of cover that a place costs which is nearer to another point."""


def place(
    points: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    obstacles: Sequence[Box],
    frame: Box,
    needed: Sequence[bool] | None = None,
) -> list[Box | None]:
    """Return a box of each ``sizes`` (width, height) beside its point.

    Boxes avoid each other, the ``obstacles`` (markers, error bars) and the edge of ``frame``. A
    label that is ``needed`` (default: all are) goes to the least covered position where everything
    is taken; another is left out (None) unless a place beside its point is free. Needed labels
    choose first, crowded ones among them before others. A place that is nearer to another point
    than to the label's own is avoided: it would name the wrong one.
    """
    xy = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    must = np.ones(len(xy), dtype=bool) if needed is None else np.asarray(needed, dtype=bool)
    gaps = np.abs(xy[:, None] - xy[None]).sum(axis=2)
    order = np.lexsort((-(1 / (1 + gaps)).sum(axis=1), ~must))
    taken = [*obstacles]
    boxes: list[Box | None] = [None] * len(xy)
    distance = np.repeat(_DISTANCES, len(_ANGLES))
    for index in order:
        candidates = _slid_inside(np.array(_candidates(*points[index], *sizes[index])), frame)
        covered = _overlap(candidates, np.array(taken).reshape(-1, 4))
        covered += 50 * _outside(candidates, frame)
        covered += _NEARER * _belongs_elsewhere(candidates, xy, int(index))
        best = int((covered + distance / 4).argmin())
        if not must[index] and (covered[best] > 0 or distance[best] > _BESIDE):
            continue
        left, bottom, right, top = (float(edge) for edge in candidates[best])
        boxes[index] = (left, bottom, right, top)
        taken.append((left, bottom, right, top))
    return boxes


def _candidates(x: float, y: float, width: float, height: float) -> list[Box]:
    """Return the label's box at every distance and angle: its nearest edge is that far away."""
    found = []
    for distance in _DISTANCES:
        for angle in _ANGLES:
            across, up = math.cos(angle), math.sin(angle)
            centre_x = x + distance * across + width / 2 * max(-1, min(1, 2 * across))
            centre_y = y + distance * up + height / 2 * up
            found.append(
                (
                    centre_x - width / 2,
                    centre_y - height / 2,
                    centre_x + width / 2,
                    centre_y + height / 2,
                )
            )
    return found


def _slid_inside(boxes: NDArray[np.float64], frame: Box) -> NDArray[np.float64]:
    """Return the boxes, those that reach out of the frame moved back, as far as they fit in it."""
    low, high = np.array(frame[:2]), np.array(frame[2:])
    back = np.minimum(high - boxes[:, 2:], 0)
    back += np.maximum(low - boxes[:, :2] - back, 0)
    return np.asarray(boxes + np.hstack([back, back]))


def _overlap(boxes: NDArray[np.float64], taken: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each box's covered area in pixels, and a fixed price for any touch."""
    left = np.maximum(boxes[:, None, 0], taken[None, :, 0])
    bottom = np.maximum(boxes[:, None, 1], taken[None, :, 1])
    right = np.minimum(boxes[:, None, 2], taken[None, :, 2])
    top = np.minimum(boxes[:, None, 3], taken[None, :, 3])
    area = np.clip(right - left, 0, None) * np.clip(top - bottom, 0, None)
    total: NDArray[np.float64] = (area + 40 * (area > 0)).sum(axis=1)
    return total


def _belongs_elsewhere(
    boxes: NDArray[np.float64], points: NDArray[np.float64], own: int
) -> NDArray[np.float64]:
    """Return 1 for each box that some other point is nearer to than its own, or as near."""
    x, y = points[None, :, 0], points[None, :, 1]
    across = np.maximum(0, np.maximum(boxes[:, [0]] - x, x - boxes[:, [2]]))
    up = np.maximum(0, np.maximum(boxes[:, [1]] - y, y - boxes[:, [3]]))
    far = np.hypot(across, up)
    others = np.delete(far, own, axis=1)
    if not others.size:
        return np.zeros(len(boxes))
    return np.asarray((others.min(axis=1) <= far[:, own] + 2).astype(np.float64))


def _outside(boxes: NDArray[np.float64], frame: Box) -> NDArray[np.float64]:
    """Return how many pixels each box reaches out of the frame."""
    low = np.clip(np.array(frame[:2]) - boxes[:, :2], 0, None)
    high = np.clip(boxes[:, 2:] - np.array(frame[2:]), 0, None)
    return np.asarray((low + high).sum(axis=1))
