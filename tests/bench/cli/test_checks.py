"""Wrong options are answered before torch is imported and before an image is read or made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Bench

WRONG = [
    ("run --suite demo --limit -3", "--limit -3: expected at least 1 image"),
    ("run --suite demo --limit 0", "--limit 0: expected at least 1 image"),
    ("run --suite demo --budget 10x", "budget '10x': expected a time"),
    ("run --suite bsd68:sigma=nope", "sigma=nope is not one of 25"),
    ("run --suite dmeo", "did you mean 'demo'"),
    ("run --suite gopro", "no GoPro (GOPRO_Large) in 'data/gopro' (no such folder)"),
    ("run --suite folder --data gone", "no folder 'input' and no 'target' in 'gone'"),
    ("run --suite demo --models input,unett", "did you mean 'unet'"),
    ("run --suite demo --models input,input", "would both be called input"),
    ("run --suite demo --models outputs:Net,outputs:net", "would both be called net"),
    ("run --suite demo --models gone.pth", "no model file 'gone.pth'"),
    ("run --suite demo --models gone.onnx:out", "no model file 'gone.onnx'"),
    ("run --suite demo --models outputs:gone", "no folder 'gone' to take finished images from"),
    ("run --suite demo --models gone.py:net", "no file 'gone.py'"),
    ("run --suite demo --models gone_package:net", "no module 'gone_package'"),
    ("run --suite demo --metrics sim", "did you mean 'ssim'"),
    ("run --suite demo --profile 32", "size '32': expected HEIGHTxWIDTH"),
    ("run --suite demo --profile 0x32", "size '0x32': expected HEIGHTxWIDTH"),
    ("run --suite demo --executor locla", "did you mean 'local'"),
    ("run --suite demo --prepare clahee", "did you mean 'clahe'"),
    ("train unett --suite demo", "did you mean 'unet'"),
    ("train nlm --suite demo", "'nlm' is not trained"),
    ("train unet --suite demo --budget 10x", "budget '10x'"),
    ("train unet --suite demo --from gone.pth", "no weights at 'gone.pth'"),
    ("train unet --suite gopro", "no GoPro (GOPRO_Large) in 'data/gopro'"),
    ("train unet --suite set5:scale=5", "scale=5 is not one of 4, 2, 3"),
    ("train unet --suite set5", "is super-resolution"),
    ("profile unett", "did you mean 'unet'"),
    ("profile unet --size 720", "size '720': expected HEIGHTxWIDTH"),
    ("profile unet --threads 2,x", "--threads x: expected a whole number above 0 or all"),
    ("profile unet --seconds 0", "--seconds 0: expected more than 0"),
    ("profile unet --weights gone.pth", "no weights at 'gone.pth'"),
    ("restore unett photo.png", "did you mean 'unet'"),
    ("restore nlm gone.png", "no photograph or folder 'gone.png'"),
    ("restore unet photo.png --weights gone.pth", "no weights at 'gone.pth'"),
    ("restore cnn photo.png", "no weights for 'cnn'"),
    ("score gone --reference .", "no folder 'gone'"),
    ("score . --reference gone", "no folder 'gone'"),
    ("score . --reference . --metrics sim", "did you mean 'ssim'"),
    ("rescore gone --metrics psnr", "no run 'gone'"),
    ("rescore gone --metrics sim", "did you mean 'ssim'"),
    ("rescore gone --metrics ,", "--metrics names none"),
    ("compare gone unet input", "gone"),
    ("pick gone --quality psnr", "gone"),
    ("pick gone --quality psnr --max latency", "expected NAME=VALUE"),
]

CALLER = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
class NoTorch:
    def find_spec(self, name, *_):
        if name == "torch":
            raise AssertionError("torch is imported")
sys.meta_path.insert(0, NoTorch())
import bench.image
from bench.cli import main
def read(*_, **__): raise AssertionError("an image is read")
bench.image.read = bench.image.write_png = read
told = []
for line in json.load(sys.stdin):
    sys.argv, shown = ["bench", *line.split()], io.StringIO()
    with redirect_stdout(shown), redirect_stderr(shown):
        try:
            main()
            status = 0
        except SystemExit as end:
            status = end.code
        except BaseException as error:
            status = repr(error)
    told.append([status, " ".join(shown.getvalue().split())])
print(json.dumps(told))
"""


def test_a_wrong_option_is_answered_without_torch_and_without_an_image(tmp_path: Path) -> None:
    (tmp_path / "photo.png").touch()
    for name in ("Net", "net"):
        (tmp_path / name).mkdir()
    done = subprocess.run(
        [sys.executable, "-c", CALLER],
        input=json.dumps([line for line, _ in WRONG]),
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if k != "BENCH_RESULTS"},
        capture_output=True,
        text=True,
        check=True,
    )
    answers = dict(zip([line for line, _ in WRONG], json.loads(done.stdout), strict=True))
    amiss = {
        line: answers[line]
        for line, said in WRONG
        if answers[line][0] != 2 or said not in answers[line][1]
    }
    assert amiss == {}
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"photo.png", "Net", "net"}  # nothing was made


@pytest.mark.parametrize("option", [["--limit", "0"], ["--models", "unett"]])
def test_the_python_api_refuses_the_same_before_it_opens_a_suite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bench_here: Bench, option: list[str]
) -> None:
    import bench
    from bench.core.errors import BenchError

    told = bench_here("run", "--suite", "demo", *option).stderr
    monkeypatch.chdir(tmp_path)
    name, value = option[0].removeprefix("--"), option[1]
    asked = {name: int(value) if name == "limit" else [value]}
    with pytest.raises(BenchError) as refused:
        bench.run("demo", **asked)  # type: ignore[arg-type]
    assert str(refused.value) in told
    assert not list(tmp_path.iterdir())
