"""A step that changes tones is held against references that keep theirs: that is said."""

from __future__ import annotations

from pathlib import Path

from bench.prepare import STEPS, tone_note
from bench.runs.store import RunFolder
from tests.bench.report.html import Page
from tests.conftest import Bench

SAID = "scores against references compare tones, too"


def test_equalised_input_against_a_reference_is_said_in_terminal_record_and_page(
    bench_here: Bench, folder_suite: Path, tmp_path: Path
) -> None:
    command = ("run", "--suite", "folder", "--data", folder_suite, "--models", "input,unsharp")
    command = (*command, "--metrics", "psnr", "--limit", 2, "--profile", "none", "--device", "cpu")
    for step, told in (("clahe:clip=0.02", True), ("wavelet", False)):
        out = tmp_path / step[:5]
        done = bench_here(*command, "--out", out, "--prepare", step)
        assert done.returncode == 0, done.stderr
        assert (SAID in done.stdout) == told  # above the table
        assert (SAID in done.stderr) == told  # before it begins
        notes = RunFolder(out).record().suite.notes
        assert any(SAID in note for note in notes) == told
        page = Page((out / "report" / "index.html").read_text("utf-8"))
        assert (page.text.count(SAID) == 2) == told  # at the head, and among the conditions


def test_the_steps_that_change_tones_are_named() -> None:
    assert [name for name, step in STEPS.items() if step.tones] == ["clahe"]
    assert tone_note(["wavelet", "quality:blur=0.6"]) is None
    assert (tone_note(["wavelet", "clahe"]) or "").startswith("--prepare clahe changes the tones")
