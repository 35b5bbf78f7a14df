"""Images that are there already, in a folder for each method, become a run for a study."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.core.errors import BenchError
from bench.image import Pixels, read
from bench.runs.collecting import collected
from raters.database.store import Store
from raters.studies.tokens import invite
from tests.conftest import Bench
from tests.support.studies import judge, trained

SIDES = {"boat": (120, 96), "cafe\u0301": (90, 130), "door": (100, 100)}


@pytest.fixture
def folder(tmp_path: Path, photograph: Pixels, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three methods in three formats, one without the last image, and references; mixed sizes."""
    monkeypatch.setenv("BENCH_RESULTS", str(tmp_path / "results"))
    rng = np.random.default_rng(0)
    root = tmp_path / "shown"
    for noise, (method, suffix) in enumerate(
        (("GT", "png"), ("ours", "png"), ("their method", "jpg"), ("third", "tif"))
    ):
        (root / method).mkdir(parents=True)
        for name, (height, width) in SIDES.items():
            pixels = photograph[:height, :width] + rng.normal(0, 8 * noise, (height, width, 3))
            image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
            if (method, name) != ("third", "door"):
                image.save(root / method / f"{name}.{suffix}")
    return root


def test_every_method_has_its_images_whatever_their_format(folder: Path) -> None:
    run = collected(folder)
    record = run.record()
    assert list(record.models) == ["ours", "their method", "third"]
    assert set(run.images()["image"]) == {"boat", "caf\u00e9", "door"}  # one way to write an accent
    for method, name in (("ours", "boat.png"), ("their method", "boat.jpg"), ("third", "boat.tif")):
        np.testing.assert_array_equal(
            read(run.image_path(method, "boat")), read(folder / method / name)
        )
    assert set(run.images()["reference"]) == {str(folder / "GT" / f"{name}.png") for name in SIDES}
    assert collected(folder).path == run.path
    (folder / "ours" / "boat.png").write_bytes((folder / "GT" / "boat.png").read_bytes())
    assert collected(folder).path != run.path  # other images are another run


def test_a_study_is_made_of_folders_and_judged(folder: Path, bench_here: Bench) -> None:
    made = bench_here(
        "rate", "new", "--folder", folder, "--crop", 64, "--trials", 8, "--golden", "0", "--json"
    )
    told = json.loads(made.stdout)
    assert (told["study"], told["images"]) == ("shown-pair", 3)
    assert told["models"] == ["ours", "their method", "third"]
    assert "third is left out of door: it has no output there" in told["notes"]
    store = Store(f"{folder.parent}/results/studies.db")
    (token,) = invite(store, "shown-pair", 1)
    answered = judge(trained(store, token), lambda _: "a")
    assert len(answered) == 7  # three pairs of two images, one of the third
    assert all("reference" in trial.slots for trial in answered)
    store.close()


def test_what_is_no_folder_of_methods_is_refused(folder: Path, bench_here: Bench) -> None:
    with pytest.raises(BenchError, match="a folder of images for each of two methods"):
        collected(folder / "ours")
    for method in ("their method", "third"):
        (folder / method).rename(folder.parent / method)
    with pytest.raises(BenchError, match="holds GT, ours: expected"):
        collected(folder)
    assert bench_here("rate", "new").returncode == 2
