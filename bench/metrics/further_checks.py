"""SR-SIM, DSS, IW-SSIM and MS-GMSD as their authors published them, by NumPy and SciPy.

They are what piq's functions are held to (`bench.metrics.card.Check`). Where piq departs from the
authors' code, ``authors`` takes their way: each function names where.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.core.errors import Unscorable
from bench.image import Pixels
from bench.metrics.similarity_checks import Values, conv2, similar

Kernel = Callable[[Values], Values]

_LUMA = np.array([0.299, 0.587, 0.114])


# --- SR-SIM: Zhang and Li 2012 -------------------------------------------------------------------


def sr_sim(restored: Pixels, reference: Pixels, authors: bool = False) -> float:
    """Zhang's SR_SIM.m. piq adds 2e-16 where logarithms and quotients could meet a zero."""
    tiny = 0.0 if authors else float(np.finfo(float).eps)
    step = max(1, round(min(reference.shape[:2]) / 256))
    x, y = (_thinned(pixels @ _LUMA, step) for pixels in (restored, reference))
    saliency = [_saliency(plane, tiny) for plane in (x, y)]
    scharr = np.array([[3, 0, -3], [10, 0, -10], [3, 0, -3]]) / 16
    gradient = [np.hypot(conv2(plane, scharr), conv2(plane, scharr.T)) for plane in (x, y)]
    weight = np.maximum(*saliency)
    alike = similar(saliency[0], saliency[1], 0.40)
    similarity = alike * np.sqrt(similar(gradient[0], gradient[1], 225)) * weight
    return float(similarity.sum() / (weight.sum() + tiny))


def _thinned(plane: Values, step: int) -> Values:
    return conv2(plane, np.full((step, step), 1 / step**2))[::step, ::step]


def _saliency(plane: Values, tiny: float) -> Values:
    """The spectral residual of Hou and Zhang 2007, on a quarter of the size, between 0 and 1."""
    from scipy.ndimage import correlate

    small = tuple(-(-side // 4) for side in plane.shape)  # a size in quarters is rounded up
    spectrum = np.fft.fft2(_resized(plane, small, _cubic, 0.25))
    amplitude = np.log(abs(spectrum) + tiny)
    residual = amplitude - correlate(amplitude, np.full((3, 3), 1 / 9), mode="nearest")
    found = abs(np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))) ** 2
    window = _gaussian(10, 3.8)
    # imfilter's centre of an even window is the pixel before the middle
    found = correlate(found, np.pad(window, ((1, 0), (1, 0))), mode="constant")
    found = (found - found.min()) / (np.ptp(found) + tiny)
    return _resized(found, plane.shape, _cubic)


# --- DSS: Balanov et al. 2015 --------------------------------------------------------------------


