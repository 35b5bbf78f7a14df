"""Metric values of published calibration images, and of one real GoPro pair."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.metrics import structural_similarity

from bench.image import Picture, read
from bench.metrics.scorer import Scorer
from bench.metrics.ssim import Ssim
from bench.metrics.window import Samples


def value(metric: str, restored: Path, reference: Path) -> float:
    scorer = Scorer([metric])
    score = scorer.score(read(restored), scorer.reference(read(reference)))[metric]
    assert score.value is not None, score.reason
    return score.value


@pytest.fixture
def calibration(real_data: Path) -> Path:
    folder = real_data / "metrics"
    if not folder.is_dir():
        pytest.skip(f"no calibration images at '{folder}'")
    return folder


@pytest.fixture
def blurred_and_sharp(real_data: Path) -> tuple[Path, Path]:
    scene = real_data / "gopro" / "test" / "GOPR0384_11_00"
    blurred = sorted((scene / "blur").glob("*.png"))
    if not blurred:
        pytest.skip(f"no GoPro pair at '{scene}'")
    return blurred[0], scene / "sharp" / blurred[0].name


def test_psnr_of_a_gopro_pair(blurred_and_sharp: tuple[Path, Path]) -> None:
    assert value("psnr", *blurred_and_sharp) == pytest.approx(24.050, abs=5e-4)


def test_ssim_of_a_gopro_pair_by_two_windows(blurred_and_sharp: tuple[Path, Path]) -> None:
    blurred, sharp = (read(path) for path in blurred_and_sharp)
    gaussian = structural_similarity(
        blurred,
        sharp,
        channel_axis=-1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
    )
    assert value("ssim", *blurred_and_sharp) == pytest.approx(gaussian, abs=1e-9)
    assert gaussian == pytest.approx(0.7170, abs=5e-5)
    # scikit-image's default, a uniform window of 7, is another convention with another value.
    uniform = structural_similarity(blurred, sharp, channel_axis=-1, data_range=255)
    assert uniform == pytest.approx(0.6954, abs=5e-5)


@pytest.mark.parametrize(
    ("restored", "reference", "matlab"),
    [("goldhill_jpeg.gif", "goldhill.gif", 0.2665), ("i01_01_5.bmp", "I01.BMP", 0.3147)],
)
def test_vif_is_the_authors_matlab_value(
    calibration: Path, restored: str, reference: str, matlab: float
) -> None:
    found = value("vif", calibration / restored, calibration / reference)
    assert found == pytest.approx(matlab, abs=5e-5)


class HalvedSsim(Ssim):
    """SSIM after the 2x2 mean that the authors' MATLAB code takes of 512x512 images first."""

    def planes(self, picture: Picture) -> list[Samples]:
        grey = picture.pixels[:, :, 0].astype(np.float64)
        height, width = grey.shape
        return [grey.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))]


def test_ssim_after_downsampling_is_the_authors_matlab_value(calibration: Path) -> None:
    metric = HalvedSsim()
    features = metric.features(Picture(read(calibration / "goldhill.gif")))
    found = metric.compare(Picture(read(calibration / "goldhill_jpeg.gif")), features)
    assert found == pytest.approx(0.8202, abs=5e-5)


def test_bicubic_set5_x4_has_its_published_luma_psnr(real_data: Path) -> None:
    references = sorted((real_data / "testsets" / "Set5").glob("*_GT.bmp"))
    if len(references) != 5:
        pytest.skip("no Set5 in the real data")
    scorer = Scorer(["psnr-y"], border=4)
    values = []
    for path in references:
        name = path.name.removesuffix("_GT.bmp") + "x4.bmp"
        low = Image.fromarray(read(real_data / "testsets" / "Set5_LR_bicubic" / "x4" / name))
        # Pillow's bicubic kernel is MATLAB's (a = -0.5); they differ in the border that is cut.
        restored = np.asarray(low.resize((4 * low.width, 4 * low.height), Image.Resampling.BICUBIC))
        truth = read(path)[: restored.shape[0], : restored.shape[1]]
        score = scorer.score(restored, scorer.reference(truth))["psnr-y"].value
        assert score is not None
        values.append(score)
    assert np.mean(values) == pytest.approx(28.43, abs=0.005)
