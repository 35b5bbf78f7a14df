"""The releases of NIQE and BRISQUE line by line, by SciPy: what `bench.metrics.natural` is held to.

Slow and plain: no sums are shared, windows are two-dimensional, samples are sorted by their sign.
Ours are the parameters alone, and that rounding errors of flat areas count as zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.image import Pixels
from bench.metrics.natural import ROUNDING, parameters

Values = NDArray[Any]
_GAM = np.arange(0.2, 10.0005, 0.001)


def niqe(restored: Pixels, reference: Pixels) -> float:
    """``computequality.m`` with 96x96 blocks that do not overlap."""
    del reference
    image = _gray(restored)
    rows, columns = image.shape[0] // 96, image.shape[1] // 96
    image = image[: rows * 96, : columns * 96]
    features = []
    for side in (96, 48):
        structure = _structure(image, "nearest")
        features.append(
            [
                _block(structure[i * side : i * side + side, j * side : j * side + side])
                for i in range(rows)
                for j in range(columns)
            ]
        )
        image = _imresize(image)
    blocks = np.hstack(features)
    whole = blocks[~np.isnan(blocks).any(1)]
    pristine = parameters("niqe")
    difference = pristine["mean"] - np.nanmean(blocks, 0)
    inverse = np.linalg.pinv((pristine["covariance"] + np.cov(whole.T)) / 2)
    return float(np.sqrt(difference @ inverse @ difference.T))


def brisque(restored: Pixels, reference: Pixels) -> float:
    """``brisque_feature.m``, svm-scale and svm-predict."""
    del reference
    image, features = _gray(restored), []
    for _ in range(2):
        structure = _structure(image, "constant")
        features += _whole(structure)
        image = _imresize(image)
    svm = parameters("brisque")
    score = -svm["rho"]
    scaled = -1 + 2 * (np.array(features) - svm["low"]) / (svm["high"] - svm["low"])
    for vector, weight in zip(svm["vectors"], svm["weights"], strict=True):
        score += weight * np.exp(-svm["gamma"] * ((scaled - vector) ** 2).sum())
    return float(score)


def _gray(pixels: Pixels) -> Values:
    coefficients = np.linalg.inv([[1, 0.956, 0.621], [1, -0.272, -0.647], [1, -1.106, 1.703]])[0]
    gray: Values = np.floor(pixels @ coefficients + 0.5)
    return gray


def _structure(image: Values, mode: str) -> Values:
    from scipy.ndimage import correlate

    y, x = np.mgrid[-3:4, -3:4]
    window = np.exp(-(x**2 + y**2) / (2 * (7 / 6) ** 2))
    window /= window.sum()
    mu = correlate(image, window, mode=mode)
    sigma = np.sqrt(np.abs(correlate(image * image, window, mode=mode) - mu * mu))
    structure: Values = (image - mu) / (sigma + 1)
    return np.where(np.abs(structure) < ROUNDING, 0, structure)


def _imresize(image: Values) -> Values:
    """MATLAB's of scale 0.5, tap by tap, as matrices of weights for the rows and the columns."""

    def weights(size: int) -> Values:
        matrix = np.zeros((-(-size // 2), size))
        for row in range(len(matrix)):
            for tap in range(2 * row - 3, 2 * row + 5):
                away = abs(2 * row + 0.5 - tap) / 2
                inner, outer = away <= 1, 1 < away <= 2
                value = inner * (1.5 * away**3 - 2.5 * away**2 + 1)
                value += outer * (-0.5 * away**3 + 2.5 * away**2 - 4 * away + 2)
                mirrored = tap % (2 * size)
                matrix[row, min(mirrored, 2 * size - 1 - mirrored)] += value
        matrix /= matrix.sum(1, keepdims=True)
        return matrix

    resized: Values = weights(image.shape[0]) @ image @ weights(image.shape[1]).T
    return resized


def _pairs(structure: Values) -> list[Values]:
    return [structure * np.roll(structure, s, (0, 1)) for s in ((0, 1), (1, 0), (1, 1), (1, -1))]


def _aggd(vector: Values) -> tuple[float, float, float]:
    from scipy.special import gamma

    r_gam = gamma(2 / _GAM) ** 2 / (gamma(1 / _GAM) * gamma(3 / _GAM))
    with np.errstate(all="ignore"):
        negative, positive = vector[vector < 0], vector[vector > 0]
        left = np.sqrt(np.sum(negative**2) / negative.size)
        right = np.sqrt(np.sum(positive**2) / positive.size)
        hat = left / right
        r_hat = np.mean(np.abs(vector)) ** 2 / np.mean(vector**2)
        norm = r_hat * (hat**3 + 1) * (hat + 1) / (hat**2 + 1) ** 2
    return float(_GAM[np.argmin((r_gam - norm) ** 2)]), float(left), float(right)


def _block(structure: Values) -> list[float]:
    from scipy.special import gamma

    def betas(vector: Values) -> tuple[float, float, float]:
        alpha, left, right = _aggd(vector)
        scale = np.sqrt(gamma(1 / alpha) / gamma(3 / alpha))
        return alpha, left * scale, right * scale

    alpha, left, right = betas(structure)
    features = [alpha, (left + right) / 2]
    for pair in _pairs(structure):
        alpha, left, right = betas(pair)
        features += [alpha, (right - left) * gamma(2 / alpha) / gamma(1 / alpha), left, right]
    return features


def _whole(structure: Values) -> list[float]:
    from scipy.special import gamma

    r_gam = gamma(1 / _GAM) * gamma(3 / _GAM) / gamma(2 / _GAM) ** 2
    square = np.mean(structure**2)
    rho = square / np.mean(np.abs(structure)) ** 2
    features = [float(_GAM[np.argmin(np.abs(rho - r_gam))]), float(square)]
    for pair in _pairs(structure):
        alpha, left, right = _aggd(pair)
        scale = np.sqrt(gamma(1 / alpha)) / np.sqrt(gamma(3 / alpha))
        mean = (right - left) * (gamma(2 / alpha) / gamma(1 / alpha)) * scale
        features += [alpha, float(mean), left**2, right**2]
    return features