def dss(restored: Pixels, reference: Pixels, authors: bool = False) -> float:
    """Moshe's dss_index.m, of the luma before it is rounded.

    piq rounds half a coefficient to the even number of them, MATLAB up.
    """
    from scipy.fft import dctn

    def bands(pixels: Pixels) -> Values:
        """(8, 8, H/8, W/8): coefficient, block."""
        luma = pixels @ _LUMA
        height, width = (side // 8 for side in luma.shape)
        blocks = luma[: 8 * height, : 8 * width].reshape(height, 8, width, 8)
        return np.asarray(dctn(blocks, axes=(1, 3), norm="ortho")).transpose(1, 3, 0, 2)

    at = np.arange(8) + 0.5
    weight = np.exp(-(at[:, None] ** 2 + at**2) / (2 * 1.55**2))
    weight[weight < 1e-2] = 0
    x, y = bands(restored), bands(reference)
    count = 0.05 * x[0, 0].size
    worst = int(np.floor(count + 0.5)) if authors else round(count)

    def pooled(similarity: Values) -> float:
        return float(np.sort(similarity, axis=None)[:worst].mean())

    total = 0.0
    for m, n in np.argwhere(weight):
        a, b, constant = x[m, n], y[m, n], 300 if m + n else 1000
        mean_a, mean_b = _smooth(a), _smooth(b)
        spread_a = np.maximum(_smooth(a * a) - mean_a**2, 0)
        spread_b = np.maximum(_smooth(b * b) - mean_b**2, 0)
        both = np.sqrt(spread_a * spread_b)
        similarity = pooled((2 * both + constant) / (spread_a + spread_b + constant))
        if m + n == 0:
            common = _smooth(a * b) - mean_a * mean_b
            similarity *= pooled((common + constant) / (both + constant))
        total += weight[m, n] * similarity
    return float(total / weight.sum())


def _smooth(plane: Values) -> Values:
    from scipy.ndimage import correlate

    return np.asarray(correlate(plane, _gaussian(3, 1.5), mode="constant"))


# --- IW-SSIM: Wang and Li 2011 -------------------------------------------------------------------

_SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_NOISE = 0.4


def iw_ssim(restored: Pixels, reference: Pixels, authors: bool = False) -> float:
    """Wang's iwssim.m, of the luma before it is rounded.

    piq makes the scales' exponents sum to one (theirs sum to 1.0001), and mirrors the last row and
    column of an odd size about the zero that it puts behind them when it enlarges.
    """
    x, y = (_pyramid(pixels @ _LUMA, authors) for pixels in (restored, reference))
    exponents = np.array(_SCALES) / (1 if authors else sum(_SCALES))
    value = 1.0
    for scale, exponent in enumerate(exponents):
        luminance, structure = _ssim_maps(x[scale], y[scale])
        if scale == len(_SCALES) - 1:
            mean = (luminance * structure).mean()
        else:
            parent = y[scale + 1] if scale < len(_SCALES) - 2 else None
            weight = _information(x[scale], y[scale], parent)[4:-4, 4:-4]
            mean = (structure * weight).sum() / weight.sum()
        value *= abs(mean) ** exponent
    return float(value)


def _pyramid(plane: Values, authors: bool) -> list[Values]:
    """The Laplacian pyramid of Burt and Adelson with matlabPyrTools' binomial filter."""
    found = []
    for _ in range(len(_SCALES) - 1):
        low = _halved(_halved(plane).T).T
        high = _doubled(_doubled(low, plane.shape[0], authors).T, plane.shape[1], authors).T
        found.append(plane - high)
        plane = low
    return [*found, plane]


_BINOMIAL = np.sqrt(2) * np.array([1, 4, 6, 4, 1]) / 16


def _halved(plane: Values) -> Values:
    return _along(np.pad(plane, ((2, 2), (0, 0)), mode="reflect"))[::2]


def _doubled(plane: Values, rows: int, authors: bool) -> Values:
    between = np.zeros((rows if authors else 2 * len(plane), plane.shape[1]))
    between[::2] = plane
    return _along(np.pad(between, ((2, 2), (0, 0)), mode="reflect"))[:rows]


def _along(plane: Values) -> Values:
    rows = len(plane) - 4
    summed: Values = np.sum([w * plane[i : i + rows] for i, w in enumerate(_BINOMIAL)], axis=0)
    return summed


def _ssim_maps(x: Values, y: Values) -> tuple[Values, Values]:
    from scipy.signal import convolve2d

    def smooth(plane: Values) -> Values:
        return np.asarray(convolve2d(plane, _gaussian(11, 1.5), mode="valid"))

    a, b = smooth(x), smooth(y)
    spread = np.maximum(smooth(x * x) - a * a, 0) + np.maximum(smooth(y * y) - b * b, 0)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    common = smooth(x * y) - a * b
    return (2 * a * b + c1) / (a * a + b * b + c1), (2 * common + c2) / (spread + c2)


def _information(x: Values, y: Values, parent: Values | None) -> Values:
    """Bits that the distorted band ``x`` and the reference's ``y`` say of the scene, a pixel.

    (H-2, W-2), for (H, W): a Gaussian scale mixture of blocks of 3x3 and the pixel above them.
    """
    from scipy.ndimage import correlate

    def mean(plane: Values) -> Values:
        return np.asarray(correlate(plane, np.full((3, 3), 1 / 9), mode="constant"))

    tiny = 1e-15
    spread_x = np.maximum(mean(x * x) - mean(x) ** 2, 0)
    spread_y = np.maximum(mean(y * y) - mean(y) ** 2, 0)
    common = mean(x * y) - mean(x) * mean(y)
    gain = np.where(spread_y < tiny, 0, common / (spread_y + tiny))
    rest = np.where(spread_y < tiny, spread_x, spread_x - gain * common)
    gain, rest = (np.where(spread_x < tiny, 0, v)[1:-1, 1:-1] for v in (gain, rest))
    windows = np.lib.stride_tricks.sliding_window_view(y, (3, 3))
    vectors = windows.reshape(*windows.shape[:2], 9)
    if parent is not None:
        above = _enlarged(parent)[1 : len(y) - 1, 1 : y.shape[1] - 1, None]
        vectors = np.concatenate([vectors, above], axis=2)
    flat = vectors.reshape(-1, vectors.shape[2])
    covariance = flat.T @ flat / len(flat)
    values, axes = np.linalg.eigh(covariance)
    positive = np.maximum(values, 0)
    if not positive.all():
        raise Unscorable("the reference's blocks have a covariance without an inverse")
    positive *= values.sum() / positive.sum()
    strength = np.sum((flat @ axes) ** 2 / positive, axis=1) / flat.shape[1]
    strength = strength.reshape(gain.shape)
    bits = np.zeros(gain.shape)
    for one in positive:
        signal = (rest + (1 + gain**2) * _NOISE) * strength * one
        bits += np.log2(1 + (signal + _NOISE * rest) / _NOISE**2)
    return bits


def _enlarged(plane: Values) -> Values:
    """imenlarge2: to twice the size, by lines four times as dense that go on at the rim."""
    height, width = (4 * side - 3 for side in plane.shape)
    found = np.pad(_resized(plane, (height, width), _linear), 1)
    for turned in (found, found.T):
        turned[0] = 2 * turned[1] - turned[2]
        turned[-1] = 2 * turned[-2] - turned[-3]
    return found[::2, ::2]


# --- MS-GMSD: Zhang, Sander and Bermak 2017 ------------------------------------------------------


def ms_gmsd(restored: Pixels, reference: Pixels, authors: bool = False) -> float:
    """The paper's equations 2 to 6, without chroma.

    Where a side is odd piq puts zeros behind both before it halves; ``authors`` leaves out the odd
    row or column.
    """
    prewitt = np.array([[1, 0, -1]] * 3) / 3
    x, y = (pixels @ _LUMA for pixels in (restored, reference))
    total = 0.0
    for scale, weight in enumerate((0.096, 0.596, 0.289, 0.019)):
        if scale:
            x, y = (_in_half(plane, authors) for plane in (x, y))
        a, b = (np.hypot(conv2(plane, prewitt), conv2(plane, prewitt.T)) for plane in (x, y))
        masked = (1.5 * a * b + 170) / (a * a + b * b - 0.5 * a * b + 170)
        total += weight * masked.var()
    return float(np.sqrt(total))


def _in_half(plane: Values, authors: bool) -> Values:
    if not authors:
        plane = np.pad(plane, (0, max(side % 2 for side in plane.shape)))
    height, width = (side // 2 for side in plane.shape)
    blocks = plane[: 2 * height, : 2 * width].reshape(height, 2, width, 2)
    halved: Values = blocks.mean((1, 3))
    return halved


# --- what several of them need -------------------------------------------------------------------


def _gaussian(size: int, sigma: float) -> Values:
    at = np.arange(size) - (size - 1) / 2
    one = np.exp(-(at**2) / (2 * sigma**2))
    window: Values = np.outer(one, one) / one.sum() ** 2
    return window


def _cubic(x: Values) -> Values:
    x = abs(x)
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0))


def _linear(x: Values) -> Values:
    return np.asarray(np.maximum(1 - abs(x), 0))


def _resized(plane: Values, size: tuple[int, ...], kernel: Kernel, scale: float = 0) -> Values:
    """MATLAB's imresize: a smaller image is smoothed by a wider kernel, rims are mirrored."""
    for axis, side in enumerate(size):
        before = plane.shape[axis]
        ratio = scale or side / before
        wide = min(ratio, 1)
        centres = (np.arange(side) + 0.5) / ratio - 0.5
        reach = int(np.ceil(2 / wide)) + 1
        at = np.floor(centres).astype(int)[:, None] + np.arange(-reach, reach + 1)
        weights = kernel((at - centres[:, None]) * wide)
        weights /= weights.sum(1, keepdims=True)
        at = at % (2 * before)
        at = np.where(at < before, at, 2 * before - 1 - at)
        matrix = np.zeros((side, before))
        np.add.at(matrix, (np.arange(side)[:, None], at), weights)
        plane = np.moveaxis(np.tensordot(matrix, plane, (1, axis)), 0, axis)
    return plane
