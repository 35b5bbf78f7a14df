"""GoPro pairs as their authors published them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.core.errors import BenchError
from bench.image import read
from bench.suites.table import open_suite


@pytest.fixture
def gopro(real_data: Path) -> Path:
    folder = real_data / "gopro"
    if not folder.is_dir():
        pytest.skip(f"no GoPro pairs at '{folder}'")
    return folder


def test_the_official_layout_is_recognised(gopro: Path) -> None:
    suite = open_suite("gopro", gopro)
    assert suite.spec == "gopro:blur=blur"
    assert suite.layout == "test: official, train: official"
    assert [pair.id for pair in suite.pairs("test")] == ["GOPR0384_11_00-000001"]
    assert len(suite.pairs("train")) == 7  # one sequence: none can be spared for validation
    assert suite.pairs("val") == []
    assert "1 of 1111 test images: not the official test set" in suite.notes


def test_the_blurred_images_have_their_known_psnr(gopro: Path) -> None:
    suite = open_suite("gopro", gopro)
    values = []
    for pair in [*suite.pairs("test"), *suite.pairs("train")]:
        assert pair.reference is not None
        degraded, reference = read(pair.degraded), read(pair.reference)
        assert degraded.shape == reference.shape == (720, 1280, 3)
        error = np.mean((degraded.astype(float) - reference) ** 2)
        values.append(10 * np.log10(255**2 / error))
    assert values[0] == pytest.approx(24.050, abs=5e-4)
    assert min(values[1:]) == pytest.approx(22.19, abs=5e-3)
    assert max(values[1:]) == pytest.approx(25.96, abs=5e-3)


def test_the_test_folder_itself_will_do(gopro: Path) -> None:
    suite = open_suite("gopro", gopro / "test")
    assert len(suite.pairs("test")) == 1
    assert suite.pairs("train") == []


def test_pairs_that_are_thirteen_frames_apart_are_no_neighbours(gopro: Path) -> None:
    with pytest.raises(BenchError, match="none of its 1 test images follows another"):
        open_suite("gopro:frames=5", gopro)
