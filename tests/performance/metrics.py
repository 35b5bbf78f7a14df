"""What scoring costs: ours against piq and scikit-image, and five models against one.

Run as ``python tests/performance/metrics.py``. Each line gives medians and the median of the
ratios of neighbouring runs, A B A B, so that a machine that is busy for a while disturbs both.
The exit status is 1 where a target is missed. With
``--peers`` it prints what each metric costs instead, piq's and pyiqa's beside.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import piq
import torch
from skimage import data
from skimage.metrics import structural_similarity
from torchvision import models

from bench.image import Pixels, read, write_png
from bench.metrics.backbones import BACKBONES
from bench.metrics.cost import measure_metrics, photographs_of_a_megapixel
from bench.metrics.scorer import Scorer
from bench.metrics.table import metric_cards

SIZE = (1280, 720)
PIQ_TARGET = 15.0
FIVE_TARGET = 3.3


def photograph(name: str) -> Pixels:
    """Return one of scikit-image's photographs, resized to 1280x720."""
    photo: Pixels = getattr(data, name)()
    return np.asarray(cv2.resize(photo, SIZE, interpolation=cv2.INTER_CUBIC), np.uint8)


def degraded(photo: Pixels, blur: float, noise: float) -> Pixels:
    """Return the photograph after Gaussian blur and noise of these standard deviations."""
    rng = np.random.default_rng(0)
    soft = cv2.GaussianBlur(photo.astype(np.float64), (0, 0), blur)
    return np.clip(np.rint(soft + rng.normal(0, noise, photo.shape)), 0, 255).astype(np.uint8)


def interleaved(
    first: Callable[[], object], second: Callable[[], object], repeats: int
) -> tuple[float, float, float]:
    """Return both medians in seconds and the median of second/first over neighbouring runs."""
    first(), second()  # start threads, fill caches
    times: list[tuple[float, float]] = []
    for _ in range(repeats):
        a = time.perf_counter()
        first()
        b = time.perf_counter()
        second()
        times.append((b - a, time.perf_counter() - b))
    ratio = statistics.median(slow / fast for fast, slow in times)
    return statistics.median(t for t, _ in times), statistics.median(t for _, t in times), ratio


def piq_ratio(repeats: int = 5) -> float:
    """Time psnr + ssim + vif of one pair: ours from decoded pixels, piq from ready tensors.

    Equal values, within 1e-6, come from piq in float64 only: that is the ratio returned. The other
    line shows piq in float32 and how far its values are off.
    """
    photo = photograph("astronaut")
    worse = degraded(photo, blur=1.2, noise=4)
    scorer = Scorer(["psnr", "ssim", "vif"])
    reference, restored = (
        torch.from_numpy(p).permute(2, 0, 1)[None].contiguous().double() / 255
        for p in (photo, worse)
    )

    def ours() -> list[float]:
        scores = scorer.score(worse, scorer.reference(photo))
        return [score.value or 0 for score in scores.values()]

    ratio = 0.0
    for dtype in (torch.float32, torch.float64):
        x, y = restored.to(dtype), reference.to(dtype)

        def theirs(x: torch.Tensor = x, y: torch.Tensor = y) -> list[float]:
            with torch.inference_mode():
                values = (piq.psnr(x, y), piq.ssim(x, y, downsample=False), piq.vif_p(x, y))
            return [float(value) for value in values]

        # PSNR apart: piq adds 1e-8 to the squared error
        off = max(abs(a - b) for a, b in zip(ours()[1:], theirs()[1:], strict=True))
        fast, slow, ratio = interleaved(ours, theirs, repeats)
        print(
            f"psnr+ssim+vif 1280x720: ours {fast * 1e3:.0f} ms, piq {str(dtype)[6:]} "
            f"{slow * 1e3:.0f} ms, ratio {ratio:.1f}, values within {off:.0e}"
            + (f" (target {PIQ_TARGET:.0f})" if dtype == torch.float64 else "")
        )
    if off > 1e-6:
        raise SystemExit("not the same numbers as piq in float64")
    return ratio


def scikit_image_ratio(repeats: int = 5) -> float:
    """Time the same SSIM by scikit-image."""
    photo = photograph("coffee")
    worse = degraded(photo, blur=1.2, noise=4)
    scorer = Scorer(["ssim"])

    def ours() -> object:
        return scorer.score(worse, scorer.reference(photo))

    def theirs() -> object:
        return structural_similarity(
            worse,
            photo,
            channel_axis=-1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=255,
        )

    fast, slow, ratio = interleaved(ours, theirs, repeats)
    print(
        f"ssim 1280x720: ours {fast * 1e3:.0f} ms, scikit-image {slow * 1e3:.0f} ms, "
        f"ratio {ratio:.1f}"
    )
    return ratio


