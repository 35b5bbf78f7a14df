"""How steadily frames follow each other: a frame and its predecessor beside those of the reference.

Both need references, and a sequence of consecutive frames (`bench.suites.frames`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.core.errors import Unscorable
from bench.image import Frame, Picture, Pixels
from bench.metrics.card import OnCpu

Flow = NDArray[np.float32]
"""(H, W, 2): how many pixels to the right and down what is at a pixel moves to the next frame."""


class TOF(OnCpu):
    """tOF: how far the motion between two restored frames is from that between the references.

    Mean over pixels of the length of the difference of two optical flows, in pixels, 0 where the
    motion is the same. Chu et al. 2020 (TecoGAN), doi:10.1145/3386569.3392457, as their metrics.py
    computes it: Farneback's flow of grey frames, the border left out. A model that puts out the
    same frame twice is as far off as the scene moved.
    """

    def features(self, reference: Frame) -> Flow:
        """Return the flow of the references. Raises `Unscorable` for frames under 48 pixels."""
        return _inner(_farneback(reference))

    def compare(self, restored: Frame, features: Flow) -> float:
        """Return pixels, 0 and up."""
        apart = _inner(_farneback(restored)) - features
        return float(np.hypot(apart[..., 0], apart[..., 1]).mean(dtype=np.float64))


def _farneback(frame: Frame) -> Flow:
    # the parameters of the authors' script: pyramid, levels, window, iterations, neighbourhood
    flow: Any = cv2.calcOpticalFlowFarneback(
        _grey(frame.before), _grey(frame), None, 0.5, 3, 15, 3, 5, 1.2, 0
    )  # type: ignore[call-overload]  # the first guess may be None
    return np.asarray(flow, np.float32)


def _inner(flow: Flow) -> Flow:
    """Return the middle of a flow: the largest multiples of 32 that leave 8 pixels to each side."""
    high, wide = (32 * ((side - 16) // 32) for side in flow.shape[:2])
    if min(high, wide) < 32:
        raise Unscorable(f"frames of {flow.shape[0]}x{flow.shape[1]}: tof needs 48x48 at least")
    top, left = (flow.shape[0] - high) // 2, (flow.shape[1] - wide) // 2
    return flow[top : top + high, left : left + wide]


@dataclass(frozen=True, slots=True)
class Motion:
    """Where what a reference showed went: ``flow`` from the frame before, and (H, W) where it can
    be seen in both frames."""

    flow: Flow
    seen: NDArray[np.bool_]


class WarpError(OnCpu):
    """Warping error: what is left of a restored frame's difference from the one before, once the
    scene's motion is taken out.

    Mean over R, G, B in 0..1, and over the pixels that are seen in both frames, of the squared
    difference between the frame before and this one warped onto it. Lai et al. 2018,
    doi:10.1007/978-3-030-01267-0_11, with flow and occlusions of the references, the flow by
    OpenCV's DIS (Kroeger et al. 2016, doi:10.1007/978-3-319-46493-0_29) where theirs is FlowNet2's;
    occlusions as Ruder et al. 2016, doi:10.1007/978-3-319-45886-1_3. It knows nothing of sharpness:
    a blurred film is steadier than a sharp one, and the references' own is not 0.
    """

    def features(self, reference: Frame) -> Motion:
        """Return the motion of the references. Raises `Unscorable` where nothing is seen twice."""
        return motion(reference.before, reference)

    def compare(self, restored: Frame, features: Motion) -> float:
        """Return the mean squared difference, 0 to 1."""
        warped = warp(restored.pixels, features.flow)
        apart = (warped - restored.before.pixels)[features.seen] / np.float32(255)
        return float(np.square(apart).mean(dtype=np.float64))


def motion(before: Picture, now: Picture) -> Motion:
    """Return the motion between two pictures of one size."""
    there, back = _dis(_grey(before), _grey(now)), _dis(_grey(now), _grey(before))
    if min(there.shape[:2]) < SMALLEST:
        raise Unscorable(f"frames of {there.shape[0]}x{there.shape[1]} are too small for a flow")
    seen = _inside(there) & ~_occluded(there, warp(back, there)) & ~_at_boundary(there)
    if not seen.any():
        raise Unscorable("nothing of the reference is seen in both frames")
    return Motion(there, seen)


def warp(image: NDArray[Any], flow: Flow) -> Flow:
    """Return (H, W, C) float32 of what ``flow`` leads to, linear between pixels."""
    rows, columns = _places(flow)
    source = np.ascontiguousarray(image, np.float32)
    return np.asarray(
        cv2.remap(source, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
        np.float32,
    )


SMALLEST = 16


def _dis(before: Pixels, now: Pixels) -> Flow:
    if min(before.shape) < SMALLEST:
        return np.zeros((*before.shape, 2), np.float32)
    made: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return np.asarray(made.calc(before, now, None), np.float32)


def _places(flow: Flow) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rows, columns = np.indices(flow.shape[:2], np.float32)
    return rows + flow[..., 1], columns + flow[..., 0]


def _inside(flow: Flow) -> NDArray[np.bool_]:
    rows, columns = _places(flow)
    high, wide = flow.shape[:2]
    inside = (rows >= 0) & (rows <= high - 1) & (columns >= 0) & (columns <= wide - 1)
    return np.asarray(inside, np.bool_)


def _occluded(there: Flow, back: Flow) -> NDArray[np.bool_]:
    """Return where going there and back does not lead to where one was."""
    return _squares(there + back) > 0.01 * (_squares(there) + _squares(back)) + 0.5


def _at_boundary(flow: Flow) -> NDArray[np.bool_]:
    down = np.diff(flow, axis=0, append=flow[-1:])
    right = np.diff(flow, axis=1, append=flow[:, -1:])
    return _squares(down) + _squares(right) > 0.01 * _squares(flow) + 0.002


def _squares(flow: Flow) -> NDArray[np.float32]:
    return np.asarray(np.square(flow).sum(axis=-1), np.float32)


def _grey(picture: Picture) -> Pixels:
    return np.asarray(cv2.cvtColor(picture.pixels, cv2.COLOR_RGB2GRAY), np.uint8)
