"""The verbs as a newcomer meets them: help, lists, typos, missing data."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from bench.cli import VERBS, app
from bench.core.version import VERSION
from bench.image import encode_png, read
from bench.metrics.set_table import SET_METRICS
from bench.metrics.table import METRICS
from bench.suites.table import SUITES
from models.catalogue import model_cards
from tests.conftest import Bench
from tests.support.commands import typed


def test_paragraphs_of_a_help_are_as_wide_as_the_terminal(bench_here: Bench) -> None:
    shown = [line.strip() for line in bench_here("pick", "-h").stdout.splitlines()]
    first = shown.index(next(line for line in shown if line.startswith("A limit is held")))
    paragraph = shown[first : shown.index("", first)]
    assert paragraph[-1].endswith("nothing surely fits.")
    assert min(map(len, paragraph[:-1])) > 60  # no line ends where one of the source does


@pytest.mark.parametrize("verb", [name for name, row in VERBS.items() if row.example])
def test_help_of_every_verb_shows_an_example_and_its_defaults(verb: str) -> None:
    shown = CliRunner().invoke(app, [verb, "--help"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    assert f"Example: bench {verb}" in shown.output
    if verb in ("run", "score", "profile", "compare", "restore"):
        assert "[default: " in shown.output


@pytest.mark.parametrize(("words", "needed"), [(["--help"], set()), (["models"], {"listing"})])
def test_only_the_verb_that_is_asked_for_is_imported(words: list[str], needed: set[str]) -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from bench.cli import app, VERBS;"
        f"ran = CliRunner().invoke(app, {words}); assert ran.exit_code == 0, ran.output;"
        "files = {row.what.partition(':')[0] for row in VERBS.values()};"
        "print(*(name.rpartition('.')[2] for name in files & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(ran.stdout.split()) == needed


def all_verbs() -> list[list[str]]:
    """Every command and group of the command line, as words."""
    found: list[list[str]] = []

    def walk(command: Any, words: list[str]) -> None:
        found.append(words)
        for name, below in getattr(command, "commands", {}).items():
            walk(below, [*words, name])

    walk(get_command(app), [])
    return found


def test_the_help_of_every_verb_has_a_short_form() -> None:
    verbs = all_verbs()
    assert ["rate", "plan"] in verbs
    for words in verbs:
        short = CliRunner().invoke(app, [*words, "-h"])
        assert short.exit_code == 0, words
        assert short.output == CliRunner().invoke(app, [*words, "--help"]).output
        assert "-h" in short.output


def test_the_version_has_a_short_form() -> None:
    shown = CliRunner().invoke(app, ["-V"])
    assert (shown.exit_code, shown.output) == (0, f"restoration-bench {VERSION}\n")


@pytest.mark.parametrize(
    ("verb", "table"),
    [("suites", SUITES), ("models", model_cards()), ("metrics", {**METRICS, **SET_METRICS})],
)
def test_lists_name_every_row_of_their_table(verb: str, table: dict[str, object]) -> None:
    shown = CliRunner().invoke(app, [verb], env={"COLUMNS": "200"})
    rows = json.loads(CliRunner().invoke(app, [verb, "--json"]).output)
    assert [row["name"] for row in rows] == list(table)
    assert all(name in shown.output for name in table)


def test_lists_need_no_torch(bench: Bench) -> None:
    listed = bench("metrics", PYTHONPROFILEIMPORTTIME="1")
    assert listed.returncode == 0
    assert "numpy" not in listed.stderr
    assert " torch" not in listed.stderr


@pytest.mark.slow
def test_doctor_tells_what_is_found(bench: Bench) -> None:
    found = json.loads(bench("doctor", "--json").stdout)
    assert found["environment"]
    assert bench("doctor").returncode == 0


def test_a_mistyped_verb_suggests_the_nearest(bench: Bench) -> None:
    wrong = bench("proflie", "unet")
    assert wrong.returncode == 2
    assert "Did you mean 'profile'" in wrong.stderr


@pytest.mark.slow
def test_missing_data_says_what_was_expected_where_from_and_how(bench: Bench) -> None:
    wrong = bench("run", "--suite", "gopro")
    assert wrong.returncode == 2
    for told in ("data/gopro", "GOPR0384_11_00", "9 GB", "CC BY 4.0", "bench fetch gopro"):
        assert told in wrong.stderr


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Serve a small GoPro-like zip over HTTP."""
    png = encode_png(np.full((8, 8, 3), 90, np.uint8))
    folder = tmp_path / "served"
    folder.mkdir()
    with zipfile.ZipFile(folder / "small.zip", "w") as archive:
        for kind in ("blur", "sharp"):
            archive.writestr(f"test/GOPR0384_11_00/{kind}/000001.png", png)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}/small.zip"
        running.shutdown()


