"""NIQE and BRISQUE: how far an image's statistics are from those of undistorted photographs.

Divided by its local contrast, a photograph's grey has samples that are nearly Gaussian, whatever
it shows; blur, noise and compression each change their shape. Both metrics fit generalised
Gaussians to these samples and to the products of neighbours, on two scales: 36 numbers. NIQE takes
them block by block and measures the distance to their distribution over pristine photographs;
BRISQUE takes them of the whole image, and a regression trained on people's opinions makes a score
of them.

Both are their authors' releases with their parameters (`live/LICENSE.txt`). Mittal, Soundararajan
and Bovik 2013, doi:10.1109/LSP.2012.2227726; Mittal, Moorthy and Bovik 2012,
doi:10.1109/TIP.2012.2214050.
"""

from __future__ import annotations

from functools import cache, partial
from importlib.resources import files
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.core.errors import Unscorable
from bench.image import Picture, Plane
from bench.metrics.card import OnCpu
from bench.metrics.pixel import require
from bench.metrics.window import Floats, gaussian, in_parallel

BLOCK = 96
"""Side of NIQE's blocks at full size."""
GREY = (0.298936021293775390, 0.587043074451121360, 0.114020904255103250)
"""MATLAB's rgb2gray, which rounds to whole levels."""
WINDOW = gaussian(7, 7 / 6)
SHAPES: Floats = np.arange(200, 10_001) / 1000
"""The shapes that are tried: 2 is Gaussian, 1 Laplacian, less has longer tails."""
ROUNDING = 1e-9
"""Normalised samples under this are none: less than any step of grey levels leaves."""
ROWS = 64
"""Rows of the image that BRISQUE works on at once: they fit a core's cache."""


class Fit(NamedTuple):
    """Asymmetric generalised Gaussians: shapes and root mean squares below and above zero."""

    shape: Floats
    left: Floats
    right: Floats


class _NoReference(OnCpu):
    def features(self, reference: Picture) -> None:
        """Return nothing: there is no reference."""


