"""``bench run --tile auto``: tiles by the memory that is free, chosen beforehand and kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import bench as product
from bench.compute import child
from bench.compute.messages import ProfileJob, ProfileReport
from bench.compute.profile import Conditions, Measurement, _job
from bench.core.errors import BenchError
from bench.image import write_png
from bench.records import RunSpec, tile_of
from bench.report import summary_table
from models import memory
from models.loading import load_restorer
from models.restorer import Hints, NetworkRestorer, tiles_for_memory
from models.windows import RecurrentRestorer
from tests.support.commands import called
from tests.support.progress import Told

MODEL = "litenet-shipped-deblur"
SCARCE, PLENTY = 0, 10**11
"""Bytes that are said to be free."""


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name, size in (("a", (40, 40)), ("b", (210, 230)), ("c", (210, 230))):
        for half in ("input", "target"):
            pixels = rng.integers(0, 256, (*size, 3)).astype(np.uint8)
            write_png(tmp_path / "photos" / half / f"{name}.png", pixels)
    return tmp_path / "photos"


def free(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Say that so many bytes are free, and that images from 100 x 100 up are worth measuring."""
    monkeypatch.setattr(memory, "free_bytes", lambda device: size)
    monkeypatch.setattr(memory, "SMALL", 100 * 100)


def run(photos: Path, **how: object) -> product.Run:
    terms: dict[str, object] = {
        "models": (MODEL,),
        "metrics": ("psnr",),
        "tile": "auto",
        "profile": None,
        "out": photos.parent / "run",
        "progress": Told(),
    }
    return product.run("folder", data=photos, **(terms | how))  # type: ignore[arg-type]


def tiles(made: product.Run, label: str = MODEL) -> dict[str, tuple[int, int] | None]:
    return {cell.image: cell.tiles for cell in made.folder.cells(label)}


