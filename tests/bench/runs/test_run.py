"""`bench run` as a user meets it: whole processes, killed and taken up again."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.image import read, write_png
from bench.runs.store import RunFolder
from tests.conftest import Bench
from tests.support.commands import typed

FACTORIES = """
import os, time
import torch

class Blend(torch.nn.Module):
    def __init__(self, wait=0.0, fail_at=None):
        super().__init__()
        self.wait, self.fail_at, self.calls = wait, fail_at, 0
    def forward(self, x):
        self.calls += 1
        time.sleep(self.wait)
        if self.calls == self.fail_at:
            raise RuntimeError("this image is too much")
        return 0.9 * x + 0.05

def slow(): return Blend(wait=0.8)
def fails_once(): return Blend(fail_at=2)
def not_a_number():
    class Nan(torch.nn.Module):
        def forward(self, x): return x / 0 * 0
    return Nan()
"""


@pytest.fixture
def factories(tmp_path: Path) -> str:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "odd.py").write_text(FACTORIES)
    return str(tmp_path / "code")


def digests(run: Path) -> dict[str, str]:
    """The final files that must not depend on interruptions."""
    kept = [*run.glob("cells/*"), *run.glob("images/*/*"), run / "scores.csv", run / "images.csv"]
    return {
        str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest() for path in kept
    }


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Wait until it is so or the process has ended; only one that hangs is given up."""
    given_up = time.monotonic() + 1800
    while not condition() and process.poll() is None:
        assert time.monotonic() < given_up, "the run hangs"
        time.sleep(0.05)


def lines(run: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in run.glob("cells/*.jsonl"))


@pytest.mark.slow
def test_a_run_writes_a_report_and_every_table(bench: Bench, folder_suite: Path) -> None:
    ran = bench(
        *typed("run --suite folder --data"),
        folder_suite,
        *typed(
            "--models input,unsharp --metrics psnr,ssim,lpips --out out --profile 48x64,2x32x64"
        ),
    )
    assert ran.returncode == 0, ran.stderr
    out = folder_suite.parent / "out"
    record = json.loads((out / "run.json").read_text())
    assert record["status"] == "done"
    assert record["spec"]["metrics"] == ["psnr", "ssim", "lpips-alex"]
    assert record["environment"]
    scores = (out / "scores.csv").read_text()
    assert scores.count("\n") == 1 + 2 * 6 * 3
    assert "lpips-alex,,LPIPS" in scores or "backbone" in scores  # missing, and says why
    measured = RunFolder(out).read_profiles()
    of_latency = [r for r in measured if r.quantity == "latency_ms"]
    assert [(r.model, r.batch, r.height) for r in of_latency] == [
        *(("input", 1, 48), ("unsharp", 1, 48)),
        *(("input", 2, 32), ("unsharp", 2, 32)),
    ]
    assert f"report: {Path('out') / 'report' / 'index.html'}" in ran.stdout
    assert (out / "report" / "index.html").stat().st_size > 10_000


@pytest.mark.slow
def test_scoring_a_runs_images_gives_exactly_the_runs_numbers(
    bench: Bench, folder_suite: Path
) -> None:
    bench(
        *typed("run --suite folder --data"),
        folder_suite,
        *typed("--models unsharp --out out --metrics psnr,psnr-y,ssim,vif,mse --profile none"),
    )
    ran = bench(
        *typed("score out/images/unsharp --reference"),
        folder_suite / "target",
        *typed("--metrics psnr,psnr-y,ssim,vif,mse --degraded"),
        folder_suite / "input",
        *typed("--out again.csv --json"),
    )
    assert ran.returncode == 0, ran.stderr
    root = folder_suite.parent
    run_rows = (root / "out" / "scores.csv").read_text().splitlines()[1:]
    score_rows = (root / "again.csv").read_text().splitlines()[1:]
    assert [row.partition(",")[2] for row in run_rows] == score_rows
    assert len(score_rows) == 6 * 5
    means = {(m["images"], m["metric"]): m["mean"] for m in json.loads(ran.stdout)}
    assert means["restored", "psnr"] > means["degraded", "psnr"]  # unsharp helps Gaussian blur


@pytest.mark.slow
def test_killed_at_any_moment_and_run_again_equals_an_uninterrupted_run(
    bench: Bench, folder_suite: Path, factories: str
) -> None:
    def command(out: str) -> list[str]:
        return [
            *typed("run --suite folder --data"),
            str(folder_suite),
            *typed("--models input,odd:slow --metrics psnr,ssim --profile none --out"),
            out,
        ]

    whole = bench(*command("whole"), PYTHONPATH=factories)
    assert whole.returncode == 0, whole.stderr
    root = folder_suite.parent
    broken = root / "broken"
    for kill, after in ((signal.SIGKILL, 1), (signal.SIGINT, 4), (signal.SIGKILL, 8)):
        process = subprocess.Popen(
            [sys.executable, "-m", "bench", *command("broken")],
            cwd=root,
            env={**os.environ, "PYTHONPATH": factories},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        wait_for(lambda after=after: lines(broken) >= after, process)  # type: ignore[misc]
        process.send_signal(kill)
        output = process.communicate()[0].decode()
        assert process.returncode == (-kill if kill == signal.SIGKILL else 130), output
        done_before = lines(broken)
        assert done_before < 12
        if kill == signal.SIGINT:
            assert "the same command goes on from here" in output
            assert json.loads((broken / "run.json").read_text())["status"] == "interrupted"
    torn = broken / "cells" / "input.jsonl"
    torn.write_bytes(torn.read_bytes()[:-7])  # and a line torn by a power cut
    last = bench(*command("broken"), PYTHONPATH=factories)
    assert last.returncode == 0, last.stderr
    assert digests(broken) == digests(root / "whole")
    stamps = {path: path.stat().st_mtime_ns for path in broken.glob("images/*/*")}
    assert bench(*command("broken"), PYTHONPATH=factories).returncode == 0
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps  # nothing is done twice


def small_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, 12_000))


