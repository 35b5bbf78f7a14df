"""Anyone's photographs through a model: what is no pixel of theirs comes out as it went in."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pillow_heif
import pytest
import tifffile
import torch
from PIL import Image

from bench.core.errors import BenchError
from bench.image import ImageError, Pixels
from bench.photographs import video
from bench.photographs.reading import Photograph, read_photograph
from bench.photographs.restoring import restore_photograph
from bench.photographs.writing import FORMATS, write_photograph
from models.memory import bytes_per_pixel, cut_to_fit
from models.restorer import NetworkRestorer
from tests.support.commands import called
from tests.support.icc import DISPLAY_P3, profile


class Enlarging(torch.nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.interpolate(image, scale_factor=2)


needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg")
SAME = NetworkRestorer("same", torch.nn.Identity())
TWICE = NetworkRestorer("twice", Enlarging(), scale=2)


@pytest.fixture(scope="module")
def crop(photograph: Pixels) -> Pixels:
    return np.ascontiguousarray(photograph[100:180, 150:270])  # 80 high, 120 wide


def deep(pixels: Pixels) -> np.ndarray[Any, Any]:
    """16 bits that 8 cannot hold."""
    noise = np.random.default_rng(0).integers(0, 257, pixels.shape)
    return np.asarray(pixels * 257.0 + noise).clip(0, 65535).astype(np.uint16)


def through(source: Path, out: Path, form: str = "png") -> Photograph:
    """Read, restore by nothing, write, read."""
    write_photograph(out, restore_photograph(SAME, read_photograph(source)), form)
    return read_photograph(out)


@pytest.mark.parametrize("form", ["png", "tiff"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("bits", [8, 16])
def test_every_bit_of_grey_colour_and_alpha_comes_back(
    tmp_path: Path, crop: Pixels, form: str, channels: int, bits: int
) -> None:
    samples = crop if bits == 8 else deep(crop)
    colour = samples[:, :, :1] if channels < 3 else samples
    alpha = None if channels % 2 else np.ascontiguousarray(samples[::-1, :, 1])
    made = Photograph(colour=colour, alpha=alpha)
    path = tmp_path / f"a{FORMATS[form].suffix}"
    assert write_photograph(path, made, form) == ()
    if form == "tiff":  # as another reader has it
        stored = tifffile.imread(path).reshape(*colour.shape[:2], channels)
        np.testing.assert_array_equal(stored[:, :, : colour.shape[2]], colour)
    found = through(path, tmp_path / f"b{FORMATS[form].suffix}", form)
    assert found.colour.dtype == samples.dtype
    np.testing.assert_array_equal(found.colour, colour)
    assert (found.alpha is None) == (alpha is None)
    if alpha is not None:
        np.testing.assert_array_equal(found.alpha, alpha)


@pytest.mark.parametrize("form", list(FORMATS))
def test_turned_upright_with_its_exif_and_its_profile(
    tmp_path: Path, crop: Pixels, form: str
) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "A maker"
    exif.get_ifd(0x8769).update({0xA002: 120, 0x829A: (1, 60)})
    exif.get_ifd(0x8825)[1] = "N"
    p3, source = profile(DISPLAY_P3, None), tmp_path / "a.jpg"
    Image.fromarray(crop).save(source, exif=exif, icc_profile=p3, quality=95)
    found = through(source, tmp_path / f"b{FORMATS[form].suffix}", form)
    assert found.size == (120, 80)
    assert found.profile == p3
    assert found.exif is not None
    assert found.exif[0x010F] == "A maker"
    assert 0x0112 not in found.exif
    details = found.exif.get_ifd(0x8769)
    assert details[0xA002] == 80  # its width now
    assert _fraction(details[0x829A]) == pytest.approx(1 / 60)
    assert found.exif.get_ifd(0x8825)[1] == "N"
    turned = np.rot90(np.asarray(Image.open(source).convert("RGB")), -1)
    difference = np.abs(found.colour.astype(int) - turned).mean()
    assert difference == 0 if FORMATS[form].bits == 16 else difference < 4


def _fraction(value: Any) -> float:
    return value[0] / value[1] if isinstance(value, tuple) else float(value)


def test_what_a_format_cannot_hold_is_said_or_refused(tmp_path: Path, crop: Pixels) -> None:
    notes = write_photograph(tmp_path / "a.jpg", Photograph(colour=deep(crop)), "jpeg")
    assert notes == ("jpeg holds 8 bits: its 16 were rounded; --format png or tiff keeps them",)
    seen = Photograph(colour=crop, alpha=np.zeros(crop.shape[:2], np.uint8))
    with pytest.raises(ImageError, match="jpeg holds no transparency; give --format png"):
        write_photograph(tmp_path / "b.jpg", seen, "jpeg")
    wide = Photograph(colour=np.zeros((1, 20000, 3), np.uint8))
    with pytest.raises(ImageError, match=r"webp cannot hold 20000x1 .*; give --format png"):
        write_photograph(tmp_path / "c.webp", wide, "webp")
    assert [path.name for path in tmp_path.iterdir()] == ["a.jpg"]


def test_alpha_is_enlarged_with_the_colour_and_inks_become_rgb_aloud(
    tmp_path: Path, crop: Pixels
) -> None:
    alpha = np.full(crop.shape[:2], 255, np.uint8)
    alpha[:, :60] = 0
    larger = restore_photograph(TWICE, Photograph(colour=crop, alpha=alpha))
    assert larger.size == (160, 240)
    assert larger.alpha is not None
    assert larger.alpha[:, :118].max() == 0
    assert larger.alpha[:, 122:].min() == 255
    Image.fromarray(crop).convert("CMYK").save(tmp_path / "ink.tif")
    found = read_photograph(tmp_path / "ink.tif")
    assert found.notes == ("its inks (CMYK) became sRGB, without a profile",)
    np.testing.assert_allclose(found.colour, crop.astype(int), atol=2)


XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf dc:rights="mine" tiff:Orientation="6"/></x:xmpmeta>'
)


@pytest.mark.parametrize("form", list(FORMATS))
def test_xmp_is_kept_and_asks_for_no_turn_that_was_done(
    tmp_path: Path, crop: Pixels, form: str
) -> None:
    source = tmp_path / "a.jpg"
    Image.fromarray(crop).save(source, xmp=XMP)
    out = tmp_path / f"b{FORMATS[form].suffix}"
    found = through(source, out, form)
    assert found.xmp == XMP.replace(b'"6"', b'"1"')
    with Image.open(out) as image:  # as another reader has it
        assert b"mine" in (image.info.get("xmp") or image.tag_v2[700])


def test_xmp_that_jpeg_cannot_hold_is_left_out_aloud(tmp_path: Path, crop: Pixels) -> None:
    long = Photograph(colour=crop, xmp=b"<x:xmpmeta/>" + b" " * 70_000)
    (said,) = write_photograph(tmp_path / "a.jpg", long, "jpeg")
    assert said.startswith("jpeg holds 64 kB of XMP: it is left out")
    assert write_photograph(tmp_path / "a.png", long, "png") == ()
    assert read_photograph(tmp_path / "a.png").xmp == long.xmp


@pytest.mark.parametrize("bits", [10, 12])
def test_heic_of_more_than_8_bits_is_read_at_its_depth(tmp_path: Path, bits: int) -> None:
    pillow_heif.register_heif_opener()
    levels = np.linspace(0, (1 << bits) - 1, 256).astype(np.uint16)  # all of the range
    grey = np.repeat(np.tile(levels, (64, 1))[:, :, None], 3, axis=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pillow_heif.options, "SAVE_HDR_TO_12_BIT", bits == 12)
        stored = (grey << (16 - bits)).tobytes()
        made = pillow_heif.from_bytes(mode="RGB;16", size=(256, 64), data=stored)
        made.save(tmp_path / "a.heic", quality=-1, chroma=444, matrix_coefficients=0)
    found = read_photograph(tmp_path / "a.heic")
    assert found.colour.dtype == np.uint16
    assert found.colour.max() == 65535  # white is white
    apart = np.abs(found.colour / 65535 - grey / ((1 << bits) - 1)).max()
    assert apart < 1 / 510  # of 8 bits it would be half a level
    assert found.notes == ()


def test_a_multiplied_alpha_of_grey_tiff_is_taken_out_of_the_grey(tmp_path: Path) -> None:
    stored = np.array([[[20000, 40000], [0, 0]]], np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="minisblack", extrasamples=[1])
    found = read_photograph(tmp_path / "a.tif")
    assert found.colour[0, 0, 0] == 32768  # 20000 * 65535 / 40000
    assert found.alpha is not None
    assert found.alpha[0].tolist() == [40000, 0]


def test_a_grey_tiff_that_pillow_cannot_open_keeps_its_exif_xmp_and_profile(
    tmp_path: Path, crop: Pixels
) -> None:
    grey, exif = deep(crop), Image.Exif()
    exif[0x010E] = "a view"
    own = profile(DISPLAY_P3, 2.2)
    made = Photograph(
        colour=grey[:, :, :1], alpha=grey[:, :, 1], profile=own, exif=exif, xmp=b"<x:xmpmeta/>"
    )
    write_photograph(tmp_path / "a.tif", made, "tiff")
    found = through(tmp_path / "a.tif", tmp_path / "b.tif", "tiff")
    assert (found.profile, found.xmp) == (own, b"<x:xmpmeta/>")
    assert found.exif is not None
    assert dict(found.exif) == {0x010E: "a view"}


@needs_ffmpeg
def test_avif_of_10_bits_says_that_8_were_read(tmp_path: Path, crop: Pixels) -> None:
    Image.fromarray(crop).save(tmp_path / "a.png")
    command = ["ffmpeg", "-v", "error", "-i", tmp_path / "a.png", "-pix_fmt", "yuv420p10le"]
    subprocess.run([*command, "-c:v", "libaom-av1", "-cpu-used", "8", tmp_path / "a.avif"])
    if not (tmp_path / "a.avif").is_file():
        pytest.skip("this ffmpeg writes no AVIF")
    found = read_photograph(tmp_path / "a.avif")
    assert found.colour.dtype == np.uint8
    assert found.notes == ("its 10 bits were read as 8; a TIFF or a PNG of 16 keeps them",)


def test_what_a_phone_puts_beside_a_photograph_is_left_out_aloud(
    tmp_path: Path, crop: Pixels
) -> None:
    image = Image.fromarray(crop)
    image.save(tmp_path / "a.mpo", save_all=True, append_images=[image])
    (tmp_path / "a.mpo").rename(tmp_path / "a.jpg")
    assert read_photograph(tmp_path / "a.jpg").notes == (
        "the further images in its file (gain map, depth) are left out",
    )
    image.save(tmp_path / "b.jpg", xmp=b'<rdf hdrgm:Version="1.0"/>')
    assert read_photograph(tmp_path / "b.jpg").notes == ("its gain map (HDR) is left out",)


def test_tiles_are_as_large_as_the_free_memory_holds_and_leave_no_seam(crop: Pixels) -> None:
    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(3, 16, 5, padding=2), torch.nn.Conv2d(16, 3, 5, padding=2)]
    restorer = NetworkRestorer("two", torch.nn.Sequential(*layers))
    image = torch.rand(1, 3, 520, 620)
    assert cut_to_fit(restorer, 520, 620, free=10**10) is None
    whole = restorer.restore(image)
    pixel = bytes_per_pixel(restorer)
    assert pixel >= 2 * 4 * (3 + 16)  # at least input and first layer, twice for scratch
    free = int(300**2 * pixel / 0.7) + 48 * 520 * 620
    assert cut_to_fit(restorer, 520, 620, free=free) == 256  # 300, in steps of 64
    np.testing.assert_allclose(restorer.restore(image), whole, rtol=0, atol=1e-5)
    assert cut_to_fit(restorer, 520, 620, free=0) == 192  # what tiles share has room
    assert cut_to_fit(restorer, 400, 400, free=0) is None  # too small to be worth a measurement


def test_bad_files_are_a_line_each_and_the_others_are_done(
    tmp_path: Path, crop: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "in"
    folder.mkdir()
    picture = Image.fromarray(crop)
    pillow_heif.register_heif_opener()
    for name in ("a.heic", "b.avif", "b.webp", "c.png"):
        picture.save(folder / name)
    (folder / "text.png").write_text("no picture")
    picture.save(folder / "moving.gif", save_all=True, append_images=[picture.rotate(90)])
    picture.save(folder / "whole.jpg", quality=98)
    (folder / "cut.jpg").write_bytes((folder / "whole.jpg").read_bytes()[:5000])
    Image.new("1", (20000, 20000)).save(folder / "huge.png")
    shown = called("restore", "input", "in", "--out", "out", "--before-after", status=1)
    assert "restored images: 5 of 9, in out" in shown
    for said in (
        "text.png' is not an image of a kind read here",
        "moving.gif' holds 2 images (frames or pages)",
        "cut.jpg' is not a readable image (image file is truncated",
        "huge.png' has more than 178,956,970 pixels",
    ):
        assert said in shown
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"a.png", "b.avif.png", "b.webp.png", "c.png", "c-before-after.jpg"} <= made
    assert len(made) == 10
    both = cv2.imread(str(tmp_path / "out" / "c-before-after.jpg"))
    assert both is not None
    assert both.shape == (80, 242, 3)  # 120, a line of 2, 120
    assert both[40:, 120:122].min() > 200
    nothing = called("restore", "input", "in/text.png", "--out", "none", status=1)
    assert "nothing was restored: 1 of 1 failed" in nothing
    assert "restored images" not in nothing
    assert not (tmp_path / "none").exists()


def test_tiles_are_asked_for_in_pixels_or_in_words() -> None:
    shown = called("restore", "input", "a.png", "--tile", "16", status=2)
    assert "--tile 16: expected auto, whole, or pixels from 32 up" in shown


def film(path: Path, crop: Pixels, *options: str) -> Path:
    """Six frames at 30000/1001 Hz that differ in brightness, with a tone."""
    frames = b"".join((crop // 2 + 20 * n).astype(np.uint8).tobytes() for n in range(6))
    made = ["ffmpeg", "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "120x80"]
    made += ["-r", "30000/1001", "-i", "-", "-f", "lavfi", "-i", "sine=440:d=0.2", "-c:a", "aac"]
    made += ["-c:v", "libx264", "-crf", "4", "-pix_fmt", "yuv444p", *options, str(path)]
    subprocess.run(made, input=frames, check=True, timeout=60)
    return path


def sound(path: Path) -> bytes:
    taken = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:a", "-c", "copy"]
    taken += ["-f", "md5", "-"]
    return subprocess.run(taken, capture_output=True, check=True, timeout=60).stdout


@needs_ffmpeg
def test_a_film_keeps_its_frames_its_rate_and_its_sound(
    tmp_path: Path, crop: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = film(tmp_path / "film.mp4", crop)
    shown = called("restore", "input", "film.mp4", "--out", "out")
    made = video.look_at(tmp_path / "out" / "film.mp4")
    assert made == video.look_at(source)
    assert (made.width, made.height, made.rate, made.frames) == (120, 80, "30000/1001", 6)
    assert sound(tmp_path / "out" / "film.mp4") == sound(source)
    assert "6 frames," in shown
    first: list[Pixels] = []
    again = tmp_path / "again.mp4"
    video.restore_film(
        source, again, lambda frames: (first.append(f) or f for f in frames), lambda done, of: None
    )
    levels = [float(frame.mean()) for frame in first]
    steps = np.diff(levels)
    np.testing.assert_allclose(steps, 20, atol=2)  # in their order, none twice


@needs_ffmpeg
def test_a_film_that_is_none_and_a_model_that_fails_leave_nothing_behind(
    tmp_path: Path, crop: Pixels
) -> None:
    (tmp_path / "text.mp4").write_text("no film")
    with pytest.raises(BenchError, match=r"text\.mp4' is not a readable film"):
        video.look_at(tmp_path / "text.mp4")
    source, target = film(tmp_path / "film.mp4", crop), tmp_path / "made.mp4"

    def fail(frames: Iterator[Pixels]) -> Iterator[Pixels]:
        raise BenchError("this model failed")

    with pytest.raises(BenchError, match="this model failed"):
        video.restore_film(source, target, fail, lambda done, of: None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mp4", "text.mp4"]


def test_without_ffmpeg_a_film_is_refused_before_anything_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "film.mp4").write_bytes(b"")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    shown = called("restore", "input", tmp_path / "film.mp4", "--out", tmp_path / "o", status=2)
    assert "films need ffmpeg and ffprobe, which is not in PATH; install ffmpeg" in shown
