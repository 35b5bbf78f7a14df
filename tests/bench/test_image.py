"""Reading and writing images, against Pillow; and what a model's output becomes."""

from __future__ import annotations

import io
import os
import stat
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pillow_heif
import pytest
import torch
from PIL import Image, ImageOps

from bench import image
from bench.core.files import remove_partials, replacing, write_atomic
from bench.image import (
    ImageError,
    ImageSizeError,
    Picture,
    Pixels,
    encode_png,
    read,
    same_size,
    to_pixels,
    to_tensor,
    write_png,
)


@pytest.fixture
def rgb() -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (13, 17, 3)).astype(np.uint8)


def saved(path: Path, array: Any, **options: Any) -> Path:
    Image.fromarray(array).save(path, **options)
    return path


# --- eight bits --------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "tiff", "webp"])
def test_lossless_files_read_as_written(tmp_path: Path, rgb: Pixels, suffix: str) -> None:
    options = {"lossless": True} if suffix == "webp" else {}
    found = read(saved(tmp_path / f"a.{suffix}", rgb, **options))
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, rgb)


def test_jpeg_reads_as_pillow_reads_it(tmp_path: Path, rgb: Pixels) -> None:
    path = saved(tmp_path / "a.jpg", rgb)
    np.testing.assert_array_equal(read(path), np.asarray(Image.open(path)))


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "bmp", "tiff"])
def test_what_is_read_becomes_a_tensor_without_a_warning(
    tmp_path: Path, rgb: Pixels, suffix: str
) -> None:
    Image.fromarray(rgb).save(tmp_path / f"x.{suffix}")
    pixels = read(tmp_path / f"x.{suffix}")
    assert pixels.flags.writeable
    assert to_tensor(pixels).shape == (1, 3, *rgb.shape[:2])  # a warning would be an error here


def test_a_suffix_that_lies_does_not_matter(tmp_path: Path, rgb: Pixels) -> None:
    path = saved(tmp_path / "a.png", rgb).rename(tmp_path / "a.jpg")
    np.testing.assert_array_equal(read(path), rgb)


@pytest.mark.parametrize(
    ("name", "count"), [("x.gif", 2), ("x.png", 2), ("x.webp", 2), ("x.tif", 2), ("x.jpg", 1)]
)
def test_animations_and_pages_are_refused_and_what_a_phone_adds_is_none(
    tmp_path: Path, rgb: Pixels, name: str, count: int
) -> None:
    first, second = Image.fromarray(rgb), Image.fromarray(255 - rgb)
    kind = {"format": "MPO"} if name.endswith("jpg") else {}
    first.save(tmp_path / name, save_all=True, append_images=[second], **kind)
    if count == 1:
        assert read(tmp_path / name).shape == rgb.shape
        return
    with pytest.raises(ImageError, match=r"holds 2 images \(frames or pages\); save the one meant"):
        read(tmp_path / name)


def test_a_tiff_with_a_thumbnail_is_one_image(tmp_path: Path, rgb: Pixels) -> None:
    small = Image.fromarray(rgb).resize((4, 3))
    Image.fromarray(rgb).save(tmp_path / "x.tif", save_all=True, append_images=[small])
    np.testing.assert_array_equal(read(tmp_path / "x.tif"), rgb)


def test_grey_becomes_three_equal_channels(tmp_path: Path, rgb: Pixels) -> None:
    grey = rgb[:, :, 0]
    for suffix in ("png", "bmp", "tif", "gif"):
        found = read(saved(tmp_path / f"a.{suffix}", grey))
        np.testing.assert_array_equal(found, np.dstack([grey] * 3))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_one_bit_becomes_black_and_white(tmp_path: Path, rgb: Pixels, suffix: str) -> None:
    path = saved(tmp_path / f"a.{suffix}", rgb[:, :, 0] > 127)
    np.testing.assert_array_equal(read(path)[:, :, 0], np.where(rgb[:, :, 0] > 127, 255, 0))


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palettes_become_their_colours(tmp_path: Path, rgb: Pixels, bits: int) -> None:
    palette = Image.fromarray(rgb).quantize(2**bits)
    palette.save(tmp_path / "a.png", bits=bits)
    palette.save(tmp_path / "a.gif")
    expected = np.asarray(palette.convert("RGB"))
    np.testing.assert_array_equal(read(tmp_path / "a.png"), expected)
    np.testing.assert_array_equal(read(tmp_path / "a.gif"), expected)


