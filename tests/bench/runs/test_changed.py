"""Runs that are taken up after something has changed: no score outlives what it was measured on."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

import bench as product
from bench.core.errors import BenchError
from bench.image import Pixels, write_png
from bench.runs.runner import Changed
from tests.conftest import Bench
from tests.support.commands import typed
from tests.support.progress import Told

TRUTH = skimage.data.astronaut()[40:104, 200:264]


def shifted(by: int) -> Pixels:
    return np.clip(TRUTH.astype(int) + by, 0, 255).astype(np.uint8)


def psnr(by: int) -> float:
    return product.metric("psnr")(shifted(by), TRUTH)


def shifted_psnr(by: int) -> float:
    """Of the degraded image, which is clipped, shifted once more."""
    again = np.clip(shifted(30).astype(int) + by, 0, 255).astype(np.uint8)
    return product.metric("psnr")(again, TRUTH)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two photographs, degraded by +30."""
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        write_png(tmp_path / "photos" / "input" / f"{name}.png", shifted(30))
        write_png(tmp_path / "photos" / "target" / f"{name}.png", TRUTH)
    return tmp_path / "photos"


def outputs(folder: Path, by: int) -> str:
    for name in "ab":
        write_png(folder / f"{name}.png", shifted(by))
    return f"outputs:{folder}"


def scores(
    photos: Path, *models: str, changed: Changed = "redo", told: Told | None = None
) -> dict[tuple[str, str], float]:
    made = product.run(
        "folder",
        data=photos,
        models=models,
        metrics=("psnr",),
        profile=None,
        out=photos.parent / "run",
        changed=changed,
        progress=told,
    )
    table = made.scores
    return {(row.model, row.image): row.value for row in table.itertuples()}


def test_models_whose_names_hold_no_plain_letter_share_nothing(
    photos: Path, tmp_path: Path
) -> None:
    near, far = outputs(tmp_path / "方法甲", 2), outputs(tmp_path / "方法乙", 20)
    one, other = outputs(tmp_path / "a b", 4), outputs(tmp_path / "a_b", 8)
    found = scores(photos, near, far, one, other)
    for name, by in (("方法甲", 2), ("方法乙", 20), ("a b", 4), ("a_b", 8)):
        assert found[name, "a"] == pytest.approx(psnr(by), abs=1e-9)


def test_changed_outputs_are_scored_anew_and_only_they(photos: Path, tmp_path: Path) -> None:
    model, told = outputs(tmp_path / "net", 20), Told()
    assert scores(photos, model, "input")["net", "b"] == pytest.approx(psnr(20))
    write_png(tmp_path / "net" / "b.png", shifted(1))
    found = scores(photos, model, "input", told=told)
    assert found["net", "b"] == pytest.approx(psnr(1))
    assert found["net", "a"] == pytest.approx(psnr(20))
    (note,) = (note for note in told.notes if "done anew" in note)
    assert note.strip() == (
        "net: 1 finished image (b) may come out otherwise now: the model changed; done anew"
    )


def test_an_output_that_was_missing_is_scored_once_it_is_there(
    photos: Path, tmp_path: Path
) -> None:
    model = outputs(tmp_path / "net", 20)
    (tmp_path / "net" / "b.png").unlink()
    assert np.isnan(scores(photos, model)["net", "b"])
    outputs(tmp_path / "net", 20)
    assert scores(photos, model)["net", "b"] == pytest.approx(psnr(20))


@pytest.mark.parametrize("half", ["input", "target"])
def test_changed_images_are_done_anew(photos: Path, half: str) -> None:
    assert scores(photos, "input")["input", "a"] == pytest.approx(psnr(30))
    write_png(photos / half / "a.png", shifted(10 if half == "input" else 20))
    found = scores(photos, "input")
    assert found["input", "a"] == pytest.approx(psnr(10), rel=0.01 if half == "target" else 1e-9)
    assert found["input", "b"] == pytest.approx(psnr(30))


def test_a_changed_image_that_now_fails_leaves_no_old_score(photos: Path) -> None:
    scores(photos, "input")
    (photos / "input" / "a.png").write_bytes(b"no image")
    assert list(scores(photos, "input")) == [("input", "b")]
    assert not (photos.parent / "run" / "images" / "input" / "a.png").exists()


@pytest.mark.slow
def test_changed_source_of_a_factory_or_of_what_it_imports_is_done_anew(
    photos: Path, tmp_path: Path, bench: Bench
) -> None:
    (tmp_path / "shifting.py").write_text(
        textwrap.dedent("""
        import torch
        from shift_by import BY
        class Shift(torch.nn.Module):
            def forward(self, image):
                return image + BY / 255
    """)
    )
    (tmp_path / "shift_by.py").write_text("BY = -28\n")
    command = (
        *typed("run --suite folder --data"),
        photos,
        *typed("--models shifting:Shift --metrics psnr --profile none --out run"),
    )
    assert bench(*command).returncode == 0
    first = product.open_run(tmp_path / "run").scores["value"]
    assert first.to_list() == pytest.approx([shifted_psnr(-28)] * 2)
    (tmp_path / "shift_by.py").write_text("BY = -10\n")
    refused = bench(*command, "--keep")
    assert refused.returncode == 2
    assert "2 finished images (a, b) may come out otherwise now: the model" in refused.stderr
    assert product.open_run(tmp_path / "run").scores["value"].to_list() == first.to_list()
    assert bench(*command).returncode == 0
    found = product.open_run(tmp_path / "run").scores["value"]
    assert found.to_list() == pytest.approx([shifted_psnr(-10)] * 2)


