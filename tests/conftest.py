"""Fixtures shared by all tests: real photographs, small suites made of them, the command line."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import pytest
from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "Agg")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's background job ignores Ctrl-C, and so would every command that a test interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)

from bench.core.layout import VARIABLE
from bench.image import Pixels, read, write_png
from bench.records import Pair
from bench.runs.store import RunFolder
from tests.support.once import made_once
from tests.support.runs import photograph_run

Bench = Callable[..., subprocess.CompletedProcess[str]]

settings.register_profile("unhurried", deadline=None)  # a busy machine fails no example
settings.load_profile("unhurried")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what is marked `gpu` where there is none."""
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("no CUDA device")


@pytest.fixture(scope="session", autouse=True)
def one_secret() -> Iterator[None]:
    """Every study made in this process draws alike: no test hangs on who was asked what."""
    with patch("raters.studies.creation.new_secret", lambda: "5e" * 32):
        yield


@pytest.fixture(scope="session", autouse=True)
def usual_memory() -> Iterator[None]:
    """A command that keeps memory, run in this process, keeps it for no later test."""
    with patch("bench.core.allocator._tell"):
        yield


@pytest.fixture(autouse=True)
def usual_results(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that moves the root of results, run in this process, moves it for no later test."""
    monkeypatch.setenv(VARIABLE, os.environ.get(VARIABLE, ""))


@pytest.fixture(scope="session")
def photograph() -> Pixels:
    """A photograph from scikit-image's wheel, 512x512."""
    import skimage

    return read(Path(skimage.data_dir) / "astronaut.png")


@pytest.fixture(scope="session")
def photographs_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of real photographs with everything that happens. Shared: nothing may change it."""
    return RunFolder(made_once(tmp_path_factory, "photographs", photograph_run))


@pytest.fixture
def folder_suite(tmp_path: Path, photograph: Pixels) -> Path:
    """Six 96x96 crops of a photograph and their blurred versions, as input/ and target/."""
    root = tmp_path / "data"
    for index in range(6):
        y, x = 60 * index, 45 * index
        sharp = np.ascontiguousarray(photograph[y : y + 96, x : x + 96])
        write_png(root / "target" / f"scene{index}.png", sharp)
        blurred = cv2.GaussianBlur(sharp, (0, 0), 1.5 + 0.2 * index)
        write_png(root / "input" / f"scene{index}.png", np.asarray(blurred, np.uint8))
    return root


@pytest.fixture
def pairs(folder_suite: Path) -> list[Pair]:
    """The pairs of that folder, each a scene of its own."""
    from tests.support.training import pairs_in  # and torch

    return pairs_in(folder_suite)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Run the real command in a process of its own, in an empty working folder."""

    def call(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "bench", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return call


@pytest.fixture
def bench_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """As `bench`, in this process: for what needs no process of its own, seconds sooner."""
    from bench.cli import main

    def call(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        words = ["bench", *map(str, arguments)]
        with (
            monkeypatch.context() as changed,
            patch.dict(os.environ),  # --results moves the root for this process
            redirect_stdout(io.StringIO()) as out,
            redirect_stderr(io.StringIO()) as err,
        ):
            changed.chdir(tmp_path)
            changed.setattr(sys, "argv", words)
            for name, value in environment.items():
                changed.setenv(name, value)
            with pytest.raises(SystemExit) as end:
                main()
        code = end.value.code if isinstance(end.value.code, int) else 0
        return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())

    return call
