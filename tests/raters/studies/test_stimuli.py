"""What a rater can fetch: the run's pixels exactly, and nothing else."""

from __future__ import annotations

import io
import secrets
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from bench.image import ImageError, Pixels
from raters.studies.stimuli import (
    LEAST_PADDING,
    PADDING,
    chunks,
    copied,
    decoded,
    degrade_golden,
    opaque_pngs,
    padded_anew,
    spread,
    widest,
)


def several(photograph: Pixels) -> list[Pixels]:
    """A sharp, a blurred and a flat image: their files differ in length more than tenfold."""
    sharp = np.ascontiguousarray(photograph[:120, :200])
    return [sharp, np.asarray(cv2.GaussianBlur(sharp, (0, 0), 4.0)), np.full_like(sharp, 77)]


def test_stimuli_of_one_content_have_equal_byte_length_and_lose_no_pixel(
    photograph: Pixels,
) -> None:
    images = several(photograph)
    files = opaque_pngs(images)
    assert len({len(file) for file in files}) == 1
    for pixels, file in zip(images, files, strict=True):
        by_opencv = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR)
        assert np.array_equal(by_opencv[:, :, ::-1], pixels)
        with Image.open(io.BytesIO(file)) as opened:
            opened.load()
            assert np.array_equal(np.asarray(opened.convert("RGB")), pixels)
            assert opened.info == {}  # no text, no resolution, no gamma


def test_a_stimulus_holds_four_kinds_of_chunk_and_all_checksums_are_right(
    photograph: Pixels,
) -> None:
    for file in opaque_pngs(several(photograph)):
        names = [name for name, _ in chunks(file)]
        assert set(names) == {b"IHDR", b"IDAT", PADDING, b"IEND"}
        assert names.count(PADDING) == 1
        at = 8
        while at < len(file):
            length = int.from_bytes(file[at : at + 4], "big")
            body = file[at + 4 : at + 8 + length]
            assert int.from_bytes(file[at + 8 + length : at + 12 + length], "big") == zlib.crc32(
                body
            )
            at += 12 + length


def test_the_file_of_most_detail_is_padded_too(photograph: Pixels) -> None:
    # else an empty padding would mark whichever model sharpens most
    for file in opaque_pngs(several(photograph)):
        assert len(dict(chunks(file))[PADDING]) >= LEAST_PADDING > 0


def test_padding_does_not_compress(photograph: Pixels) -> None:
    # zeros would shrink on the way, and the length that travels would tell again
    files = [padded_anew(file, secrets.token_bytes) for file in opaque_pngs(several(photograph))]
    lengths = [len(zlib.compress(file, 9)) for file in files]
    assert max(lengths) - min(lengths) < 0.02 * max(lengths)


def test_a_file_padded_anew_has_its_pixels_its_length_and_another_digest(
    photograph: Pixels,
) -> None:
    (file,) = opaque_pngs(several(photograph)[:1])
    one, other = (padded_anew(file, secrets.token_bytes) for _ in range(2))
    assert len(one) == len(other) == len(file)
    assert len({file, one, other}) == 3
    assert np.array_equal(decoded(one), decoded(file))


def test_a_copy_looks_like_its_original_and_is_another_image(photograph: Pixels) -> None:
    sharp = np.ascontiguousarray(photograph[100:300, 100:300])
    copy = copied(sharp, secrets.token_bytes(sharp.size))
    assert np.abs(copy.astype(int) - sharp).max() == 1
    # one value in sixteen is a level off: a mean square of 1/16, and 10 log10(255^2 * 16) = 60.2 dB
    assert peak_signal_noise_ratio(sharp, copy) == pytest.approx(60.2, abs=0.2)


def test_stimuli_of_several_sizes_are_refused(photograph: Pixels) -> None:
    with pytest.raises(ImageError, match="several sizes"):
        opaque_pngs([photograph[:70, :70], photograph[:70, :71]])


def test_spread_is_the_variance_over_models() -> None:
    # 10, 20, 60: mean 30, squares of differences 400 + 100 + 900 = 1400, divided by 3
    outputs = [np.full((2, 3, 3), value, np.uint8) for value in (10, 20, 60)]
    assert spread(outputs) == pytest.approx(np.full((2, 3), 1400 / 3))


def test_the_widest_window_is_where_the_variance_is() -> None:
    variance = np.zeros((40, 50))
    variance[20:25, 30:40] = 4.0
    # a 5x10 window holds the patch exactly: mean 4
    assert widest(variance, 5, 10) == (20, 30, 4.0)


@pytest.mark.parametrize("number", range(6))
def test_a_golden_image_is_visibly_worse(photograph: Pixels, number: int) -> None:
    sharp = np.ascontiguousarray(photograph[100:300, 100:300])
    degraded = degrade_golden(sharp, number, seed=5)
    assert degraded.shape == sharp.shape
    assert peak_signal_noise_ratio(sharp, degraded) < 28  # quantisation by JPEG at 50 has about 33
    assert np.array_equal(degraded, degrade_golden(sharp, number, seed=5))


def test_a_flat_image_can_be_degraded() -> None:
    flat = np.full((64, 64, 3), 128, np.uint8)
    for number in range(3):
        assert degrade_golden(flat, number, seed=5).std() > 3
