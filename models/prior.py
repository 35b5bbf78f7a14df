"""Deep image prior: a network fitted to one degraded image, and stopped before it fits the noise.

Ulyanov et al. 2018, doi:10.1109/CVPR.2018.00984. Nothing is learnt beforehand and nothing is kept:
every image begins with the same untrained network (`models.architectures.dip`). Its output is
degraded as the image was, as far as that is known, and compared with it; convolutions draw what
looks like a photograph sooner than noise. Where nothing is known of a blur it stays: what is then
removed is noise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from bench.core.errors import BenchError
from bench.degrade.resample import matrix
from models.architectures.dip import DeepImagePrior
from models.classical import known_psf
from models.restorer import CPU, NOTHING_KNOWN, Hints, store

Operator = Callable[[torch.Tensor], torch.Tensor]
"""(1,3,H,W) restored -> what would have been seen of it; both sRGB in [0,1]."""

SMALLEST, MULTIPLE = 64, 32
"""Sides that the network can draw."""


class PriorRestorer:
    """The deep image prior behind the calling contract (`models.restorer.Restorer`).

    Fitting ends after ``iterations``, or sooner: where the noise is known, when the mean squared
    difference has come down to its variance. ``rate`` is Adam's. The network's input is shaken by
    ``jitter`` times white noise in each iteration, and the outputs are averaged, ``memory`` of the
    old average with the rest of the new one. What comes out follows from ``seed`` and the image
    alone. ``watch`` is told the iterations done and the most there are; ``network`` holds options
    of `DeepImagePriorConfig`.
    """

    needs_psf = False
    uses_noise = True
    scale: int | None = None

    def __init__(
        self,
        name: str,
        iterations: int,
        rate: float = 1e-2,
        jitter: float = 1 / 30,
        memory: float = 0.99,
        seed: int = 0,
        watch: Callable[[int, int], None] | None = None,
        **network: Any,
    ) -> None:
        if iterations < 1:
            raise BenchError(f"'{name}' with {iterations} iterations; expected at least 1")
        self.name, self.device = name, CPU
        self.iterations, self.rate, self.jitter, self.memory = iterations, rate, jitter, memory
        self.spent = 0
        """Iterations spent on the last image."""
        self._seed, self._watch = seed, watch
        with torch.inference_mode(False), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            drawn = DeepImagePrior(**network)
            self._start = {key: value.clone() for key, value in drawn.state_dict().items()}
        self._channels = drawn.config.code
        self.network: torch.nn.Module | None = drawn
        self.to(CPU)

    def to(self, device: str | torch.device) -> None:
        """Work on ``device`` from now on."""
        self.device = torch.device(device)
        assert self.network is not None
        with torch.inference_mode(False):
            store(self.network.to(self.device), torch.channels_last)

    def restore(self, degraded: torch.Tensor, hints: Hints = NOTHING_KNOWN) -> torch.Tensor:
        """See `Restorer.restore`; any batch size. Raises `NotApplicable` for an image under a PSF.

        The result is in (0,1).
        """
        with torch.inference_mode(False), torch.enable_grad():
            fitted = [self._fit(image.clone(), hints) for image in torch.split(degraded, 1)]
        return torch.cat(fitted)

    def _fit(self, degraded: torch.Tensor, hints: Hints) -> torch.Tensor:
        assert self.network is not None
        height, width = (side * hints.scale for side in degraded.shape[2:])
        see = _operator(degraded.shape[2:], hints, self.device)
        enough = 0.0 if hints.noise is None else (hints.noise / 255) ** 2
        target = degraded.to(self.device)
        drawn = torch.Generator().manual_seed(self._seed)
        sides = [max(SMALLEST, -(-side // MULTIPLE) * MULTIPLE) for side in (height, width)]
        code = 0.1 * torch.rand(1, self._channels, *sides, generator=drawn)
        self.network.load_state_dict(self._start)
        self.network.train().requires_grad_()
        optimiser = torch.optim.Adam(self.network.parameters(), lr=self.rate)
        average: torch.Tensor | None = None
        for done in range(1, self.iterations + 1):
            shaken = code + self.jitter * torch.randn(code.shape, generator=drawn)
            image = self.network(
                shaken.to(self.device).contiguous(memory_format=torch.channels_last)
            )[..., :height, :width]
            difference = F.mse_loss(see(image), target)
            optimiser.zero_grad()
            difference.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            image = image.detach()
            average = image if average is None else torch.lerp(image, average, self.memory)
            self.spent = done
            if self._watch:
                self._watch(done, self.iterations)
            if difference.item() <= enough:
                break
        assert average is not None
        return average.float().cpu().contiguous()


def _operator(size: tuple[int, ...], hints: Hints, device: torch.device) -> Operator:
    """Return what is known to have happened to an image (H, W): blur, lost resolution, nothing."""
    steps: list[Operator] = []
    if hints.psf is not None:
        kernel = torch.from_numpy(known_psf(hints.psf, size)).float().to(device)
        steps.append(lambda image: blurred(image, kernel))
    if hints.scale > 1:
        rows, columns = (
            torch.from_numpy(matrix(side * hints.scale, side)).float().to(device) for side in size
        )
        steps.append(lambda image: rows @ image @ columns.T)

    def see(image: torch.Tensor) -> torch.Tensor:
        for step in steps:
            image = step(image)
        return image

    return see


def blurred(image: torch.Tensor, psf: torch.Tensor) -> torch.Tensor:
    """Blur (B,3,H,W) sRGB in [0,1] with an (h,w) PSF as `bench.degrade.psf.blur` does it.

    In linear light, mirrored at the edges. Differentiable.
    """
    rows, columns = psf.shape
    padding = (columns // 2, columns - 1 - columns // 2, rows // 2, rows - 1 - rows // 2)
    light = F.pad(_to_linear(image), padding, mode="reflect")
    kernel = psf.flip(0, 1).expand(3, 1, -1, -1)  # conv2d correlates
    return _to_srgb(F.conv2d(light, kernel, groups=3))


def _to_linear(image: torch.Tensor) -> torch.Tensor:
    return torch.where(image <= 0.04045, image / 12.92, ((image + 0.055) / 1.055) ** 2.4)


def _to_srgb(light: torch.Tensor) -> torch.Tensor:
    # clamped: a root that `where` does not choose still has a gradient, which at 0 is infinite
    root = light.clamp_min(0.0031308) ** (1 / 2.4)
    return torch.where(light <= 0.0031308, 12.92 * light, 1.055 * root - 0.055)