def test_fetch_shows_the_licence_and_refuses_a_file_of_another_checksum(
    bench_here: Bench, server: str, tmp_path: Path
) -> None:
    fetched = bench_here("fetch", "gopro", "--url", server, "--out", "data/gopro")
    assert fetched.returncode == 2
    assert "CC BY 4.0" in fetched.stderr
    assert "its SHA-256 is" in fetched.stderr
    assert not list(tmp_path.rglob("GOPRO_Large.zip"))


def test_fetch_of_a_suite_that_is_made_here_says_so(bench_here: Bench) -> None:
    wrong = bench_here("fetch", "demo")
    assert wrong.returncode == 2
    assert "nothing to download" in wrong.stderr


@pytest.mark.slow
def test_score_lists_missing_files_instead_of_pairing_by_position(
    bench: Bench, folder_suite: Path
) -> None:
    (folder_suite / "input" / "scene3.png").unlink()
    part = bench("score", folder_suite / "input", "--reference", folder_suite / "target")
    assert part.returncode == 0
    assert "5 of 6 references have an image there; no image for scene3" in part.stderr
    (folder_suite / "target" / "scene5.png").unlink()
    wrong = bench("score", folder_suite / "input", "--reference", folder_suite / "target")
    assert wrong.returncode == 2
    assert "1 only in" in wrong.stderr
    assert "scene5.png" in wrong.stderr


@pytest.mark.slow
def test_compare_and_report_and_restore_take_a_finished_run(
    bench: Bench, folder_suite: Path
) -> None:
    ran = bench(
        *typed("run --suite folder --data"),
        folder_suite,
        *typed("--models input,unsharp --metrics psnr,ssim,ssim-y,ssim-volume --profile none"),
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(bench("compare", "folder", "unsharp", "input", "--json").stdout)
    assert found["images"] == 6
    assert found["difference"] > 0
    wrong = bench("compare", "folder", "unshrap", "input")
    assert wrong.returncode == 2
    assert "did you mean 'unsharp'" in wrong.stderr
    again = bench("report", "folder", "--out", "page")
    assert again.returncode == 0
    page = (folder_suite.parent / "page" / "index.html").read_text()
    assert "ssim-volume" in page.lower() or "SSIM (volume)" in page
    photo = folder_suite / "input" / "scene0.png"
    restored = bench("restore", "unsharp", photo, folder_suite / "gone.png", "--out", "better")
    assert restored.returncode == 1  # the second photograph is not there
    assert "gone.png" in restored.stderr
    mine = read(folder_suite.parent / "better" / "scene0.png")
    runs = list((folder_suite.parent / "results" / "data").glob("*/images/unsharp/scene0.png"))
    assert np.array_equal(mine, read(runs[0]))


IMPORTED = """
import sys
from bench.cli import main
sys.argv = ["bench", *sys.argv[2:]]
heavy = {"torch", "numpy", "pandas", "matplotlib", "cv2", "rich.markdown", "pygments"}
try:
    main()
finally:
    print("imported:", *sorted(heavy & set(sys.modules)))
"""


@pytest.mark.parametrize("words", ["--help", "run --help", "models", "metrics", "suites"])
def test_help_and_lists_import_nothing_heavy(words: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", IMPORTED, "-", *typed(words)],
        capture_output=True,
        text=True,
        check=True,
    )
    *shown, imported = ran.stdout.splitlines()
    assert len(shown) > 10
    assert imported == "imported:"
