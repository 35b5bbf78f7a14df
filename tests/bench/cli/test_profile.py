"""What `bench profile` says of several sizes."""

from __future__ import annotations

import pytest

from tests.support.commands import called, typed


@pytest.mark.slow
def test_several_sizes_are_one_piece_of_work_and_one_sample_has_no_interval() -> None:
    options = "--sizes 16x16,32x32 --batches 1,2 --threads 1 --processes 1 --passes 2"
    shown = called("profile", "unet", *typed(options))
    assert "unet on cpu, float32, 1 thread size" in shown
    assert "profile: 4/4" in shown
    assert "profile: 1/1" not in shown
    assert "process_memory_mb grows as megapixels^" in shown
    told = shown.partition("process_memory_mb grows as")[2].partition("from")[0]
    assert "(1 sample, no interval)" in told
    for note in shown.split("note: ")[1:]:  # each says of which sizes it is
        assert note.startswith(("16x16 x", "32x32 x"))
