"""Colour profiles: the same colours in sRGB, against the arithmetic of colorimetry."""

from __future__ import annotations

import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

import bench
from bench.colour import profile_name
from bench.image import Pixels, converted_from, read
from tests.support.icc import ADOBE_RGB, DISPLAY_P3, SRGB, by_hand, of_inks, profile

P3 = profile(DISPLAY_P3, None, "Display P3")


def saved(path: Path, pixels: Pixels, icc: bytes | None) -> Path:
    how = {"lossless": True} if path.suffix == ".webp" else {}
    Image.fromarray(pixels).save(path, icc_profile=icc, **how)
    return path


@pytest.mark.parametrize("suffix", ["png", "tiff", "webp"])
@pytest.mark.parametrize(
    ("primaries", "gamma", "name"),
    [(DISPLAY_P3, None, "Display P3"), (ADOBE_RGB, 2.19921875, "Adobe RGB (1998)")],
)
def test_colours_of_another_profile_become_the_same_in_srgb(
    tmp_path: Path,
    photograph: Pixels,
    suffix: str,
    primaries: tuple[tuple[float, float], ...],
    gamma: float | None,
    name: str,
) -> None:
    pixels = np.ascontiguousarray(photograph[:96, 200:300])
    path = saved(tmp_path / f"x.{suffix}", pixels, profile(primaries, gamma, name))
    found, expected = read(path), by_hand(pixels, primaries, gamma)
    assert np.abs(found - expected).max() < 1.6  # littleCMS works in 16 bits and tables
    assert np.abs(found - expected).mean() < 0.35
    assert np.abs(pixels.astype(float) - expected).max() > 15  # taken for sRGB, it is far off
    assert converted_from(path) == name


def test_a_telephones_photograph_scores_what_its_colours_are_worth(
    tmp_path: Path, photograph: Pixels
) -> None:
    """One scene, once in sRGB and once in Display P3: nothing was lost."""
    to_p3 = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.ImageCmsProfile(_file(tmp_path, P3)), "RGB", "RGB"
    )
    in_p3 = np.asarray(ImageCms.applyTransform(Image.fromarray(photograph), to_p3))
    path = saved(tmp_path / "phone.png", in_p3, P3)
    psnr = bench.metric("psnr")
    assert psnr(in_p3, photograph) < 34  # what ignoring the profile costs
    assert psnr(path, photograph) > 50


@pytest.mark.parametrize("suffix", ["tif", "jpg"])
def test_inks_become_the_colours_that_their_profile_says(tmp_path: Path, suffix: str) -> None:
    """Corners of the cube of inks, in fields of 16x16: what naive filters let through."""
    inks = [
        (0, 0, 0, 0),
        (255, 0, 0, 0),
        (0, 255, 0, 0),
        (0, 0, 255, 0),
        (255, 255, 0, 0),
        (0, 255, 255, 0),
        (0, 0, 0, 255),
    ]
    fields = np.repeat(np.repeat(np.array(inks, np.uint8)[None], 16, 1), 16, 0)
    image = Image.fromarray(fields, mode="CMYK")
    path = tmp_path / f"x.{suffix}"
    image.save(path, icc_profile=of_inks(), **({"quality": 100} if suffix == "jpg" else {}))
    found = read(path)[8, 8::16]
    expected = [(255 - c) * (255 - k) // 255 for *three, k in inks for c in three]
    assert np.abs(found.astype(int) - np.reshape(expected, (-1, 3))).max() <= 9  # Lab in 8 bits
    assert converted_from(path) == "made inks"
    grey = Image.new("CMYK", (16, 16), (0, 0, 0, 128))
    grey.save(tmp_path / f"grey.{suffix}", icc_profile=of_inks())
    half = read(tmp_path / f"grey.{suffix}")[8, 8]
    assert np.abs(half.astype(int) - 119).max() <= 2  # half way in L*; without the profile 127


def test_a_run_says_which_colours_it_converted(tmp_path: Path, photograph: Pixels) -> None:
    for half in ("input", "target"):
        (tmp_path / "photos" / half).mkdir(parents=True)
        for name, icc in (("a", P3), ("b", None)):
            saved(tmp_path / "photos" / half / f"{name}.png", photograph[:40, :40], icc)
    made = bench.run(
        "folder",
        data=tmp_path / "photos",
        models=("input",),
        metrics=("psnr",),
        profile=None,
        out=tmp_path / "run",
    )
    note = "colours of 2 of 4 files converted to sRGB from Display P3"
    assert note in made.record.suite.notes


def _file(folder: Path, icc: bytes) -> str:
    (folder / "profile.icc").write_bytes(icc)
    return str(folder / "profile.icc")


def test_a_jpeg_is_converted_as_pillow_converts_it(tmp_path: Path, photograph: Pixels) -> None:
    path = tmp_path / "x.jpg"
    Image.fromarray(photograph).save(path, icc_profile=P3, quality=95)
    decoded = np.asarray(Image.open(path).convert("RGB"))
    assert np.abs(read(path) - by_hand(decoded, DISPLAY_P3, None)).max() < 1.6


@pytest.mark.parametrize(
    "icc",
    [
        profile(SRGB, None, "sRGB IEC61966-2.1"),
        b"no profile",
        P3[:200],
        None,
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    ],
)
def test_srgb_and_what_cannot_be_read_change_no_level(
    tmp_path: Path, photograph: Pixels, icc: bytes | None
) -> None:
    path = saved(tmp_path / "x.png", photograph, icc)
    assert np.array_equal(read(path), photograph)
    assert converted_from(path) is None


def test_a_profile_of_another_kind_of_image_changes_nothing(
    tmp_path: Path, photograph: Pixels
) -> None:
    path = saved(tmp_path / "x.png", photograph, profile(None, 1.8, "greys"))
    assert np.array_equal(read(path), photograph)
    assert profile_name(profile(None, 1.8, "greys")) == "greys"


def test_greys_of_another_curve_are_converted(tmp_path: Path, photograph: Pixels) -> None:
    grey = np.ascontiguousarray(photograph[:64, :64, 1])
    found = read(saved(tmp_path / "x.png", grey, profile(None, 1.8, "greys")))
    light = (grey / 255.0) ** 1.8
    expected = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(found - expected[:, :, None]).max() < 1.6


def test_sixteen_bits_with_a_profile_are_converted_too(tmp_path: Path, photograph: Pixels) -> None:
    wide = photograph[:64, :64, ::-1].astype(np.uint16) * 257
    done, data = cv2.imencode(".png", wide)
    assert done
    body = b"p\0\0" + zlib.compress(P3)
    chunk = b"iCCP" + body
    png = data.tobytes()
    made = png[:33] + len(body).to_bytes(4) + chunk + zlib.crc32(chunk).to_bytes(4) + png[33:]
    (tmp_path / "x.png").write_bytes(made)
    expected = by_hand(photograph[:64, :64], DISPLAY_P3, None)
    assert np.abs(read(tmp_path / "x.png") - expected).max() < 1.6


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("zero_is_white", [True, False])
def test_a_tiff_whose_zero_is_white_is_read_upright(
    tmp_path: Path, photograph: Pixels, bits: int, zero_is_white: bool
) -> None:
    grey = np.ascontiguousarray(photograph[:40, :50, 1])
    stored = 255 - grey if zero_is_white else grey
    samples = stored if bits == 8 else stored.astype(np.uint16) * 257
    photometric = "miniswhite" if zero_is_white else "minisblack"
    tifffile.imwrite(tmp_path / "x.tif", samples, photometric=photometric)
    assert np.array_equal(read(tmp_path / "x.tif")[:, :, 0], grey)
