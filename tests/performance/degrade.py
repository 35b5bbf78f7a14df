"""What degrading costs: every blur on 1280x720, and ours against SciPy and torch.

Run as ``python tests/performance/degrade.py``. Ratios are medians over neighbouring runs, A B A B,
so that a machine that is busy for a while disturbs both; times are the best of three. The exit
status is 1 where a target is missed.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import cv2
import numpy as np
import torch
from scipy.ndimage import convolve, map_coordinates, spline_filter
from skimage import data
from torch.nn.functional import interpolate

from bench.degrade.light import Light, to_linear
from bench.degrade.pipeline import Degradation, degrade
from bench.degrade.psf import blur, defocus_psf, trajectory
from bench.degrade.resample import downsample
from bench.degrade.shake import Homographies, average, poses, rotations
from bench.image import Pixels

SIZE = (720, 1280)
SHAKE_TARGET = 20.0
BLUR_TARGET = 20.0
DOWNSAMPLE_TARGET = 0.5

DEGRADATIONS = (
    Degradation("motion", size=20, angle=30),
    Degradation("trajectory", size=20),
    Degradation("trajectory", size=60),
    Degradation("gaussian", size=3),
    Degradation("defocus", size=5),
    Degradation("defocus", size=30),
    Degradation("shake", size=6),
    Degradation("shake", size=6, roll=0.5),
    Degradation("spin", size=2),
    Degradation("zoom", size=4),
    Degradation("layers", size=15, background=6),
    Degradation("depth", size=3),
    Degradation("depth", size=8),
    Degradation("lens", size=6, astigmatism=0.67),
    Degradation("shake-defocus", size=6, roll=0.5, radius=2),
    Degradation("turbulence", size=4),
    Degradation(haze=1.5),
    Degradation(electrons=1000, read_noise=3),
    Degradation(illumination=0.1, low_light="dark", electrons=1000, read_noise=3),
    Degradation(detail_loss=2.0),
    Degradation(scale=4),
    Degradation(jpeg=40),
    Degradation(sigma=25),
)


def photograph(height: int, width: int) -> Pixels:
    """Return one of scikit-image's photographs at another size."""
    resized = cv2.resize(data.astronaut(), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(resized, np.uint8)


def best(run: Callable[[], object]) -> float:
    """Return the least of three times in seconds."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def ratio(
    ours: Callable[[], object], theirs: Callable[[], object], repeats: int = 3
) -> tuple[float, float, float]:
    """Return both medians in seconds and the median of theirs/ours over neighbouring runs."""
    ours()  # start threads, fill caches
    times: list[tuple[float, float]] = []
    for _ in range(repeats):
        a = time.perf_counter()
        ours()
        b = time.perf_counter()
        theirs()
        times.append((b - a, time.perf_counter() - b))
    fast, slow = (statistics.median(column) for column in zip(*times, strict=True))
    return fast, slow, statistics.median(there / here for here, there in times)


def table() -> None:
    """Print what each degradation of a 1280x720 photograph takes."""
    sharp, plain = photograph(*SIZE), Degradation().as_dict()
    for how in DEGRADATIONS:
        said = [f"{key}={value}" for key, value in how.as_dict().items() if value != plain[key]]
        print(f"{best(lambda how=how: degrade(sharp, how)) * 1e3:6.0f} ms  {' '.join(said)}")


def splines(light: Light, homographies: Homographies) -> Light:
    """Average the views of a shake with SciPy's cubic splines, which are exact and slow."""
    height, width = light.shape[:2]
    rows, columns = np.mgrid[:height, :width]
    places = np.stack([columns.ravel(), rows.ravel(), np.ones(columns.size)])
    channels = [spline_filter(light[..., c], order=3, mode="mirror") for c in range(3)]
    total = np.zeros((3, columns.size))
    for homography in homographies:
        seen = homography @ places
        at = seen[1::-1] / seen[2]
        for c in range(3):
            total[c] += map_coordinates(channels[c], at, order=3, mode="mirror", prefilter=False)
    return np.moveaxis(total.reshape(3, height, width), 0, -1) / len(homographies)


def shake_ratio() -> float:
    """Time 31 poses at 640x360."""
    light = to_linear(photograph(360, 640))
    rng = np.random.default_rng(0)
    course = poses(trajectory(rng, 8.0), np.radians(trajectory(rng, 0.3)[:, 0]), (360, 640))
    homographies = rotations(course[np.linspace(0, len(course) - 1, 31).astype(int)], (360, 640))
    fast, slow, found = ratio(
        lambda: average(light, homographies), lambda: splines(light, homographies)
    )
    inside = (slice(16, -16), slice(16, -16))
    off = np.abs(average(light, homographies) - splines(light, homographies))[inside].mean()
    print(
        f"shake, 31 poses, 640x360: ours {fast * 1e3:.0f} ms, splines {slow * 1e3:.0f} ms, ratio "
        f"{found:.0f} (target {SHAKE_TARGET:.0f}); light differs by {off:.4f} on average"
    )
    return found


def blur_ratio() -> float:
    """Time a 61x61 disc at 320x180 against direct convolution."""
    light, psf = to_linear(photograph(180, 320)), defocus_psf(30.0)

    def direct() -> Light:
        return np.stack([convolve(light[..., c], psf, mode="mirror") for c in range(3)], axis=-1)

    if np.abs(blur(light, psf) - direct()).max() > 1e-13:
        raise SystemExit("not the same numbers as SciPy")
    fast, slow, found = ratio(lambda: blur(light, psf), direct)
    print(
        f"61x61 blur, 320x180: ours {fast * 1e3:.0f} ms, direct {slow * 1e3:.0f} ms, ratio "
        f"{found:.0f} (target {BLUR_TARGET:.0f})"
    )
    return found


def downsample_ratio() -> float:
    """Time x4 of 2040x1356 against torch's antialiased bicubic, the same kernel, in float64."""
    large = photograph(1356, 2040)

    def theirs() -> torch.Tensor:
        batch = torch.from_numpy(large).permute(2, 0, 1)[None].double()
        return interpolate(batch, scale_factor=0.25, mode="bicubic", antialias=True)

    fast, slow, found = ratio(lambda: downsample(large, 4), theirs, repeats=7)
    print(
        f"bicubic x4, 2040x1356: ours {fast * 1e3:.0f} ms, torch {slow * 1e3:.0f} ms, ratio "
        f"{found:.2f} (target {DOWNSAMPLE_TARGET})"
    )
    return found


if __name__ == "__main__":
    table()
    reached = [
        shake_ratio() >= SHAKE_TARGET,
        blur_ratio() >= BLUR_TARGET,
        downsample_ratio() >= DOWNSAMPLE_TARGET,
    ]
    sys.exit(0 if all(reached) else 1)
