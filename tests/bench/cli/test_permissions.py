"""What may not be read costs itself alone, in one line; root is made to feel it, too."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SETPRIV = shutil.which("setpriv")
pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="files have no mode here"),
    pytest.mark.skipif(
        os.name == "posix" and os.geteuid() == 0 and SETPRIV is None,
        reason="root reads everything, and setpriv is not there to keep it from that",
    ),
]

Words = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def bench_as_anyone(tmp_path: Path) -> Words:
    """Run the command line without the right to read everything."""
    as_anyone = [SETPRIV, "--bounding-set=-dac_override,-dac_read_search"]
    prefix = [str(word) for word in as_anyone] if os.geteuid() == 0 else []

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        command = [*prefix, sys.executable, "-m", "bench", *map(str, words)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def forbidden() -> Iterator[Callable[[Path], Path]]:
    """Take away all rights on files and folders, and give them back afterwards."""
    taken: list[Path] = []

    def forbid(path: Path) -> Path:
        path.chmod(0)
        taken.append(path)
        return path

    yield forbid
    for path in taken:
        path.chmod(0o755)


RUN = ("run", "--suite", "folder", "--metrics", "psnr", "--profile", "none", "--out", "run")


def test_an_image_that_may_not_be_read_is_listed_and_the_others_are_done(
    folder_suite: Path, bench_as_anyone: Words, forbidden: Callable[[Path], Path]
) -> None:
    forbidden(folder_suite / "input" / "scene1.png")
    ran = bench_as_anyone(*RUN, "--data", folder_suite, "--models", "input,unsharp")
    assert ran.returncode == 1, ran.stderr
    assert "Traceback" not in ran.stderr
    told = [line for line in ran.stderr.splitlines() if line.startswith("error: ")]
    assert len(told) == 2
    assert all("scene1.png': Permission denied" in line for line in told)
    assert "(5 of 6 images)" in ran.stdout


@pytest.mark.slow
def test_what_a_command_needs_and_may_not_read_is_named_in_one_line(
    folder_suite: Path, tmp_path: Path, bench_as_anyone: Words, forbidden: Callable[[Path], Path]
) -> None:
    assert bench_as_anyone(*RUN, "--data", folder_suite, "--models", "input").returncode == 0
    weights = tmp_path / "own.pth"
    weights.write_bytes(b"x")
    forbidden(weights)
    inputs = forbidden(folder_suite / "input")
    tried = {
        "own.pth": ("profile", weights, "--processes", 1, "--passes", 2),
        "input": (*RUN[:-1], "other", "--data", folder_suite, "--models", "input"),
        "cells/input.jsonl": ("report", "run"),
    }
    forbidden(tmp_path / "run" / "cells" / "input.jsonl")
    for name, words in tried.items():
        ran = bench_as_anyone(*words)
        said = ran.stdout + ran.stderr
        assert ran.returncode == (1 if words[0] == "profile" else 2), said
        assert "Traceback" not in said
        assert f"{name}' (permission denied); get the right to read" in said
    inputs.chmod(0o755)