def test_a_run_chooses_tiles_by_the_free_memory_records_them_and_goes_on(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free(monkeypatch, SCARCE)
    made = run(photos)
    cut = 192, 192  # the least: what is shared has room
    assert tiles(made) == {"a": None, "b": cut, "c": cut}
    said = "too large for the free memory: of 3 images 2 in tiles of 192x192"
    assert made.record.models[MODEL].remarks[-1] == said
    _, rows, notes = summary_table(made.folder)
    assert any("#" in row[0] for row in rows)
    assert f"# {MODEL}: {said}: seams are possible." in notes
    assert json.loads((made.path / "run.json").read_text())["spec"]["tile"] == "auto"

    lines = (made.folder.path / "cells").glob("*")
    (cells,) = lines
    cells.write_bytes(b"".join(cells.read_bytes().splitlines(keepends=True)[:2]))
    free(monkeypatch, PLENTY)
    again = run(photos)
    assert tiles(again) == {"a": None, "b": cut, "c": None}  # as it was done, cell by cell
    assert again.record.models[MODEL].remarks[-1].endswith("of 3 images 1 in tiles of 192x192")
    with pytest.raises(BenchError, match=r"tile was 'auto', now 64"):
        run(photos, tile=64)


def test_whole_images_are_worked_on_where_memory_suffices(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free(monkeypatch, PLENTY)
    made = run(photos)
    assert set(tiles(made).values()) == {None}
    assert not any("tiles" in remark for remark in made.record.models[MODEL].remarks)


def test_images_of_a_size_are_done_alike_however_memory_comes_and_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    restorer = load_restorer(MODEL, tile="auto")
    assert isinstance(restorer, NetworkRestorer)
    for bytes_free in (SCARCE, PLENTY):
        free(monkeypatch, bytes_free)
        restorer.restore(torch.rand(1, 3, 210, 230))
        assert tiles_for_memory(restorer, 210, 230) == (192, 192)
    restorer.restore(torch.rand(1, 3, 210, 220))  # another size: it chooses anew
    assert tiles_for_memory(restorer, 210, 220) is None


def test_a_self_ensemble_chooses_the_tiles_of_its_network(monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, SCARCE)
    restorer = load_restorer(f"{MODEL}@x8", tile="auto")
    restorer.restore(torch.rand(1, 3, 210, 230))
    assert tiles_for_memory(restorer, 210, 230) == (192, 192)


def test_what_ran_out_of_memory_is_surer_than_what_was_reckoned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    free(monkeypatch, PLENTY)
    tried = []

    def hungry(image: torch.Tensor) -> torch.Tensor:
        tried.append(tuple(image.shape[-2:]))
        if image.shape[-1] > 128:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return image

    restorer = NetworkRestorer("hungry", hungry)
    memory.choose_tiles(restorer)
    for _ in range(2):
        restorer.restore(torch.rand(1, 3, 200, 200))
        assert tiles_for_memory(restorer, 200, 200) == (100, 100)
    assert tried.count((200, 200)) == 1


def test_choosing_tiles_leaves_the_state_of_a_recurrent_network_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Sums(torch.nn.Module):
        state, frames, recurrent = 3, 2, True

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            total = image[:, :3] + image[:, 3:]
            return torch.cat([total, total], dim=1)

    free(monkeypatch, PLENTY)
    restorer = RecurrentRestorer("sums", Sums())
    memory.choose_tiles(restorer)
    image = torch.full((1, 3, 210, 230), 0.25)
    assert restorer.restore(image).mean() == 0.25
    assert restorer.restore(image, Hints(begins=False)).mean() == 0.5


def test_a_profile_says_which_tiles_were_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, SCARCE)
    at = Conditions(210, 230, tile="auto")
    job = _job((MODEL, MODEL, None), at, first=True)
    told: list[ProfileReport] = []
    child._start(ProfileJob.from_line(job.to_line()), told.append)
    assert told[0].chosen_tile == 192
    whole = ProfileReport(chosen_tile=0)
    assert Measurement(MODEL, MODEL, at, (told[0], told[0])).notes() == [
        "in tiles of 192 pixels, as the free memory asked"
    ]
    assert Measurement(MODEL, MODEL, at, (told[0], whole)).notes() == [
        "in tiles of 192 pixels in 1 of 2 processes, as the free memory asked"
    ]
    assert Measurement(MODEL, MODEL, at, (whole,)).notes() == []


def test_what_tiles_are_asked_for_is_read_alike_everywhere(tmp_path: Path) -> None:
    assert [tile_of(word) for word in ("auto", "whole", "64", 64, None)] == [
        "auto", None, 64, 64, None,
    ]  # fmt: skip
    expected = "--tile nonsense: expected auto, whole, or pixels from 32 up"
    for words in (("run", "--suite", "demo"), ("restore", "input", "a.png")):
        assert expected in called(*words, "--tile", "nonsense", status=2)
    shown = called("run", "--help")
    assert "auto|whole|N" in shown
    sweep = tmp_path / "sweep.toml"
    sweep.write_text('tile = "nonsense"\n[[suites]]\nsuite = "demo"\n')
    said = 'tile = \'nonsense\': expected "auto", "whole", or pixels from 32 up'
    assert said in called("sweep", sweep, status=2)


def test_a_run_without_tiles_is_named_as_before_there_was_auto() -> None:
    spec = RunSpec(suite="s", data="d", models=("input",), metrics=("psnr",))
    assert spec.digest() == "05472235"


@pytest.mark.gpu
def test_what_torch_keeps_of_a_gpu_for_later_is_free() -> None:
    device = torch.device("cuda")
    before = memory.free_bytes(device)
    held = torch.empty(1_000_000_000, dtype=torch.uint8, device=device)
    assert before - memory.free_bytes(device) == pytest.approx(1e9, rel=0.05)
    del held
    assert memory.free_bytes(device) == pytest.approx(before, abs=5e7)
