"""What images are good for: text is read, features are found again, less in worse images."""

from __future__ import annotations

import shutil
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import skimage.data
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.image import Picture, Pixels
from bench.metrics.lightglue import LightGlueMatches
from bench.metrics.scorer import Scorer
from bench.metrics.use import Reading, edits, words
from bench.records import Score

needs_tesseract = pytest.mark.skipif(
    shutil.which("tesseract") is None, reason="tesseract is not installed"
)
LINES = ("Which image restoration", "model should you use", "in 2025? Measure it.")


def scored(name: str, restored: Pixels, reference: Pixels) -> Score:
    scorer = Scorer([name])
    return scorer.score(restored, scorer.reference(reference))[name]


def blurred(pixels: Pixels, sigma: float) -> Pixels:
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), np.uint8)


@pytest.fixture(scope="module")
def page() -> Pixels:
    """Three lines of black text on white, as a camera would have them: no edge is sharp."""
    image = np.full((200, 520, 3), 255, np.uint8)
    for number, line in enumerate(LINES):
        where = (12, 50 + 60 * number)
        cv2.putText(image, line, where, cv2.FONT_HERSHEY_SIMPLEX, 1.1, (0, 0, 0), 2, cv2.LINE_AA)
    return blurred(image, 0.6)


def test_features_are_all_found_in_the_same_photograph_and_fewer_the_blurrier(
    photo: Pixels,
) -> None:
    values = [scored("orb-matches", image, photo).value for image in (photo, blurred(photo, 1.5))]
    values.append(scored("orb-matches", blurred(photo, 4), photo).value)
    assert values[0] == 1
    assert values[0] > (values[1] or 0) > (values[2] or 0) >= 0
    again = scored("orb-matches", blurred(photo, 1.5), photo).value
    assert again == values[1]  # the same every time


def test_features_elsewhere_do_not_count(photo: Pixels) -> None:
    shifted = np.roll(photo, 12, axis=1)
    assert (scored("orb-matches", shifted, photo).value or 0) < 0.05
    near = scored("orb-matches", np.roll(photo, 2, axis=1), photo).value
    assert near is not None
    assert near > 0.8  # two pixels are near enough


def test_flat_images_have_no_features(photo: Pixels) -> None:
    flat = np.full_like(photo, 90)
    assert scored("orb-matches", flat, photo).value == 0
    assert scored("orb-matches", photo, flat).reason == (
        "the reference has 0 ORB keypoints; expected at least 20"
    )


@needs_tesseract
def test_text_is_read_as_well_as_in_the_reference_and_worse_the_blurrier(page: Pixels) -> None:
    values = [scored("ocr", image, page).value for image in (page, blurred(page, 5))]
    values.append(scored("ocr", blurred(page, 9), page).value)
    assert values[0] == 1
    assert 1 > (values[1] or 0) >= (values[2] or 0) == 0
    read = " ".join(LINES).replace(" ", "")
    found = Reading()._read(page).replace(" ", "")
    assert edits(found, read) <= len(read) * 0.1


@needs_tesseract
def test_a_scanned_page_is_read_worse_and_matched_worse_the_blurrier_it_is() -> None:
    scan = np.repeat(skimage.data.page()[..., None], 3, axis=2)
    for name in ("ocr", "orb-matches"):
        values = [scored(name, blurred(scan, sigma), scan).value for sigma in (0.8, 1.5, 4)]
        assert 1 > (values[0] or 0) > (values[1] or 0) > (values[2] or 0) >= 0, name


@needs_tesseract
def test_without_text_in_the_reference_there_is_no_value(page: Pixels) -> None:
    flat = np.full_like(page, 128)
    assert scored("ocr", page, flat).reason == (
        "tesseract reads 0 characters in the reference; expected at least 5"
    )
    assert scored("ocr", flat, page).value == 0


def test_without_tesseract_it_is_missing_with_the_packages_name(
    page: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert scored("ocr", page, page).reason == (
        "the program tesseract is not installed; on Debian: apt-get install tesseract-ocr"
    )
    assert Scorer(["ocr"]).weights == {"ocr": "none"}


def test_only_words_that_it_is_sure_of_count() -> None:
    table = "level\tconf\ttext\n5\t95.2\tSTOP\n5\t59\tS7OP\n4\t-1\t\n5\t60\tNow\n"
    assert words(table) == ["STOP", "Now"]


@given(st.text("abc ", max_size=9), st.text("abc ", max_size=9))
def test_edits_are_those_of_the_recursion(one: str, other: str) -> None:
    def slowly(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        table[i, j] = min(
            at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + (one[i - 1] != other[j - 1])
        )
        return table[i, j]

    def at(i: int, j: int) -> int:
        return table[i, j] if (i, j) in table else slowly(i, j)

    table: dict[tuple[int, int], int] = {}
    assert edits(one, other) == slowly(len(one), len(other))


# --- LightGlue ------------------------------------------------------------------------------------


def test_without_kornia_the_command_that_installs_it_is_told(
    photo: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "kornia.feature", None)
    reason = scored("lightglue-matches", photo, photo).reason
    assert reason is not None
    assert "pip install 'restoration-bench[lightglue]'" in reason


def test_without_their_weights_the_reason_is_told_once(
    photo: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    class Lost:
        @staticmethod
        def from_pretrained(*given: object, **more: object) -> None:
            tried.append(given)
            raise OSError("no such host")

    theirs = SimpleNamespace(DISK=Lost, LightGlue=None)
    monkeypatch.setitem(sys.modules, "kornia.feature", theirs)
    scorer = Scorer(["lightglue-matches"])
    for _ in range(2):
        reason = scorer.score(photo, scorer.reference(photo))["lightglue-matches"].reason
        assert reason == "kornia cannot make DISK and LightGlue here: OSError: no such host"
    assert len(tried) == 1


def test_kornias_networks_are_asked_as_they_want(photo: Pixels) -> None:
    """Without their learned weights, which are downloaded: of what is found, DISK is real."""
    features = pytest.importorskip("kornia.feature", reason="kornia is an extra")
    torch.manual_seed(0)

    def same_places(images: dict[str, dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
        one, other = (images[name]["keypoints"][0] for name in ("image0", "image1"))
        apart, nearest = torch.cdist(one, other).min(dim=1)
        assert images["image0"]["image_size"].tolist() == [[photo.shape[1], photo.shape[0]]]
        return {"matches0": torch.where(apart < 0.5, nearest, -1)[None]}

    metric = LightGlueMatches()
    metric._made = (features.DISK().eval(), same_places)  # type: ignore[misc]
    reference = metric.features(Picture(photo))
    assert metric.compare(Picture(photo), reference) == 1
    other = metric.compare(Picture(255 - photo), reference)
    assert 0 <= other < 1
