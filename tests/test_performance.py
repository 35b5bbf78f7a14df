"""The scripts of tests/performance are run by hand: what they import must still be there."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pandas as pd
import pytest

SCRIPTS = sorted((Path(__file__).parent / "performance").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_finds_what_it_imports(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(script.parent), *sys.path])  # as Python does for scripts
    assert runpy.run_path(str(script), run_name="not the main job")["__doc__"]


def test_what_a_pupil_learned_alone_is_no_variant_of_its_teacher() -> None:
    """`met` names eager's better variants, and not what a variant is only compared with."""
    script = runpy.run_path(
        str(SCRIPTS[0].with_name("compression.py")), run_name="not the main job"
    )
    made = {
        "model": "t1t4-gan",
        "height": 256,
        "latency_ms": 1.0,
        "file_bytes": 50,
        "compared": False,
    }
    rows = [
        {**made, "variant": "eager", "latency_ms": 10.0, "file_bytes": 100},
        {**made, "variant": "taught", "psnr change": 0.5},
        {**made, "variant": "alone", "psnr change": 0.5, "compared": True},
    ]
    assert list(script["met"](pd.DataFrame(rows))["variant"]) == ["taught"]
