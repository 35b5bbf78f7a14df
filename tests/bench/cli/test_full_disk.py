"""A disk that fills up, in every phase: one line, status 2, and the same command then completes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.runs.cells import Cell, CellWriter
from bench.runs.store import RunFolder
from tests.bench.cli.test_faults import one_line
from tests.bench.cli.test_train import gopro
from tests.conftest import Bench
from tests.support.commands import typed

__all__ = ["gopro"]

Disk = Callable[[str], Path]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A disk of the size asked for, such as 64k, at ``disk``; asked again, it is of another."""
    place = tmp_path / "disk"

    def sized(size: str) -> Path:
        again = "remount," if place.exists() else ""
        place.mkdir(exist_ok=True)
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"{again}size={size}", "tmpfs", place],
            capture_output=True,
            check=False,
        )
        if mounted.returncode:
            pytest.skip("a file system cannot be mounted here")
        return place

    if shutil.which("mount") is None:
        pytest.skip("there is no 'mount' here")
    yield sized
    subprocess.run(["umount", "-l", place], capture_output=True, check=False)


RUN = typed("--results disk run --suite folder --data data --models input,unsharp --profile none")


@pytest.mark.parametrize("size", ["16k", "64k"])
def test_a_run(bench_here: Bench, folder_suite: Path, disk: Disk, size: str) -> None:
    disk(size)
    command = [*RUN, "--metrics", "psnr"]
    ran = bench_here(*command)
    assert ran.returncode == 2
    assert "make room" in one_line(ran.stderr)
    finished = [p.read_bytes() for p in sorted(Path(disk("64m")).glob("folder/*/cells/*"))]
    again = bench_here(*command)
    assert again.returncode == 0, again.stderr
    (run,) = [RunFolder(p.parent) for p in (disk("64m")).glob("*/*/run.json")]
    assert len(run.scores()) == 12
    whole = [path.read_bytes() for path in sorted((run.path / "cells").iterdir())]
    assert all(now.startswith(then) for then, now in zip(finished, whole, strict=False))


def emptied(folder: Path) -> None:
    """Remove all that lies in a folder."""
    for path in list(folder.iterdir()):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.slow
@pytest.mark.usefixtures("folder_suite")
def test_a_run_at_any_level(bench_here: Bench, disk: Disk) -> None:
    for level in range(4, 400, 24):
        place = disk(f"{level}k")
        ran = bench_here(*RUN, "--metrics", "psnr")
        assert ran.returncode in (0, 2)
        if ran.returncode:
            assert "make room" in one_line(ran.stderr)
        disk("64m")
        assert bench_here(*RUN, "--metrics", "psnr").returncode == 0
        emptied(place)


WORDS = {
    "report": "report run --out disk/report",
    "study": "rate new --run run --db disk/s.db --protocol pair",
    "suite": "suites make data/target --out disk/made --crop 64 --extent 0,3",
}


@pytest.mark.parametrize(
    ("phase", "size"),
    [
        pytest.param("report", "8k", marks=pytest.mark.slow),
        ("study", "8k"),
        ("study", "300k"),
        ("suite", "8k"),
    ],
)
def test_a_phase(
    bench_here: Bench,
    folder_suite: Path,
    photographs_run: RunFolder,
    tmp_path: Path,
    disk: Disk,
    phase: str,
    size: str,
) -> None:
    if phase != "suite":
        shutil.copytree(photographs_run.path, tmp_path / "run")
    disk(size)
    ran = bench_here(*typed(WORDS[phase]))
    assert ran.returncode == 2, ran.stderr
    assert "make room" in one_line(ran.stderr)
    disk("64m")
    again = bench_here(*typed(WORDS[phase]))
    assert again.returncode == 0, again.stderr


def test_restored_images_without_room_are_listed(
    bench_here: Bench, folder_suite: Path, disk: Disk
) -> None:
    disk("8k")
    ran = bench_here("restore", "unsharp", folder_suite / "input", "--out", "disk/o")
    assert ran.returncode == 1
    assert "no space left on device); make room" in ran.stderr
    disk("64m")
    assert (
        bench_here("restore", "unsharp", folder_suite / "input", "--out", "disk/o").returncode == 0
    )


@pytest.mark.slow
@pytest.mark.usefixtures("gopro")
def test_a_training(bench_here: Bench, disk: Disk) -> None:
    for size in ("16k", "400k", "1200k"):
        place = disk(size)
        command = typed("--results disk train rescnn --suite gopro --budget 3steps")
        ran = bench_here(*command)
        assert ran.returncode == 2
        assert "make room" in one_line(ran.stderr)
        disk("200m")
        assert bench_here(*command).returncode == 0
        emptied(place)


def test_a_cell_is_written_whole_or_not_at_all(disk: Disk) -> None:
    path = disk("8k") / "cells.jsonl"
    with CellWriter(path) as writer:

        def fill() -> None:
            for number in range(10_000):
                writer.append(Cell(f"image-{number}", {}))

        with pytest.raises(OSError, match="No space left"):
            fill()
        written = path.read_bytes()
        assert written.endswith(b"}\n")
        assert written.count(b"\n") == len(writer.done) > 10
