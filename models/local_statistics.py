"""Test-time local statistics (TLC), Chu et al. 2022, arXiv:2112.04491.

A network that was trained on crops and takes the mean of all pixels (channel attention) sees other
statistics on a whole image. Here each mean is that of a window as large as one and a half training
crops, as NAFNet's published figures have it: 33.71 dB on GoPro against 33.08 without.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from bench.core.errors import BenchError
from models.restorer import Restorer

TRAINING_CROP = 256
"""Side of the crops that NAFNet, MPRNet and their kin were trained on, in pixels."""
WINDOW = 1.5
"""Side of the window as a part of the training crop."""
PROBE = 128
"""Side of the image, without values, by which the size of the features at each mean is seen."""


class LocalMean(nn.Module):
    """(B,C,H,W) -> the mean of the ``window`` (height, width) around each pixel, as large.

    Windows lie inside the image: near an edge the nearest whole one counts. Where a side of the
    image is no larger than the window's, the mean is over that side, and (B,C,1,1) where both are.
    """

    def __init__(self, window: tuple[int, int]) -> None:
        super().__init__()
        self.window = window

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """See the class."""
        center = features.float().mean(dim=(2, 3), keepdim=True)
        if all(s <= w for s, w in zip(features.shape[2:], self.window, strict=True)):
            return center.to(features.dtype)
        means = features.float() - center  # small numbers: running sums lose nothing of them
        for axis, size in zip((2, 3), self.window, strict=True):
            means = _running_mean(means, axis, size)
        return (means + center).to(features.dtype)


def _running_mean(values: torch.Tensor, axis: int, size: int) -> torch.Tensor:
    """Return the means of ``size`` neighbours along an axis, the first and last ones repeated."""
    side = values.shape[axis]
    if side <= size:
        return values.mean(dim=axis, keepdim=True).expand_as(values)
    sums = F.pad(values.cumsum(axis), (0, 0, 1, 0) if axis == 2 else (1, 0))
    inside = side - size + 1
    means = (sums.narrow(axis, size, inside) - sums.narrow(axis, 0, inside)) / size
    before = (side - inside) // 2
    index = (torch.arange(side, device=values.device) - before).clamp(0, inside - 1)
    return means.index_select(axis, index)


def with_local_statistics(restorer: Restorer) -> Restorer:
    """Put a `LocalMean` in the place of each mean over the whole image, in a network.

    Raises `BenchError` for a model that takes no such mean.
    """
    network = restorer.network
    means = {
        name: module
        for name, module in (network.named_modules() if network is not None else ())
        if isinstance(module, nn.AdaptiveAvgPool2d) and module.output_size in (1, (1, 1))
    }
    if network is None or not means:
        raise BenchError(
            f"@tlc changes means over the whole image, of which '{restorer.name}' takes none; "
            "it is for NAFNet, MPRNet and their kin"
        )
    windows = _windows(network, means)
    for name, window in windows.items():
        parent, _, last = name.rpartition(".")
        setattr(network.get_submodule(parent), last, LocalMean(window))
    return restorer


def _windows(
    network: nn.Module, means: dict[str, nn.AdaptiveAvgPool2d]
) -> dict[str, tuple[int, int]]:
    """Return the window of each mean, by the size that its input has for a training crop."""
    inner = getattr(network, "model", network)  # of spandrel, without what its descriptor adds
    at = {id(module): name for name, module in means.items()}
    memo: dict[int, Any] = {}
    probe = copy.deepcopy(inner, memo).to("meta")
    names = {id(memo[key]): name for key, name in at.items() if key in memo}
    seen: dict[str, tuple[int, int]] = {}

    def note(module: nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        seen[names[id(module)]] = (args[0].shape[2], args[0].shape[3])

    for module in probe.modules():
        if id(module) in names:
            module.register_forward_pre_hook(note)
    channels = next(p.shape[1] for p in inner.parameters() if p.ndim == 4)
    with torch.inference_mode():
        probe(torch.empty(1, channels, PROBE, PROBE, device="meta"))
    if lost := means.keys() - seen.keys():
        raise BenchError(f"@tlc: the mean '{sorted(lost)[0]}' is not taken where an image passes")
    part = TRAINING_CROP / PROBE * WINDOW
    return {n: (int(high * part), int(wide * part)) for n, (high, wide) in seen.items()}
