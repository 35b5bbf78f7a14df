"""`bench train` and the training part of `bench run`, as whole processes."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from safetensors.torch import load_file

from bench.core.files import sha256_of
from bench.image import Pixels, write_png
from models.weights import read_header
from tests.conftest import Bench
from tests.support.commands import typed
from tests.support.training import content_of

SCENES = {
    "train": ("GOPR0372_07_00", "GOPR0374_11_01", "GOPR0374_11_02"),
    "test": ("GOPR0384_11_00",),
}
STEPS = "130steps"  # one validation, with its checkpoint, at 100


@pytest.fixture
def gopro(tmp_path: Path, photograph: Pixels) -> Path:
    """Two small frames of four sequences, blurred, where GoPro is looked for."""
    root = tmp_path / "data" / "gopro"
    for split, scenes in SCENES.items():
        for number, scene in enumerate(scenes):
            for frame in range(2):
                y, x = 90 * number + 20 * frame, 300 if split == "test" else 40
                sharp = np.ascontiguousarray(photograph[y : y + 80, x : x + 80])
                blurred = np.asarray(cv2.GaussianBlur(sharp, (0, 0), 1.6), np.uint8)
                folder = root / split / scene
                write_png(folder / "sharp" / f"{frame:06d}.png", sharp)
                write_png(folder / "blur" / f"{frame:06d}.png", blurred)
    return root


Until = Callable[[Path], bool]


def killed(folder: Path, command: list[str], until: Until) -> None:
    """Start ``bench``, wait for a file of the training, and end it as a power cut would."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench", *command],
        cwd=folder.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    deadline = time.monotonic() + 1800  # only one that hangs is given up
    while not until(folder):
        assert process.poll() is None, process.communicate()[0].decode()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


@pytest.mark.slow
@pytest.mark.usefixtures("gopro")
def test_killed_at_any_moment_the_same_command_ends_with_the_same_weights(
    bench: Bench, tmp_path: Path
) -> None:
    def command(out: str) -> list[str]:
        return [
            *typed("train unet --suite gopro --budget"),
            STEPS,
            *typed("--seed 3 --device cpu --out"),
            out,
        ]

    whole = bench(*command("whole"), OMP_NUM_THREADS="1")
    assert whole.returncode == 0, whole.stderr
    broken = tmp_path / "broken"
    wrong = bench(*command("broken"), "--resume")
    assert wrong.returncode == 2
    assert "--resume: no training of 'unet' was begun in 'broken'" in wrong.stderr
    killed(broken, command("broken"), lambda f: (f / "unet.plan.json").exists())
    killed(broken, command("broken"), lambda f: (f / "unet.last.ckpt").exists())
    assert not (broken / "unet.safetensors").exists()
    last = bench(*command("broken"), "--resume", OMP_NUM_THREADS="1")
    assert last.returncode == 0, last.stderr
    whole_weights, broken_weights = (
        content_of(folder / "unet.safetensors") for folder in (tmp_path / "whole", broken)
    )
    assert broken_weights == whole_weights
    assert (broken / "unet.csv").read_bytes() == (tmp_path / "whole" / "unet.csv").read_bytes()
    for row in ("epoch-0001.png", "epoch-0002.png"):
        paths = (tmp_path / "whole" / "unet" / row, broken / "unet" / row)
        assert paths[0].read_bytes() == paths[1].read_bytes()
    assert not list(broken.glob("*.ckpt"))
    header = read_header(broken / "unet.safetensors")
    assert header is not None
    assert f"unet: {header.validation.psnr:.2f} dB" in last.stdout  # the closing line
    assert "ended as planned" in last.stdout
    (kept,) = (tmp_path / "results" / "weights").glob("gopro_blur_blur-*/*/unet.safetensors")
    assert sha256_of(kept) == sha256_of(broken / "unet.safetensors")
    ran = bench(
        *typed("run --suite gopro --models input,unet --metrics psnr --profile none --out run"),
    )
    assert ran.returncode == 0, ran.stderr
    assert f"unet: loads {kept.relative_to(tmp_path)}" in ran.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("gopro")
