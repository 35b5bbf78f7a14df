"""A network without memory for whole images: restored in tiles, which cells and tables say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import bench as product
from bench.image import write_png
from bench.report import summary_table
from bench.runs.cells import Cell, tiled
from tests.support.progress import Told

HUNGRY = """
import torch

class Hungry(torch.nn.Module):
    def forward(self, image):
        if image.shape[-1] * image.shape[-2] > 40 * 40:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return image * 0.9
"""


def test_images_done_in_tiles_for_want_of_memory_are_kept_as_such_and_marked_in_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "greedy.py").write_text(HUNGRY)
    rng, told = np.random.default_rng(0), Told()
    for name, side in (("a", 64), ("b", 30), ("c", 80)):
        for half in ("input", "target"):
            pixels = rng.integers(0, 256, (side, side, 3)).astype(np.uint8)
            write_png(tmp_path / "photos" / half / f"{name}.png", pixels)
    made = product.run(
        "folder",
        data=tmp_path / "photos",
        models=("input", "greedy.py:Hungry"),
        metrics=("psnr",),
        profile=None,
        out=tmp_path / "run",
        progress=told,
    )
    cells = {cell.image: cell.tiles for cell in made.folder.cells("greedy:Hungry")}
    assert cells == {"a": (32, 32), "b": None, "c": (32, 32)}
    said = "out of memory on a whole image: of 3 images 2 in tiles of 32x32"
    assert made.record.models["greedy:Hungry"].remarks == (said,)
    assert f"greedy:Hungry: {said}" in " ".join(told.notes)
    _, rows, notes = summary_table(made.folder)
    assert [row[0].split()[:2] for row in rows if "Hungry" in row[0]] == [["greedy:Hungry", "#?"]]
    assert f"# greedy:Hungry: {said}: seams are possible." in notes
    assert f"# greedy:Hungry: {said}: seams are possible." in made.report().read_text(
        encoding="utf-8"
    )


def test_tiles_of_a_cell_are_written_and_read() -> None:
    cell = Cell("a", {}, tiles=(32, 48))
    assert Cell.from_line(cell.to_line()) == cell
    assert tiled([cell, Cell("b", {}), Cell("c", {}, tiles=(16, 16))]).endswith(
        "of 3 images 1 in tiles of 32x48, 1 in tiles of 16x16"
    )
    assert tiled([Cell("b", {})]) == ""
