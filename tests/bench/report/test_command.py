"""The command on the page: a shell reads it as the options typed, and bench knows them."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import typer

from bench.cli import app
from bench.report import write_report
from bench.report.sections.command import command_of
from bench.runs.store import RunFolder
from tests.bench.report.html import Page
from tests.support.runs import simple_run

TYPED = {
    "suite": "folder",
    "data": "my photos/it's $HOME; rm -rf *",
    "models": "input,a b.onnx:y",
    "metrics": "",
    "device": "auto",
    "profile": "none",
    "noncommercial": "True",
    "seed": "7",
    "keep": "False",
    "fresh": "True",
    "as_json": "True",
    "config": "run.toml",
}


def made(path: Path, options: dict[str, str]) -> RunFolder:
    return simple_run(path, {"m": [30.0, 31.0], "n": [29.0, 28.0]}, ["a", "b"], options=options)


def parsed(words: list[str]) -> dict[str, object]:
    """Return what the command line takes the words for. Exits where it knows one of them not."""
    assert words[:2] == ["bench", "run"]
    verb = typer.main.get_command(app).commands["run"]  # type: ignore[attr-defined]
    return dict(verb.make_context("run", words[2:]).params)


def test_a_shell_reads_the_options_that_were_typed(tmp_path: Path) -> None:
    command = command_of(made(tmp_path / "run", TYPED).record())
    shell = ["bash", "-c", f'show() {{ printf "%s\\n" "$@"; }}; show {command}']
    words = subprocess.run(shell, capture_output=True, text=True, check=True).stdout.splitlines()
    assert words == shlex.split(command)
    found = parsed(words)
    assert found["data"] == Path(TYPED["data"])
    assert (found["suite"], found["models"]) == ("folder", "input,a b.onnx:y")
    assert (found["noncommercial"], found["seed"], found["profile"]) == (True, 7, "none")
    assert (found["fresh"], found["as_json"], found["config"]) == (False, False, None)


def test_a_run_from_python_has_a_command_of_what_decides_its_numbers(tmp_path: Path) -> None:
    record = made(tmp_path / "run", {}).record()
    spec = replace(record.spec, limit=2, prepare=("clahe", "wavelet"), tile=64)
    found = parsed(shlex.split(command_of(replace(record, spec=spec))))
    assert (found["suite"], found["models"], found["metrics"]) == ("demo", "m,n", "psnr")
    assert (found["limit"], found["prepare"], found["tile"]) == (2, "clahe,wavelet", "64")


def test_the_page_shows_the_command_of_every_run_and_of_the_report(tmp_path: Path) -> None:
    first, second = made(tmp_path / "a b", TYPED), made(tmp_path / "c", {"suite": "demo"})
    page = write_report([first]).read_text(encoding="utf-8")
    assert command_of(first.record()) in Page(page).text
    assert f"bench report '{first.path}'" not in page
    both = Page(write_report([first, second]).read_text(encoding="utf-8")).text
    assert "bench run --suite demo" in both
    assert f"bench report '{first.path}' {second.path}" in both
