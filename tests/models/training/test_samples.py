"""Sample rows: what is in them, and how many there are."""

from __future__ import annotations

from pathlib import Path

import torch

from bench.image import read
from models.training.samples import GAP, MOST, SampleRows, kept


def test_a_row_shows_degraded_restored_and_reference_side_by_side(tmp_path: Path) -> None:
    small = torch.full((3, 8, 8), 0.2)
    SampleRows(tmp_path / "unet").write(
        7, [small, torch.full((3, 16, 16), 1.4), torch.full((3, 16, 16), 0.6)]
    )
    row = read(tmp_path / "unet" / "epoch-0007.png")
    assert row.shape == (16, 3 * 16 + 2 * GAP, 3)
    columns = [0, 15, 16, 16 + GAP, 31 + GAP, 32 + GAP, 32 + 2 * GAP]
    assert row[8, columns, 0].tolist() == [51, 51, 255, 255, 255, 255, 153]


def test_rows_are_bounded_spread_and_the_first_and_newest_among_them(tmp_path: Path) -> None:
    rows = SampleRows(tmp_path)
    sample = [torch.zeros(3, 4, 4)] * 3
    for epoch in range(1, 101):
        rows.write(epoch, sample)
        there = {int(path.stem[-4:]) for path in tmp_path.iterdir()}
        assert there == kept(epoch)
        assert {1, epoch} <= there
        assert len(there) <= MOST + 2
    assert there == {1, *range(8, 97, 8), 100}