def five_model_ratio(repeats: int = 7) -> float:
    """Time psnr + ssim + vif + lpips, PNG decoding included: five models against one.

    LPIPS runs with random weights, which cost what real ones cost.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        random_alexnet(folder)
        photo = photograph("chelsea")
        write_png(folder / "reference.png", photo)
        for model in range(5):
            write_png(folder / f"{model}.png", degraded(photo, 0.6 + 0.3 * model, 2 + model))
        scorer = Scorer(["psnr", "ssim", "vif", "lpips"])

        def score(models_: int) -> None:
            prepared = scorer.reference(read(folder / "reference.png"))
            for model in range(models_):
                scores = scorer.score(read(folder / f"{model}.png"), prepared)
                if missing := [s.reason for s in scores.values() if s.reason]:
                    raise SystemExit(f"not scored: {missing}")

        one, five, ratio = interleaved(lambda: score(1), lambda: score(5), repeats)
    print(
        f"psnr+ssim+vif+lpips 1280x720 with decoding: one model {one * 1e3:.0f} ms, "
        f"five {five * 1e3:.0f} ms, ratio {ratio:.2f} (target at most {FIVE_TARGET})"
    )
    return ratio


def random_alexnet(folder: Path) -> None:
    """Put a file of random weights where LPIPS looks, under a name that matches its content."""
    torch.manual_seed(0)
    layers = models.alexnet(weights=None).features
    file = folder / "backbone.pth"
    torch.save({f"features.{key}": value for key, value in layers.state_dict().items()}, file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    file = file.rename(folder / f"random-{digest}.pth")
    BACKBONES["alex"] = replace(BACKBONES["alex"], file=file.name)
    os.environ["BENCH_WEIGHTS"] = str(folder)


Function = Callable[[torch.Tensor, torch.Tensor], object]

OF_PIQ: dict[str, Function] = {
    "psnr": piq.psnr,
    "ssim": partial(piq.ssim, downsample=False),
    "ms-ssim": piq.multi_scale_ssim,
    "vif": piq.vif_p,
    "fsim": piq.fsim,
    "gmsd": piq.gmsd,
    "ms-gmsd": piq.multi_scale_gmsd,
    "haarpsi": piq.haarpsi,
    "vsi": piq.vsi,
    "mdsi": piq.mdsi,
    "sr-sim": piq.srsim,
    "dss": piq.dss,
    "iw-ssim": piq.information_weighted_ssim,
}
OF_PYIQA = {
    "psnr": "psnr",
    "ssim": "ssimc",
    "ssim-y": "ssim",
    "ms-ssim": "ms_ssim",
    "vif": "vif",
    "fsim": "fsim",
    "gmsd": "gmsd",
    "vsi": "vsi",
}
"""Ours -> what comes nearest; vif and ms_ssim of pyiqa are of other conventions."""


def beside_peers() -> None:
    """Print milliseconds a megapixel of every metric; piq's and, where it is, pyiqa's beside.

    Theirs are timed from ready float32 tensors, both images each time, as their users call them.
    """
    restored, reference = photographs_of_a_megapixel()
    pixels = reference.size / 3 / 1e6
    x, y = (
        torch.from_numpy(p).permute(2, 0, 1)[None].contiguous().float() / 255
        for p in (restored, reference)
    )

    def timed(work: Callable[[], object]) -> str:
        """Return the least of three after one, of two where one takes seconds."""
        found: list[float] = []
        with torch.inference_mode():
            for _ in range(4):
                begun = time.perf_counter()
                work()
                found.append(time.perf_counter() - begun)
                if len(found) > 1 and found[-1] > 2:
                    break
        return f"{1e3 * min(found[1:]) / pixels:.0f}"

    print("ms a megapixel: ours of a restored image, ours of a reference, piq, pyiqa")
    for name, cost in measure_metrics(metric_cards()).items():
        if cost.image is None or cost.reference is None:
            print(f"{name:14} — {cost.reason}")
            continue
        row = [f"{cost.image:.1f}", f"{cost.reference:.1f}"]
        row.append(timed(partial(OF_PIQ[name], x, y)) if name in OF_PIQ else "—")
        row.append("—")
        if name in OF_PYIQA and find_spec("pyiqa"):
            import pyiqa

            row[-1] = timed(partial(pyiqa.create_metric(OF_PYIQA[name], device="cpu"), x, y))
        print(f"{name:14} " + " ".join(f"{cell:>10}" for cell in row), flush=True)


if __name__ == "__main__":
    if "--peers" in sys.argv:
        beside_peers()
        sys.exit(0)
    reached = [piq_ratio() >= PIQ_TARGET, five_model_ratio() <= FIVE_TARGET]
    scikit_image_ratio()
    sys.exit(0 if all(reached) else 1)