def test_two_devices_learn_what_one_learns(bench: Bench, tmp_path: Path) -> None:
    """The mean gradient of two halves of a batch is that of the batch, but for rounding."""
    for out, devices in (("one", 1), ("two", 2)):
        ran = bench(
            *typed("train litenet --suite gopro --budget 6steps --device cpu"),
            *typed("--set execution.precision=float32 --devices"),
            devices,
            "--out",
            out,
            OMP_NUM_THREADS="1",
        )
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout.count("weights: ") == 1  # one process speaks
    one, two = (load_file(tmp_path / out / "litenet.safetensors") for out in ("one", "two"))
    begun = read_header(tmp_path / "two" / "litenet.safetensors")
    assert begun is not None
    assert begun.devices == 2
    differences = [float((one[name] - two[name]).abs().max()) for name in one]
    assert max(differences) < 1e-4  # a step of Adam is up to 2e-3


@pytest.mark.slow
def test_a_test_image_is_never_learnt_from(bench: Bench, gopro: Path, tmp_path: Path) -> None:
    leaked = gopro / "train" / "GOPR0374_11_01" / "sharp" / "000001.png"
    shutil.copyfile(gopro / "test" / "GOPR0384_11_00" / "sharp" / "000000.png", leaked)
    ran = bench("train", "litenet", "--suite", "gopro", "--budget", "2steps")
    assert ran.returncode == 2
    expected = (
        r"image 'GOPR0374_11_01-000001' \(reference, .*\) is test image "
        r"'GOPR0384_11_00-000000' \(reference, .*\): the same bytes"
    )
    assert re.search(expected, ran.stderr), ran.stderr
    assert not list(tmp_path.rglob("*.safetensors"))
    ran = bench(
        *typed("run --suite gopro --models input,litenet --metrics psnr"),
        *typed("--profile none --out run --budget 2steps"),
    )
    assert ran.returncode == 1
    models = json.loads((tmp_path / "run" / "run.json").read_text())["models"]
    assert models["litenet"]["state"] == "failed"
    assert re.search(expected, models["litenet"]["reason"])
    assert models["input"]["state"] == "done"


@pytest.mark.slow
@pytest.mark.usefixtures("gopro")
def test_a_run_says_first_what_it_will_do_and_how_long_that_takes(
    bench: Bench, tmp_path: Path
) -> None:
    ran = bench(
        *typed("run --suite gopro --models input,litenet,litenet@x8,dncnn,wiener"),
        *typed("--budget 4steps --metrics psnr --profile none"),
        *typed("--out run"),
    )
    assert ran.returncode == 0, ran.stderr
    lines = [line.strip() for line in ran.stderr.splitlines()]
    assert "input: ready" in lines
    plan = r"litenet: trains for 4steps \(quick\): 4 steps of [\d.e-]+ s, about \d+ s"
    (at,) = [index for index, line in enumerate(lines) if re.fullmatch(plan, line)]
    assert "dncnn: not applicable: made for denoise, dejpeg; this is deblur" in lines
    assert any(line.startswith("wiener: not applicable: no PSF") for line in lines)
    assert any(line.startswith("all trainings together: about ") for line in lines)
    assert any("no training image is a test image: 16 files compared" in line for line in lines)
    assert at < min(i for i, line in enumerate(lines) if line.startswith("train litenet: "))
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["models"]["litenet"]["weights"]["header"]["planned_steps"] == 4
    assert "litenet@x8: trains with litenet, whose weights it takes" in lines
    variant = record["models"]["litenet@x8"]
    assert variant["weights"] == record["models"]["litenet"]["weights"]
    assert (variant["state"], variant["separation"]) == ("done", "separate")
    paper = bench(
        *typed("run --suite gopro --models input,litenet --preset paper"),
        *typed("--train never --metrics psnr --profile none --out paper"),
    )
    assert "litenet: failed: no weights for 'litenet'" in paper.stderr  # quick's do not count


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["unett", "--suite", "gopro"], "did you mean 'unet'"),
        (["wiener", "--suite", "gopro"], "'wiener' is not trained"),
        (["dncnn", "--suite", "gopro"], "'dncnn' is made for denoise, dejpeg; 'gopro' is deblur"),
        (["unet", "--suite", "gopro", "--budget", "soon"], "300steps or 20epochs"),
        (["unet", "--suite", "gopro", "--resume", "--anew"], "give one of them"),
        (["unet", "--suite", "gopro", "--from", "gone.pth"], "gone.pth"),
        (["unet", "--suite", "gopro", "--devices", "3"], "cannot be dealt out evenly"),
    ],
)
@pytest.mark.usefixtures("gopro")
def test_what_cannot_be_trained_says_why(
    bench_here: Bench, arguments: list[str], said: str
) -> None:
    ran = bench_here("train", *arguments)
    assert ran.returncode == 2, ran.stdout
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr
