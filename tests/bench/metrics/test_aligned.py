"""RealBlur's protocol: a movement and a gain that are known are undone; all else still counts."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from bench.core.errors import Unscorable
from bench.image import Picture, Pixels
from bench.metrics import aligned
from bench.metrics.aligned import PsnrAligned, SsimAligned, align
from bench.metrics.card import Metric
from bench.metrics.pixel import Psnr
from bench.metrics.scorer import Scorer
from bench.metrics.ssim import Ssim

MOVED = np.array([[1.002, 0.003, 2.3], [-0.002, 0.999, -1.7], [1e-6, -2e-6, 1]])
"""A turn, a zoom and a shift of two or three pixels, as between two cameras."""


def moved(pixels: Pixels, gain: float = 1.0) -> Pixels:
    height, width = pixels.shape[:2]
    image = cv2.warpPerspective(
        pixels.astype(np.float64),
        MOVED,
        (width, height),
        flags=cv2.INTER_LANCZOS4,
        borderMode=cv2.BORDER_REFLECT,
    )
    return np.clip(np.rint(gain * image), 0, 255).astype(np.uint8)


def score(metric: Metric, restored: Pixels, reference: Pixels) -> float:
    return metric.compare(Picture(restored), metric.features(Picture(reference)))


@pytest.fixture(scope="module")
def sharp() -> Pixels:
    return np.ascontiguousarray(data.astronaut()[:160, 130:330])


@pytest.fixture(scope="module")
def restored(sharp: Pixels) -> Pixels:
    """A restoration that is neither perfect nor moved."""
    return np.asarray(cv2.GaussianBlur(sharp, (0, 0), 1.5), np.uint8)


def test_where_nothing_moved_the_scores_are_the_plain_ones(sharp: Pixels, restored: Pixels) -> None:
    noise = np.random.default_rng(0).normal(0, 3, sharp.shape)
    noisy = np.clip(np.rint(restored + noise), 0, 255).astype(np.uint8)
    for image in (restored, noisy):
        plain = score(Psnr(), image, sharp)
        assert score(PsnrAligned(), image, sharp) == pytest.approx(plain, abs=0.02)
        plain = score(Ssim(), image, sharp)
        assert score(SsimAligned(), image, sharp) == pytest.approx(plain, abs=1e-3)


def test_an_image_scored_against_itself_is_perfect(sharp: Pixels) -> None:
    assert score(PsnrAligned(), sharp, sharp) == np.inf
    assert score(SsimAligned(), sharp, sharp) == pytest.approx(1, abs=1e-4)


def test_a_known_movement_and_gain_are_undone(sharp: Pixels, restored: Pixels) -> None:
    away = moved(restored, gain=0.9)
    still_psnr, still_ssim = score(Psnr(), restored, sharp), score(Ssim(), restored, sharp)
    assert score(Psnr(), away, sharp) < still_psnr - 5
    assert score(Ssim(), away, sharp) < still_ssim - 0.1
    assert score(PsnrAligned(), away, sharp) == pytest.approx(still_psnr, abs=0.4)
    assert score(SsimAligned(), away, sharp) == pytest.approx(still_ssim, abs=0.01)


def test_a_moved_image_lies_on_the_unmoved_one_again(restored: Pixels) -> None:
    # smooth, so that interpolating twice loses next to nothing
    both = align(Picture(moved(restored)), Picture(restored))
    inner = (slice(20, -20), slice(20, -20))
    left = np.abs(both.restored - both.reference)[inner].mean() * 255
    before = np.abs(moved(restored).astype(float) - restored)[inner].mean()
    assert before > 5
    assert left < 1


def test_better_restorations_score_better_wherever_they_lie(sharp: Pixels) -> None:
    blurred = [
        moved(np.asarray(cv2.GaussianBlur(sharp, (0, 0), sigma), np.uint8)) for sigma in (1, 2, 3)
    ]
    for metric in (PsnrAligned(), SsimAligned()):
        values = [score(metric, image, sharp) for image in blurred]
        assert values == sorted(values, reverse=True)


def test_only_pixels_that_both_images_have_are_compared(sharp: Pixels) -> None:
    both = align(Picture(moved(sharp)), Picture(sharp))
    assert set(np.unique(both.mask)) == {0, 1}
    outside = both.mask == 0
    # moved by 2 or 3 pixels of 160x200: strips of that width along two edges lie outside
    assert 0.01 < outside.mean() < 0.05
    assert not both.restored[outside].any()
    assert not both.reference[outside].any()


# --- an independent computation of the published protocol ---------------------------------------


def _by_the_book(restored: Pixels, reference: Pixels) -> tuple[float, float]:
    """PSNR and SSIM with scikit-image, on images aligned by OpenCV's textbook calls."""
    z, x = (image.astype(np.float32) / 255 for image in (restored, reference))
    z = (np.sum(x * z) / np.sum(z * z)) * z
    height, width = x.shape[:2]
    steps = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 100, 0)
    grey = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (x, z)]
    everywhere = np.full((height, width), 255, np.uint8)
    _, warp = cv2.findTransformECC(
        grey[0],
        grey[1],
        np.eye(3, 3, dtype=np.float32),
        cv2.MOTION_HOMOGRAPHY,
        steps,
        everywhere,
        5,
    )
    moved_z = cv2.warpPerspective(
        z,
        warp,
        (width, height),
        flags=cv2.INTER_CUBIC + cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT,
    )
    mask = cv2.warpPerspective(
        np.ones_like(z),
        warp,
        (width, height),
        flags=cv2.INTER_NEAREST + cv2.WARP_INVERSE_MAP,
        borderValue=0,
    )
    moved_z, x = moved_z * mask, x * mask
    # scikit-image divides by all samples, the protocol by those inside the mask
    everything = peak_signal_noise_ratio(x, moved_z, data_range=1)
    psnr = everything + 10 * np.log10(mask.sum() / mask.size)
    full: NDArray[np.float64]
    _, full = structural_similarity(
        x,
        moved_z,
        channel_axis=2,
        gaussian_weights=True,
        use_sample_covariance=False,
        data_range=1.0,
        full=True,
    )
    crop = (slice(5, -5), slice(5, -5))
    ssim = ((full * mask)[crop].sum((0, 1)) / mask[crop].sum((0, 1))).mean()
    return float(psnr), float(ssim)


@pytest.mark.parametrize("gain", [1.0, 0.8])
def test_scores_are_those_of_the_published_protocol(
    sharp: Pixels, restored: Pixels, gain: float
) -> None:
    for image in (restored, moved(restored, gain)):
        psnr, ssim = _by_the_book(image, sharp)
        assert score(PsnrAligned(), image, sharp) == pytest.approx(psnr, abs=1e-3)
        assert score(SsimAligned(), image, sharp) == pytest.approx(ssim, abs=1e-5)


# --- where there is no score --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (lambda sharp: np.full_like(sharp, 100), "ECC did not converge"),
        (lambda sharp: np.zeros_like(sharp), "black"),
        (
            lambda sharp: np.random.default_rng(1).integers(0, 256, sharp.shape).astype(np.uint8),
            "ECC did not converge",
        ),
    ],
    ids=["constant", "black", "noise"],
)
def test_what_cannot_be_aligned_has_no_score_but_a_reason(
    sharp: Pixels, image: object, reason: str
) -> None:
    assert callable(image)
    scores = Scorer(["psnr-aligned", "ssim-aligned", "psnr"])
    found = scores.score(image(sharp), scores.reference(sharp))
    for name in ("psnr-aligned", "ssim-aligned"):
        assert reason in (found[name].reason or "")
    assert found["psnr"].value is not None


def test_images_too_small_to_be_aligned_have_no_score() -> None:
    tiny = np.zeros((15, 40, 3), np.uint8)
    with pytest.raises(Unscorable, match="40x15 pixels"):
        score(PsnrAligned(), tiny, tiny)


def test_both_metrics_align_once(
    sharp: Pixels, restored: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    real = aligned.align

    def counting(first: Picture, second: Picture) -> aligned.Aligned:
        calls.append(first)
        return real(first, second)

    monkeypatch.setattr(aligned, "align", counting)
    scorer = Scorer(["psnr-aligned", "ssim-aligned"])
    prepared = scorer.reference(sharp)
    scorer.score(restored, prepared)
    assert len(calls) == 1
    scorer.score(restored, prepared)  # another picture of the same pixels
    assert len(calls) == 2