@pytest.mark.slow
def test_a_full_disk_ends_the_run_with_what_to_do_and_loses_nothing(
    bench: Bench, folder_suite: Path
) -> None:
    """The file-size limit makes the kernel refuse a write half-way, as a full disk does."""
    command = [
        *typed("run --suite folder --data"),
        str(folder_suite),
        *typed("--models input --metrics psnr --profile none --out out"),
    ]
    ran = subprocess.run(
        [sys.executable, "-m", "bench", *command],
        cwd=folder_suite.parent,
        preexec_fn=small_files,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2, ran.stderr
    assert "make room and give the same command again" in ran.stderr
    assert not list(folder_suite.parent.rglob("*.part"))
    assert bench(*command).returncode == 0
    assert lines(folder_suite.parent / "out") == 6


@pytest.mark.slow
def test_an_image_that_fails_is_listed_counted_and_tried_again(
    bench: Bench, folder_suite: Path, factories: str
) -> None:
    command = [
        *typed("run --suite folder --data"),
        folder_suite,
        *typed("--profile none --models input,odd:fails_once,odd:not_a_number"),
        *typed("--metrics psnr --out out"),
    ]
    ran = bench(*command, PYTHONPATH=factories)
    out = folder_suite.parent / "out"
    record = json.loads((out / "run.json").read_text())
    assert ran.returncode == 1
    once = [f for f in record["failures"] if f["model"] == "odd:fails_once"]
    assert [f["image"] for f in once] == ["scene1"]
    assert once[0]["message"] == "RuntimeError: this image is too much"
    assert record["models"]["odd:fails_once"]["state"] == "done"
    assert record["models"]["odd:not_a_number"]["state"] == "failed"
    assert "NaN" in ran.stderr
    bench(*command, PYTHONPATH=factories)
    record = json.loads((out / "run.json").read_text())
    assert not [f for f in record["failures"] if f["model"] == "odd:fails_once"]


@pytest.mark.slow
def test_a_corrupt_image_and_one_of_another_size_stop_nothing_else(
    bench: Bench, folder_suite: Path
) -> None:
    broken = folder_suite / "input" / "scene0.png"
    broken.write_bytes(broken.read_bytes()[:500])
    other = folder_suite / "target" / "scene1.png"
    write_png(other, read(other)[:90])
    ran = bench(
        *typed("run --suite folder --data"),
        folder_suite,
        *typed("--models input --metrics psnr --profile none --out out"),
    )
    assert ran.returncode == 1
    failures = json.loads((folder_suite.parent / "out" / "run.json").read_text())["failures"]
    assert [f["image"] for f in failures] == ["scene0", "scene1"]
    assert "scene0.png" in failures[0]["message"]
    assert "image 96x96 and reference 90x96" in failures[1]["message"]
    assert lines(folder_suite.parent / "out") == 4


@pytest.mark.slow
def test_a_model_that_needs_the_psf_is_not_applicable_without_one(
    bench: Bench, folder_suite: Path
) -> None:
    ran = bench(
        *typed("run --suite folder --data"),
        folder_suite,
        *typed("--models input,wiener --metrics psnr --profile none --out out"),
    )
    assert ran.returncode == 0, ran.stderr
    record = json.loads((folder_suite.parent / "out" / "run.json").read_text())
    assert record["models"]["wiener"]["state"] == "not applicable"
    assert "no PSF" in record["models"]["wiener"]["reason"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--suite", "dmeo"], "did you mean 'demo'"),
        (["--suite", "folder", "--models", "unett"], "did you mean 'unet'"),
        (["--suite", "folder", "--metrics", "sim"], "did you mean 'ssim'"),
        (["--suite", "folder", "--models", "input,input"], "would both be called"),
        (["--suite", "folder", "--profile", "big"], "expected HEIGHTxWIDTH"),
        (["--suite", "folder", "--limit", "0"], "expected at least 1 image"),
        (["--suite", "folder:blur=x"], "has no option 'blur'"),
        (["--suite", "gopro:blur=blurry"], "is not one of blur, blur_gamma"),
        (["--suite", "folder", "--models", "gone.pth"], "gone.pth"),
        (["--suite", "folder", "--budget", "soon"], "90s"),
    ],
)
def test_a_wrong_option_says_what_was_meant(
    bench: Bench, folder_suite: Path, arguments: list[str], said: str
) -> None:
    ran = bench("run", "--data", folder_suite, "--metrics", "psnr", *arguments)
    assert ran.returncode == 2, ran.stdout
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.slow
def test_options_come_from_a_file_and_the_command_line_wins(
    bench: Bench, folder_suite: Path
) -> None:
    config = folder_suite.parent / "run.toml"
    config.write_text(
        f'suite = "folder"\ndata = "{folder_suite}"\nmodels = ["input", "unsharp"]\n'
        'metrics = ["psnr"]\nprofile = "none"\nout = "out"\nlimit = 4\n'
    )
    ran = bench("run", "--config", config, "--limit", "2")
    assert ran.returncode == 0, ran.stderr
    record = json.loads((folder_suite.parent / "out" / "run.json").read_text())
    assert record["spec"]["models"] == ["input", "unsharp"]
    assert record["suite"]["images"] == 2
    config.write_text('suite = "folder"\nlimt = 4\n')
    wrong = bench("run", "--config", config)
    assert wrong.returncode == 2
    assert "did you mean 'limit'" in wrong.stderr
