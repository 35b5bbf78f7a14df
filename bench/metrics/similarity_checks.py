"""What piq's similarities are held to: their authors' formulas by SciPy, and pyiqa where it is.

HaarPSI and MDSI are written here as their authors' MATLAB code has them; pyiqa, an extra, has its
own FSIM and VSI.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import Unscorable
from bench.image import Pixels

Values = NDArray[Any]


def haarpsi(restored: Pixels, reference: Pixels) -> float:
    """HaarPSI for colour images, Reisenhofer et al. 2018: C 30, alpha 4.2, halved first."""

    def prepared(pixels: Pixels) -> list[Values]:
        planes = (
            pixels
            @ np.array(
                [[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]]
            ).T
        )
        return [conv2(planes[..., c], np.full((2, 2), 0.25))[::2, ::2] for c in range(3)]

    def wavelets(luma: Values) -> list[list[Values]]:
        """By direction: the size of the coefficients on 3 scales."""
        filters = [np.ones((2**k, 2**k)) / 2**k for k in (1, 2, 3)]
        for each in filters:
            each[: len(each) // 2] *= -1
        return [[abs(conv2(luma, turn(f))) for f in filters] for turn in (np.array, np.transpose)]

    x, y = prepared(restored), prepared(reference)
    similarities, weights = [], []
    for a, b in zip(wavelets(x[0]), wavelets(y[0]), strict=True):
        similarities.append((similar(a[0], b[0], 30) + similar(a[1], b[1], 30)) / 2)
        weights.append(np.maximum(a[2], b[2]))
    mean = np.full((2, 2), 0.25)
    chroma = [similar(abs(conv2(x[c], mean)), abs(conv2(y[c], mean)), 30) for c in (1, 2)]
    similarities.append((chroma[0] + chroma[1]) / 2)
    weights.append((weights[0] + weights[1]) / 2)
    local = 1 / (1 + np.exp(-4.2 * np.array(similarities)))
    share = (local * weights).sum() / np.sum(weights)
    return float((np.log(share / (1 - share)) / 4.2) ** 2)


def mdsi(restored: Pixels, reference: Pixels) -> float:
    """MDSI, Ziaei Nafchi et al. 2016, combined by a sum; mean absolute deviation."""
    step = max(1, round(min(reference.shape[:2]) / 256))
    lhm = np.array([[0.2989, 0.587, 0.114], [0.3, 0.04, -0.35], [0.34, -0.6, 0.17]])

    def planes(pixels: Pixels) -> Values:
        mean = np.full((step, step), 1 / step**2)
        thin = [conv2(pixels[..., c], mean)[::step, ::step] for c in range(3)]
        return np.tensordot(lhm, np.array(thin), 1)

    def gradient(plane: Values) -> Values:
        across = np.array([[1, 0, -1]] * 3) / 3
        return np.hypot(conv2(plane, across), conv2(plane, across.T))

    d, r = planes(restored), planes(reference)
    of_d, of_r, of_mean = gradient(d[0]), gradient(r[0]), gradient((d[0] + r[0]) / 2)
    edges = similar(of_r, of_d, 140) + similar(of_d, of_mean, 55) - similar(of_r, of_mean, 55)
    both = (d[1:] * r[1:]).sum(0)
    chroma = (2 * both + 550) / ((d[1:] ** 2 + r[1:] ** 2).sum(0) + 550)
    combined = (0.6 * edges + 0.4 * chroma).astype(complex) ** 0.25
    return float(np.mean(np.abs(combined - combined.mean())) ** 0.25)


def fsim(restored: Pixels, reference: Pixels) -> float:
    """pyiqa's."""
    return _pyiqa("fsim", restored, reference)


def vsi(restored: Pixels, reference: Pixels) -> float:
    """pyiqa's."""
    return _pyiqa("vsi", restored, reference)


def similar(a: Values, b: Values, constant: float) -> Values:
    """The similarity that these metrics are built of: 1 where a is b."""
    similarity: Values = (2 * a * b + constant) / (a * a + b * b + constant)
    return similarity


def conv2(plane: Values, kernel: Values) -> Values:
    """MATLAB's ``conv2(plane, kernel, 'same')``, whose centre of an even kernel is not SciPy's."""
    from scipy.signal import convolve2d

    turned = convolve2d(plane[::-1, ::-1], kernel[::-1, ::-1], mode="same")
    return np.asarray(turned)[::-1, ::-1]


def _pyiqa(name: str, restored: Pixels, reference: Pixels) -> float:
    import torch

    x, y = (
        torch.from_numpy(image.copy()).permute(2, 0, 1)[None].double() / 255
        for image in (restored, reference)
    )
    with torch.inference_mode():
        return float(_pyiqa_metric(name)(x, y))


@cache
def _pyiqa_metric(name: str) -> Any:
    try:
        import pyiqa
    except ImportError as error:
        raise Unscorable(
            f"pyiqa is not installed (no {error.name}); run: pip install 'restoration-bench[pyiqa]'"
        ) from None
    return pyiqa.create_metric(name, device="cpu").double()
