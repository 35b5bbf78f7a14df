"""SSIM in its variants against scikit-image, piq, a brute-force volume filter and closed forms."""

from __future__ import annotations

import numpy as np
import piq
import pytest
import torch
from skimage.metrics import structural_similarity
from torch.nn import functional as F

from bench.core.errors import Unscorable
from bench.image import Picture, Pixels
from bench.metrics import window
from bench.metrics.card import Metric
from bench.metrics.ssim import C1, MultiScaleSsim, Ssim, SsimLuma, SsimVolume

SIZES = [(11, 11), (12, 19), (61, 40), (256, 256)]


def score(metric: Metric, restored: Pixels, reference: Pixels) -> float:
    return metric.compare(Picture(restored), metric.features(Picture(reference)))


def tensor(pixels: Pixels) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].double() / 255


def noise(seed: int, height: int, width: int) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def constant(value: int, height: int = 20, width: int = 23) -> Pixels:
    return np.full((height, width, 3), value, np.uint8)


def oracle(x: np.ndarray, y: np.ndarray, channel_axis: int | None = -1) -> float:
    return float(
        structural_similarity(
            x,
            y,
            channel_axis=channel_axis,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=255,
        )
    )


@pytest.mark.parametrize("size", SIZES)
def test_ssim_is_scikit_images(photo: Pixels, worse: Pixels, size: tuple[int, int]) -> None:
    x, y = worse[: size[0], : size[1]], photo[: size[0], : size[1]]
    assert score(Ssim(), x, y) == pytest.approx(oracle(x, y), abs=1e-9)
    assert score(Ssim(), noise(1, *size), y) == pytest.approx(oracle(noise(1, *size), y), abs=1e-9)


def test_ssim_is_piqs_without_downsampling(photo: Pixels, worse: Pixels) -> None:
    expected = piq.ssim(tensor(worse), tensor(photo), downsample=False).item()
    assert score(Ssim(), worse, photo) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("size", SIZES)
def test_luma_ssim_is_scikit_images_on_matlab_luma(
    photo: Pixels, worse: Pixels, size: tuple[int, int]
) -> None:
    x, y = worse[: size[0], : size[1]], photo[: size[0], : size[1]]
    weights = np.array([65.481, 128.553, 24.966]) / 255
    expected = oracle(x @ weights + 16, y @ weights + 16, channel_axis=None)
    assert score(SsimLuma(), x, y) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (11, 11), (40, 61)])
def test_volume_ssim_is_a_brute_force_volume_filter(
    photo: Pixels, worse: Pixels, size: tuple[int, int]
) -> None:
    x, y = worse[: size[0], : size[1]], photo[: size[0], : size[1]]
    taps = torch.exp(-((torch.arange(11, dtype=torch.float64) - 5) ** 2) / (2 * 1.5**2))
    cube = taps[:, None, None] * taps[None, :, None] * taps[None, None, :]
    cube = (cube / cube.sum())[None, None]

    def mean(volume: torch.Tensor) -> torch.Tensor:
        return F.conv3d(F.pad(volume[None, None], (5,) * 6, mode="replicate"), cube)[0, 0]

    a, b = (torch.from_numpy(pixels.astype(np.float64)) for pixels in (x, y))
    ma, mb = mean(a), mean(b)
    va, vb, vab = mean(a * a) - ma * ma, mean(b * b) - mb * mb, mean(a * b) - ma * mb
    c1, c2 = 2.55**2, 7.65**2
    ssim = (2 * ma * mb + c1) * (2 * vab + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2))
    assert score(SsimVolume(), x, y) == pytest.approx(ssim.mean().item(), abs=1e-9)


@pytest.mark.parametrize("size", [(161, 161), (162, 200), (203, 171), (201, 256)])
def test_multi_scale_ssim_is_piqs(photo: Pixels, worse: Pixels, size: tuple[int, int]) -> None:
    x, y = worse[: size[0], : size[1]], photo[: size[0], : size[1]]
    expected = piq.multi_scale_ssim(tensor(x), tensor(y)).item()
    assert score(MultiScaleSsim(), x, y) == pytest.approx(expected, abs=1e-9)


def test_multi_scale_ssim_counts_negative_terms_as_0(photo: Pixels) -> None:
    assert score(MultiScaleSsim(), 255 - photo, photo) == 0
    assert piq.multi_scale_ssim(tensor(255 - photo), tensor(photo)).item() == 0


@pytest.mark.parametrize("metric", [Ssim(), SsimLuma(), SsimVolume(), MultiScaleSsim()])
@pytest.mark.parametrize("kind", ["photo", "black", "white", "noise"])
def test_ssim_is_exactly_one_for_identical_images(metric: Metric, kind: str, photo: Pixels) -> None:
    image = {
        "photo": photo,
        "black": constant(0, 161, 170),
        "white": constant(255, 161, 170),
        "noise": noise(2, 161, 170),
    }[kind]
    assert score(metric, image.copy(), image) == 1


@pytest.mark.parametrize("metric", [Ssim(), SsimVolume()])
def test_ssim_of_two_constants_is_the_luminance_term(metric: Metric) -> None:
    # No variance: (2 * 100 * 120 + C1) / (100^2 + 120^2 + C1)
    expected = (24000 + C1) / (24400 + C1)
    assert score(metric, constant(100), constant(120)) == pytest.approx(expected, abs=1e-12)


def test_ssim_of_black_against_white_is_nearly_0() -> None:
    # C1 / (255^2 + C1) = 0.0001 / 1.0001
    assert score(Ssim(), constant(0), constant(255)) == pytest.approx(0.0001 / 1.0001, abs=1e-12)


def test_ssim_of_a_negative_is_negative(photo: Pixels) -> None:
    value = score(Ssim(), 255 - photo, photo)
    assert -1 <= value < 0
    assert value == pytest.approx(oracle(255 - photo, photo), abs=1e-9)


@pytest.mark.parametrize("metric", [Ssim(), SsimLuma(), SsimVolume()])
def test_ssim_is_symmetric(metric: Metric, photo: Pixels, worse: Pixels) -> None:
    forth, back = score(metric, worse, photo), score(metric, photo, worse)
    assert forth == pytest.approx(back, abs=1e-12)


@pytest.mark.parametrize(
    ("metric", "smallest"), [(Ssim(), 11), (SsimLuma(), 11), (MultiScaleSsim(), 161)]
)
def test_images_under_the_window_are_unscorable(metric: Metric, smallest: int) -> None:
    metric.features(Picture(constant(3, smallest, smallest)))
    for height, width in [(smallest - 1, smallest), (smallest, smallest - 1), (1, 1)]:
        with pytest.raises(Unscorable, match=f"needs at least {smallest}x{smallest}"):
            metric.features(Picture(constant(3, height, width)))


@pytest.mark.parametrize("metric", [Ssim(), SsimLuma()])
@pytest.mark.parametrize(("tile", "widest"), [(1, 20), (5000, 64), (2**30, 2**30)])
def test_the_size_of_the_tiles_does_not_matter(
    metric: Metric,
    tile: int,
    widest: int,
    photo: Pixels,
    worse: Pixels,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usual = score(metric, worse, photo)
    monkeypatch.setattr(window, "TILE", tile)
    monkeypatch.setattr(window, "WIDEST", widest)
    assert score(metric, worse, photo) == pytest.approx(usual, abs=1e-12)