class Niqe(_NoReference):
    """Distance of the blocks' statistics from those of pristine photographs; 0 is like them.

    Blocks of 96x96; what is left over at the right and below is not looked at.
    """

    def compare(self, restored: Picture, features: None) -> float:
        """Return 0 (natural) or more. Raises Unscorable where fewer than two blocks have detail."""
        require(restored, BLOCK)
        height, width = (side // BLOCK * BLOCK for side in restored.size)
        plane = grey(restored)[:height, :width]
        both = []
        for side in (BLOCK, BLOCK // 2):
            samples = _normalised(plane, cv2.BORDER_REPLICATE)
            rows = samples.reshape(height // BLOCK, side, width // BLOCK, side)
            moments = in_parallel(_moments_within, rows)
            fits = [_fit(of_one, side**2) for of_one in np.concatenate(moments, axis=2)]
            both.append(_block_features(fits))
            plane = _halved(plane)
        blocks = np.concatenate(both).T
        with_detail = blocks[~np.isnan(blocks).any(axis=1)]
        if len(with_detail) < 2:
            raise Unscorable(
                f"{len(with_detail)} blocks of {BLOCK}x{BLOCK} pixels have detail; this metric "
                "needs 2 of them"
            )
        pristine = parameters("niqe")
        apart = np.nanmean(blocks, axis=0) - pristine["mean"]
        spread = (np.cov(with_detail, rowvar=False) + pristine["covariance"]) / 2
        return float(np.sqrt(apart @ np.linalg.pinv(spread) @ apart))


class Brisque(_NoReference):
    """Expected differential opinion: about 0 for undistorted images, 100 and more for the worst."""

    SMALLEST = 16

    def compare(self, restored: Picture, features: None) -> float:
        """Return the regression's value. Raises Unscorable under 16x16 pixels or without detail."""
        require(restored, self.SMALLEST)
        plane = grey(restored)
        found = np.concatenate([_image_features(plane), _image_features(_halved(plane))])
        if np.isnan(found).any():
            raise Unscorable("the image has too little detail to fit distributions to")
        model = parameters("brisque")
        scaled = 2 * (found - model["low"]) / (model["high"] - model["low"]) - 1
        return _regression(scaled)


def _regression(scaled: Floats) -> float:
    """Return the support vector regression's value of 36 features in about -1..1."""
    model = parameters("brisque")
    apart = np.square(model["vectors"] - scaled).sum(axis=1)
    return float(np.exp(-model["gamma"] * apart) @ model["weights"] - model["rho"])


@cache
def parameters(name: str) -> dict[str, NDArray[np.float64]]:
    """Return the released arrays of ``niqe`` or ``brisque``; `live/LICENSE.txt` lists them."""
    with (files("bench.metrics") / "live" / f"{name}.npz").open("rb") as file:
        return dict(np.load(file, allow_pickle=False))


def grey(picture: Picture) -> Plane:
    """(H, W) whole levels in 0..255, as MATLAB's rgb2gray has them."""
    samples = picture.pixels.astype(np.float64)
    return np.rint(np.asarray(cv2.transform(samples, np.array([GREY])), np.float64))


def _normalised(plane: Plane, border: int) -> Plane:
    """Return what is left after the local mean, over the local deviation and 1 (of 255).

    In flat areas that is 0. The releases find rounding errors there and fit distributions to them.
    """
    smooth = partial(cv2.sepFilter2D, ddepth=-1, kernelX=WINDOW, kernelY=WINDOW, borderType=border)
    mean = np.asarray(smooth(plane))
    deviation = np.sqrt(np.abs(np.asarray(smooth(plane * plane)) - mean * mean))
    normalised: Plane = (plane - mean) / (deviation + 1)
    normalised[np.abs(normalised) < ROUNDING] = 0
    return normalised


def _halved(plane: Plane) -> Plane:
    """(H, W) -> (ceil(H/2), ceil(W/2)): MATLAB's ``imresize(plane, 0.5)``, bicubic, smoothed."""
    far = np.array([0.25, 0.75, 1.25, 1.75])  # of the taps from the sample between them
    near = 1.5 * far**3 - 2.5 * far**2 + 1
    tail = -0.5 * far**3 + 2.5 * far**2 - 4 * far + 2
    half = np.where(far < 1, near, tail)
    taps = np.concatenate([half[::-1], half])
    taps /= taps.sum()
    filtered = partial(cv2.filter2D, ddepth=-1, borderType=cv2.BORDER_REFLECT)
    rows = np.ascontiguousarray(filtered(plane, kernel=taps[:, None], anchor=(0, 3))[::2])
    return np.ascontiguousarray(filtered(rows, kernel=taps[None], anchor=(3, 0))[:, ::2])


def _moments_within(blocks: Plane) -> Floats:
    """(h, N, w), a row of N blocks -> `_moments`; each block's last row is above its first."""
    return _moments(blocks, np.roll(blocks, 1, axis=0))


def _moments(samples: Plane, above: Plane) -> Floats:
    """Sum over the first and last axis of (h, N, w) samples and products of neighbours.

    ``above`` are the samples one row higher. The result is (5, 5, N): for the samples and their
    products with the neighbours to the left, above, above left and above right, how many are below
    and above zero, the sums of x^2, of x|x| and of |x|.
    """
    sums = []
    for other in (
        None,
        np.roll(samples, 1, axis=2),
        above,
        np.roll(above, 1, axis=2),
        np.roll(above, -1, axis=2),
    ):
        x = samples if other is None else samples * other
        size = np.abs(x)
        sums.append(
            [
                np.count_nonzero(x < 0, axis=(0, 2)),
                np.count_nonzero(x > 0, axis=(0, 2)),
                np.einsum("inj,inj->n", x, x),
                np.einsum("inj,inj->n", x, size),
                size.sum(axis=(0, 2)),
            ]
        )
    return np.array(sums, np.float64)


def _fit(moments: Floats, count: int) -> Fit:
    """Fit N distributions by their moments, (5, N), of ``count`` samples each; NaN without any."""
    below, above, energy, signed, size = moments
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.sqrt(np.maximum(energy - signed, 0) / 2 / below)
        right = np.sqrt(np.maximum(energy + signed, 0) / 2 / above)
        ratio = left / right
        peak = (size / count) ** 2 / (energy / count)
        found = peak * (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    return Fit(_nearest(found, _tables().asymmetric), left, right)


def _nearest(found: Floats, table: Floats) -> Floats:
    """Return the shapes whose value in the ascending table is nearest; of NaN, the first."""
    places = np.searchsorted((table[1:] + table[:-1]) / 2, found)
    return SHAPES[np.where(np.isnan(found), 0, places)]


class _Tables(NamedTuple):
    asymmetric: Floats
    """E|x|^2 / E[x^2] of each shape."""
    symmetric: Floats
    """-E[x^2] / E|x|^2 of each shape."""


@cache
def _tables() -> _Tables:
    one, two, three = _gammas(SHAPES)
    return _Tables(two**2 / (one * three), -one * three / two**2)


def _gammas(shape: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the gamma function of 1, 2 and 3 over the shapes."""
    from scipy.special import gamma

    return gamma(1 / shape), gamma(2 / shape), gamma(3 / shape)


def _block_features(fits: list[Fit]) -> Floats:
    """(18, N): NIQE's features of N blocks on one scale."""
    rows: list[Floats] = []
    for number, (shape, left, right) in enumerate(fits):
        one, two, three = _gammas(shape)
        below, above = (side * np.sqrt(one / three) for side in (left, right))
        if number:
            rows += [shape, (above - below) * two / one, below, above]
        else:
            rows += [shape, (below + above) / 2]
    return np.array(rows)


def _image_features(plane: Plane) -> Floats:
    """(18,): BRISQUE's features of an image on one scale."""
    samples = _normalised(plane, cv2.BORDER_CONSTANT)
    height = len(samples)
    around = np.concatenate([samples[-1:], samples])[:, None]
    moments = sum(
        in_parallel(
            lambda top: _moments(around[top + 1 : top + 1 + ROWS], around[top:height][:ROWS]),
            range(0, height, ROWS),
        )
    )
    first, *products = np.asarray(moments)
    _, _, energy, _, size = first / samples.size
    with np.errstate(divide="ignore", invalid="ignore"):
        found = [_nearest(-energy / size**2, _tables().symmetric), energy]
        for of_one in products:
            shape, left, right = _fit(of_one, samples.size)
            one, two, three = _gammas(shape)
            mean = (right - left) * two / np.sqrt(one * three)
            found += [shape, mean, left**2, right**2]
    return np.concatenate(found)