def test_the_unused_byte_of_a_32_bit_bmp_is_not_transparency(tmp_path: Path, rgb: Pixels) -> None:
    height, width = rgb.shape[:2]
    padded = np.dstack([rgb[::-1, :, ::-1], np.zeros((height, width), np.uint8)]).tobytes()
    sizes = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 32, 0, len(padded), 0, 0, 0, 0)
    header = b"BM" + struct.pack("<IHHI", 54 + len(padded), 0, 0, 54)
    (tmp_path / "a.bmp").write_bytes(header + sizes + padded)
    np.testing.assert_array_equal(read(tmp_path / "a.bmp"), rgb)


def test_what_opencv_reads_of_a_damaged_file_needs_no_pillow(tmp_path: Path, rgb: Pixels) -> None:
    done, encoded = cv2.imencode(".bmp", rgb[:, :, ::-1])
    assert done
    damaged = bytearray(encoded.tobytes())
    damaged[14:18] = struct.pack("<I", 1 << 20)  # the size of a header that is not there
    (tmp_path / "a.bmp").write_bytes(damaged)
    with pytest.raises(OSError, match="Truncated"):
        Image.open(tmp_path / "a.bmp")
    assert read(tmp_path / "a.bmp").shape[2] == 3


def test_a_header_that_promises_too_much_for_opencv_is_told(tmp_path: Path, rgb: Pixels) -> None:
    done, encoded = cv2.imencode(".bmp", rgb[:, :, ::-1])
    assert done
    damaged = bytearray(encoded.tobytes())
    damaged[18:22] = struct.pack("<I", (1 << 20) + 1)  # the width
    damaged[22:26] = struct.pack("<I", 7)
    (tmp_path / "a.bmp").write_bytes(damaged)
    with pytest.raises(ImageError, match="is not a readable image"):
        read(tmp_path / "a.bmp")


def test_a_tiff_whose_second_page_has_no_size_is_read_as_one_picture(
    tmp_path: Path, rgb: Pixels
) -> None:
    Image.fromarray(rgb).save(tmp_path / "a.tif")
    data = bytearray((tmp_path / "a.tif").read_bytes())
    (first,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    struct.pack_into("<I", data, first + 2 + 12 * count, len(data) + len(data) % 2)
    data += b"\0" * (len(data) % 2) + struct.pack("<HHHIII", 1, 259, 3, 1, 1, 0)  # no width
    (tmp_path / "a.tif").write_bytes(data)
    with (
        pytest.raises(TypeError, match="Missing dimensions"),
        Image.open(tmp_path / "a.tif") as tif,
    ):
        assert tif.n_frames
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), rgb)


# --- sixteen bits ------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_are_rounded_to_eight(tmp_path: Path, suffix: str, channels: int) -> None:
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    deep = levels if channels == 1 else np.dstack([levels, levels.T, levels[::-1]])
    path = tmp_path / f"a.{suffix}"
    cv2.imwrite(str(path), deep if channels == 1 else deep[:, :, ::-1])
    # 65535 = 255 * 257: the nearest of 256 levels is round(v / 257)
    expected = ((deep.astype(np.int64) * 2 + 257) // 514).astype(np.uint8)
    np.testing.assert_array_equal(
        read(path), expected if channels == 3 else np.dstack([expected] * 3)
    )


def test_float_samples_are_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.tif"), np.zeros((4, 4), np.float32))
    with pytest.raises(ImageError, match="holds float32 samples; expected 8 or 16 bits"):
        read(tmp_path / "a.tif")


# --- alpha -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suffix", "channels"), [("png", 1), ("png", 3), ("tif", 1), ("tif", 3), ("webp", 3)]
)
def test_opaque_alpha_is_dropped_and_transparency_refused(
    tmp_path: Path, rgb: Pixels, suffix: str, channels: int
) -> None:
    colour = rgb if channels == 3 else rgb[:, :, :1]
    alpha = np.full(rgb.shape[:2], 255, np.uint8)
    options = {"lossless": True} if suffix == "webp" else {}
    path = saved(tmp_path / f"a.{suffix}", np.dstack([colour, alpha]), **options)
    np.testing.assert_array_equal(read(path), np.broadcast_to(colour, rgb.shape))
    alpha[3, 4] = 254
    saved(path, np.dstack([colour, alpha]), **options)
    with pytest.raises(ImageError, match="transparent pixels; lay it on a background"):
        read(path)


def test_sixteen_bit_alpha_is_treated_alike(tmp_path: Path) -> None:
    deep = np.full((4, 4, 4), 65535, np.uint16)
    deep[:, :, 0] = 0
    cv2.imwrite(str(tmp_path / "a.png"), deep)  # blue 0: yellow
    assert read(tmp_path / "a.png")[0, 0].tolist() == [255, 255, 0]
    deep[1, 1, 3] = 0
    cv2.imwrite(str(tmp_path / "a.png"), deep)
    with pytest.raises(ImageError, match="transparent"):
        read(tmp_path / "a.png")


