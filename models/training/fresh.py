"""What is degraded anew for every crop of a training: white noise and JPEG of levels in a range."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from bench.core.errors import BenchError


def degraded_anew(
    sharp: torch.Tensor,
    ranges: Mapping[str, tuple[float, float]],
    rng: np.random.Generator,
    *,
    grey: bool = False,
) -> tuple[torch.Tensor, float | None]:
    """(3,S,S) float32 in [0,1] -> the same degraded, and its noise in 8-bit levels, None of none.

    ``ranges`` are by step of `bench.degrade`: ``sigma`` and ``jpeg``; levels are uniform in them.
    JPEG's blocks begin at the crop's corner. ``grey``: all channels get the same noise. It follows
    from ``rng`` and from the kind of device alone.
    """
    made, level = sharp, None
    if "jpeg" in ranges:
        low, high = ranges["jpeg"]
        made = _compressed(made, int(rng.integers(round(low), round(high) + 1)))
    if "sigma" in ranges:
        level = float(rng.uniform(*ranges["sigma"]))
        shape = (1 if grey else len(made), *made.shape[1:])
        made = made + _noise(shape, rng, made.device) * (level / 255)
    return made, level


def with_noise_map(image: torch.Tensor, level: float | None) -> torch.Tensor:
    """(3,S,S) -> (4,S,S): with the noise's standard deviation, given in 8-bit levels, over 255.

    Raises `BenchError` where it is not known: a network that is told it cannot learn without.
    """
    if level is None:
        raise BenchError(
            "this network is told the noise level, and that of these images is not known; train "
            "it where noise is added: --suite NAME:sigma=5-50"
        )
    return torch.cat([image, image.new_full((1, *image.shape[1:]), level / 255)])


def _noise(shape: tuple[int, ...], rng: np.random.Generator, device: torch.device) -> torch.Tensor:
    if device.type == "cpu":
        return torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))
    there = torch.Generator(device).manual_seed(int(rng.integers(2**63)))
    return torch.randn(shape, generator=there, device=device)


def _compressed(image: torch.Tensor, quality: int) -> torch.Tensor:
    from bench.degrade.processing import jpeg

    pixels = image.permute(1, 2, 0).clamp(0, 1).mul(255).round().to(torch.uint8)
    made = torch.from_numpy(jpeg(np.ascontiguousarray(pixels.cpu().numpy()), quality))
    return made.to(image.device).permute(2, 0, 1).to(torch.float32).div(255)
