"""What a disk, a path or a file can do to a command: one clear line, status 2, nothing lost."""

from __future__ import annotations

import errno
import os
import struct
import sys
import zlib
from pathlib import Path

import pytest

from bench.core.errors import BenchError, disk_fault, message_of
from bench.core.files import check_result_file, locked, replacing, write_result
from bench.image import MOST_PIXELS, ImageError, converted_from, is_grey, read
from bench.suites.check import check_suite, size_of
from tests.conftest import Bench

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")


def bomb(path: Path, width: int = 60_000, height: int = 60_000) -> Path:
    """Write a PNG of some kilobytes that stands for gigabytes of pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(100_000)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b""))
    return path


def one_line(stderr: str) -> str:
    """Return the only line that is an error; no traceback stands around it."""
    assert "Traceback" not in stderr
    errors = [line for line in stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, stderr
    return errors[0]


# --- images -------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".jpg"])
def test_an_image_of_too_many_pixels_is_refused_by_its_header(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"huge{suffix}"
    if suffix == ".png":
        bomb(path, MOST_PIXELS // 10_000 + 1, 10_000)
    elif suffix == ".bmp":
        header = struct.pack("<IiiHHIIiiII", 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0)
        path.write_bytes(b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + header)
    else:
        from PIL import Image

        Image.new("L", (1000, 1)).save(path)
        data = bytearray(path.read_bytes())
        frame = data.index(b"\xff\xc0")
        data[frame + 5 : frame + 9] = struct.pack(">HH", 60_000, 60_000)
        path.write_bytes(data)
    with pytest.raises(ImageError, match="has more than 178,956,970 pixels"):
        read(path)


def test_what_looks_at_headers_alone_leaves_the_bomb_to_who_reads_it(tmp_path: Path) -> None:
    path = bomb(tmp_path / "huge.png")
    assert not is_grey(path)
    assert converted_from(path) is None
    with pytest.raises(BenchError, match="has more than"):
        size_of(path)


def test_a_suite_with_a_bomb_is_checked_to_its_end(folder_suite: Path) -> None:
    bomb(folder_suite / "input" / "scene3.png")
    for decode in (False, True):
        found = check_suite("folder", folder_suite, decode)
        assert len(found.problems) == 1
        assert "scene3" in found.problems[0]
        assert "has more than" in found.problems[0]


def test_a_run_with_a_bomb_fails_on_it_alone(bench_here: Bench, folder_suite: Path) -> None:
    bomb(folder_suite / "input" / "scene3.png")
    words = ["--models", "input", "--metrics", "psnr", "--profile", "none"]
    ran = bench_here("run", "--suite", "folder", "--data", folder_suite, *words)
    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr
    assert "scene3" in ran.stderr + ran.stdout
    assert "has more than 178,956,970 pixels" in ran.stderr + ran.stdout


# --- where results go ---------------------------------------------------------------------------


def test_a_photograph_is_never_written_over_by_scores(
    bench_here: Bench, folder_suite: Path
) -> None:
    photograph = folder_suite / "input" / "scene0.png"
    before = photograph.read_bytes()
    words = ["--reference", folder_suite / "target", "--metrics", "psnr"]
    ran = bench_here("score", folder_suite / "input", *words, "--out", photograph)
    assert ran.returncode == 2
    assert "is not a text file, and is not written over" in one_line(ran.stderr)
    assert photograph.read_bytes() == before
    ran = bench_here("score", folder_suite / "input", *words, "--out", folder_suite)
    assert "is a folder; name a file in it" in one_line(ran.stderr)


def test_results_of_before_are_replaced(tmp_path: Path) -> None:
    for text in ("image,metric\n", "é" * 4000, ""):
        write_result(tmp_path / "scores.csv", text)
        assert (tmp_path / "scores.csv").read_text() == text
    (tmp_path / "weights").write_bytes(bytes(5000))
    with pytest.raises(BenchError, match="not a text file"):
        check_result_file(tmp_path / "weights")


@LINUX
@pytest.mark.parametrize(
    "words",
    [
        ("--results", "/proc/x", "run", "--suite", "folder", "--data", "data"),
        ("score", "data/input", "--reference", "data/target", "--out", "/proc/x.csv"),
        ("suites", "make", "data/target", "--out", "/proc/x", "--crop", "64", "--extent", "0"),
        ("rate", "texts", "--out", "/proc/x.toml"),
    ],
    ids=lambda words: next(word for word in words if word in ("run", "score", "make", "texts")),
)
def test_a_place_that_cannot_be_written_is_named_in_one_line(
    bench_here: Bench, folder_suite: Path, words: tuple[str, ...]
) -> None:
    words = (*words, "--metrics", "psnr") if {"run", "score"} & set(words) else words
    words = (*words, "--models", "input", "--profile", "none") if "run" in words else words
    ran = bench_here(*words)
    assert ran.returncode == 2, ran.stderr
    line = one_line(ran.stderr)
    assert "'/proc/x" in line
    assert "check the path" in line or "name a folder elsewhere" in line
    assert ".part" not in line


def test_a_restored_image_that_cannot_be_written_is_counted(
    bench_here: Bench, folder_suite: Path
) -> None:
    in_the_way = folder_suite / "target" / "scene0.png"
    ran = bench_here("restore", "unsharp", folder_suite / "input", "--out", in_the_way)
    assert ran.returncode == 1
    assert "a file stands where a folder is expected: name another place" in ran.stderr
    assert "nothing was restored: 6 of 6 failed" in ran.stdout


@LINUX
def test_a_lock_that_cannot_be_made_is_an_error_and_no_waiting() -> None:
    with pytest.raises(OSError, match=r"x\.lock"), locked(Path("/proc/x.lock")):
        pass


# --- the words ----------------------------------------------------------------------------------


def test_a_full_disk_says_to_make_room_and_names_the_file_that_was_meant(tmp_path: Path) -> None:
    with (
        pytest.raises(OSError, match="No space") as caught,
        replacing(tmp_path / "a.csv") as partial,
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(partial))
    expected = (
        f"cannot use '{tmp_path / 'a.csv'}' (no space left on device); make room on that disk, "
        "then give the same command again: what is finished is kept"
    )
    assert disk_fault(caught.value) == message_of(caught.value) == expected


def test_what_is_no_fault_of_a_disk_keeps_its_kind() -> None:
    assert disk_fault(ConnectionResetError(errno.ECONNRESET, "reset")) is None
    assert message_of(OSError("no number")) == "OSError: no number"
    assert (
        message_of(FileNotFoundError(errno.ENOENT, "gone")) == "FileNotFoundError: [Errno 2] gone"
    )