def test_a_transparent_colour_or_grey_level_is_refused(tmp_path: Path, rgb: Pixels) -> None:
    grey = rgb[:, :, 0]
    palette = Image.fromarray(rgb).quantize(8)
    for picture, level in [
        (Image.fromarray(rgb), tuple(int(v) for v in rgb[0, 0])),
        (Image.fromarray(grey), int(grey[0, 0])),
        (palette, 0),
    ]:
        picture.save(tmp_path / "a.png", transparency=level)
        with pytest.raises(ImageError, match="transparent"):
            read(tmp_path / "a.png")


def test_a_transparent_grey_level_that_no_pixel_has_is_no_transparency(tmp_path: Path) -> None:
    grey = np.full((4, 5), 7, np.uint8)
    Image.fromarray(grey).save(tmp_path / "a.png", transparency=8)
    np.testing.assert_array_equal(read(tmp_path / "a.png")[:, :, 1], grey)


# --- orientation -------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpg", "png", "tif", "webp", "16-bit tif", "grey png"])
def test_exif_orientation_is_applied(tmp_path: Path, kind: str, orientation: int) -> None:
    blocks = np.kron(np.arange(6).reshape(2, 3) * 40, np.ones((16, 16))).astype(np.uint8)
    array: Any = np.dstack([blocks, blocks // 2, 255 - blocks])
    if "grey" in kind:
        array = blocks
    if "16" in kind:
        array = blocks.astype(np.uint16) * 257
    path = tmp_path / f"a.{kind.split()[-1]}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = {"lossless": True} if kind == "webp" else {}
    saved(path, array, exif=exif, **options)
    # Pillow turns 16-bit TIFF wrongly: there the oracle is the same image in 8 bits.
    oracle = saved(tmp_path / "b.png", blocks, exif=exif) if "16" in kind else path
    with Image.open(oracle) as opened:
        upright = np.asarray(ImageOps.exif_transpose(opened))
    if upright.ndim == 2:
        upright = np.dstack([upright] * 3)
    assert upright.shape == ((32, 48, 3) if orientation < 5 else (48, 32, 3))
    np.testing.assert_array_equal(read(path), upright)


# --- damage ------------------------------------------------------------------------------------


def test_a_missing_file_and_a_folder_say_so(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"nowhere\.png': No such file"):
        read(tmp_path / "nowhere.png")
    with pytest.raises(ImageError, match="Is a directory"):
        read(tmp_path)


@pytest.mark.parametrize("content", [b"", b"hello", b"II*\0", b"MM", b"BM", b"GIF89a", b"\xff\xd8"])
def test_what_is_no_image_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(ImageError, match=r"a\.png' is not"):
        read(tmp_path / "a.png")


@pytest.mark.filterwarnings("ignore::UserWarning:PIL.TiffImagePlugin")
@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "jpg", "gif", "webp"])
def test_a_truncated_file_is_refused_wherever_it_ends(
    tmp_path: Path, rgb: Pixels, suffix: str
) -> None:
    path = saved(tmp_path / f"a.{suffix}", rgb)
    data = path.read_bytes()
    for end in range(0, len(data) - 16, max(1, len(data) // 60)):
        path.write_bytes(data[:end])
        with pytest.raises(ImageError):
            read(path)


def test_a_damaged_png_is_never_read_as_other_pixels(tmp_path: Path, rgb: Pixels) -> None:
    smooth = np.asarray(cv2.resize(rgb, (90, 80), interpolation=cv2.INTER_CUBIC), np.uint8)
    path = saved(tmp_path / "a.png", smooth)
    data = path.read_bytes()
    refused = 0
    for position in range(8, len(data), max(1, len(data) // 300)):
        damaged = bytearray(data)
        damaged[position] ^= 0x10
        path.write_bytes(damaged)
        try:
            np.testing.assert_array_equal(read(path), smooth)
        except ImageError:
            refused += 1
    assert refused > 200


# --- writing -----------------------------------------------------------------------------------


def test_png_round_trip_is_exact_and_standard(tmp_path: Path, rgb: Pixels) -> None:
    write_png(tmp_path / "a.png", rgb)
    np.testing.assert_array_equal(read(tmp_path / "a.png"), rgb)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), rgb)


def test_a_png_of_colour_grey_or_one_value_is_exact_and_no_larger_than_opencvs(
    photograph: Pixels,
) -> None:
    grey = np.ascontiguousarray(np.repeat(photograph[:, :, 1:2], 3, axis=2))
    for pixels in (photograph, grey, np.full_like(photograph, 200)):
        data = encode_png(pixels)
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), pixels)
        usual = cv2.imencode(".png", pixels[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
        assert len(data) < 1.15 * len(usual) + 5000  # flat: less than 1 % of the samples


def test_a_view_is_written_as_what_it_shows(rgb: Pixels) -> None:
    view = rgb[::2, ::-1]
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(encode_png(view)))), view)