def test_pairs_of_one_reference_are_one_scene_and_that_is_said(photos: Path) -> None:
    """The two photographs are the same one: their files are, whatever they are called."""
    told = Told()
    assert len(scores(photos, "input", told=told)) == 2
    assert "references that are the same file count as one scene: 1 scenes, by name 2" in " ".join(
        told.notes
    )
    table = product.open_run(photos.parent / "run").folder.images()
    assert set(table["cluster"]) == {"a"}


def test_grey_images_against_coloured_ones_are_told(photos: Path) -> None:
    """What is grey in both is right, be it in one channel or in three equal ones."""
    folder = photos.parent / "outputs"
    folder.mkdir()
    for half, mode in (("target", "L"), ("input", "RGB")):
        path = photos / half / "b.png"
        Image.open(path).convert("L").convert(mode).save(path)
    Image.open(photos / "target" / "a.png").convert("L").save(folder / "a.png")
    remark = "images are grey where their reference has colours, or the other way round (a)"
    told = Told()
    scores(photos, f"outputs:{folder}", told=told)
    assert [n.strip() for n in told.notes if "are grey" in n] == [
        f"outputs: 1 of 1 {remark}: scores count colours as errors"
    ]
    (folder / "a.png").replace(photos / "target" / "a.png")
    told = Told()
    scores(photos, "input", told=told, changed="afresh")
    assert f"1 of 2 {remark}" in " ".join(told.notes)
    assert f"1 of 2 {remark}" in str(
        product.score(photos / "input", photos / "target", metrics=["psnr"]).remark
    )


def test_pairs_without_anything_to_restore_are_told(photos: Path) -> None:
    for half in ("input", "target"):  # another scene, and sharp on both sides
        write_png(photos / half / "c.png", shifted(5))
    told = Told()
    found = scores(photos, "input", told=told)
    assert found["input", "c"] == np.inf
    assert (
        "1 of 3 pairs have one and the same file as degraded image and as reference (c)"
        in " ".join(told.notes)
    )
    for name in "ab":
        (photos / "input" / f"{name}.png").unlink()
        (photos / "target" / f"{name}.png").unlink()
    made = product.run(
        "folder",
        data=photos,
        models=("input",),
        metrics=("psnr",),
        profile=None,
        out=photos.parent / "clean",
    )
    page = made.report().read_text(encoding="utf-8")
    assert "Without any score: PSNR (clean pair: what is degraded is the reference itself)." in page
    assert "the run has no images" not in page


def test_outputs_that_are_the_references_or_jpeg_are_remarked(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "jpeg").mkdir()
    for name in "ab":
        Image.fromarray(shifted(2)).save(tmp_path / "jpeg" / f"{name}.jpg", quality=90)
    told = Told()
    scores(photos, "outputs:photos/target", "outputs:jpeg", told=told)
    models = product.open_run(tmp_path / "run").record.models
    assert models["target"].remarks == (
        "2 of its 2 files are the references themselves, byte for byte (a, b)",
    )
    assert models["jpeg"].remarks == (
        "its files are JPEG: what that coding lost is part of its scores",
    )
    assert "target: 2 of its 2 files are the references themselves" in " ".join(told.notes)


def test_a_limit_that_takes_all_images_is_none(photos: Path) -> None:
    asked = {"data": photos, "models": ("input",), "metrics": ("psnr",), "profile": None}
    for limit, kept in ((1, 1), (2, None), (9, None)):
        made = product.run("folder", limit=limit, out=photos.parent / str(limit), **asked)
        assert made.record.spec.limit == kept
        assert ("only 1 image" in made.report().read_text()) == (limit == 1)


def test_kept_runs_refuse_what_changed_and_fresh_ones_forget(photos: Path, tmp_path: Path) -> None:
    model = outputs(tmp_path / "net", 20)
    before = scores(photos, model)
    assert scores(photos, model, changed="refuse") == before
    outputs(tmp_path / "net", 1)
    with pytest.raises(BenchError, match=r"without --keep they are done anew"):
        scores(photos, model, changed="refuse")
    assert dict(_stored(tmp_path)) == before
    assert scores(photos, model, changed="afresh")["net", "a"] == pytest.approx(psnr(1))


def _stored(tmp_path: Path) -> list[tuple[tuple[str, str], float]]:
    table = product.open_run(tmp_path / "run").scores
    return [((row.model, row.image), row.value) for row in table.itertuples()]