def test_missing_folders_are_made_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a" / "b" / "c.txt", b"new")
    assert (tmp_path / "a" / "b" / "c.txt").read_bytes() == b"new"
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["c.txt"]


def test_a_failed_write_leaves_the_old_file_and_no_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")

    def full_disk(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:1])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_atomic(path, b"new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_half_written_is_removed(tmp_path: Path) -> None:
    writing = (
        "import os, signal, sys\nfrom pathlib import Path\n"
        "from bench.core.files import replacing\n"
        "with replacing(Path(sys.argv[1])) as partial:\n"
        "    partial.write_bytes(b'half')\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", writing, tmp_path / "a" / "x.png"], check=False)
    (left,) = (tmp_path / "a").iterdir()
    assert left.read_bytes() == b"half"
    (tmp_path / "a" / ".of-somebody-else.part").write_bytes(b"")
    with replacing(tmp_path / "a" / "y.png") as mine:
        mine.write_bytes(b"whole")
        remove_partials(tmp_path)
        assert not left.exists()
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == [".of-somebody-else.part", "y.png"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes anywhere")
def test_a_folder_that_cannot_be_written_raises_the_systems_error(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(OSError, match="denied"):
        write_atomic(tmp_path / "a", b"")


# --- tensors -----------------------------------------------------------------------------------


def test_pixels_survive_the_tensor(rgb: Pixels) -> None:
    tensor = to_tensor(rgb)
    assert tensor.shape == (1, 3, 13, 17)
    assert tensor.dtype == torch.float32
    assert float(tensor.min()) >= 0
    assert float(tensor.max()) <= 1
    np.testing.assert_array_equal(to_pixels(tensor), rgb)


def test_every_level_survives_the_tensor() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)[:, :, None].repeat(3, axis=2)
    np.testing.assert_array_equal(to_pixels(to_tensor(levels)), levels)


def test_output_is_clipped_and_rounded_to_the_nearest_level() -> None:
    values = torch.tensor([-0.5, 0.0, 0.4 / 255, 0.6 / 255, 254.6 / 255, 1.0, 7.0])
    pixels = to_pixels(values.view(1, 1, 1, -1).expand(1, 3, 1, -1))
    assert pixels[0, :, 0].tolist() == [0, 0, 0, 1, 255, 255, 255]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_output_that_is_not_finite_is_refused(bad: float) -> None:
    tensor = torch.zeros(1, 3, 2, 2)
    tensor[0, 1, 0, 1] = bad
    with pytest.raises(ImageError, match="not finite"):
        to_pixels(tensor)


@pytest.mark.parametrize("shape", [(3, 4, 4), (2, 3, 4, 4), (1, 1, 4, 4)])
def test_output_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageSizeError, match=r"expected a tensor of shape \(1,3,H,W\)"):
        to_pixels(torch.zeros(shape))


# --- pictures ----------------------------------------------------------------------------------


def test_lumas_are_their_definitions(rgb: Pixels) -> None:
    picture = Picture(rgb)
    red, green, blue = (rgb[:, :, c].astype(np.float64) for c in range(3))
    np.testing.assert_allclose(
        picture.luma_full, 0.299 * red + 0.587 * green + 0.114 * blue, atol=1e-11
    )
    np.testing.assert_allclose(
        picture.luma_studio,
        16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255,
        atol=1e-11,
    )
    np.testing.assert_array_equal(np.dstack(picture.planes), rgb)


def test_planes_are_made_once(rgb: Pixels) -> None:
    picture = Picture(rgb)
    assert picture.luma_full is picture.luma_full
    assert picture.planes is picture.planes


def test_a_border_is_cut_from_every_side(rgb: Pixels) -> None:
    picture = Picture(rgb, border=2)
    assert picture.size == (9, 13)
    np.testing.assert_array_equal(picture.pixels, rgb[2:-2, 2:-2])
    with pytest.raises(ImageSizeError, match="all border"):
        Picture(rgb, border=7)


def test_two_sizes_are_refused_with_both_named(rgb: Pixels) -> None:
    same_size(Picture(rgb), Picture(rgb))
    with pytest.raises(ImageSizeError, match="restored image is 17x13 but its reference is 16x13"):
        same_size(Picture(rgb), Picture(rgb[:, 1:]))


def test_every_suffix_listed_is_one_that_reads(tmp_path: Path, rgb: Pixels) -> None:
    pillow_heif.register_heif_opener()  # to write; `read` does so itself
    for suffix in image.SUFFIXES:
        assert read(saved(tmp_path / f"a{suffix}", rgb)).shape == rgb.shape
