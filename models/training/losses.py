"""What training minimises and what it watches, on batches of (B,3,H,W) in [0,1].

A recipe names terms and weights; `Losses` is their sum. A perceptual term whose network has no
weights on this machine is left out, and said to be: see `left_out`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as F

from bench.core.errors import BenchError, Unscorable
from bench.metrics.backbones import find_backbone
from models.recipes import Recipe
from models.training.perceptual import PERCEPTUAL, Perceptual

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(restored, reference), both (B,3,H,W) -> a scalar to minimise."""


def mse(restored: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """Mean squared error."""
    return F.mse_loss(restored, reference)


def l1(restored: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """Mean absolute error."""
    return F.l1_loss(restored, reference)


def charbonnier(
    restored: torch.Tensor, reference: torch.Tensor, epsilon: float = 1e-3
) -> torch.Tensor:
    """Mean of sqrt(difference^2 + epsilon^2): L1 made smooth at 0.

    Charbonnier et al. 1994, doi:10.1109/ICIP.1994.413553.
    """
    return torch.sqrt((restored - reference) ** 2 + epsilon**2).mean()


def dissimilarity(restored: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """1 - SSIM, the mean over the batch. H and W are 11 at least."""
    return 1 - ssim(restored, reference).mean()


LOSSES: dict[str, Loss] = {
    "mse": mse,
    "l1": l1,
    "charbonnier": charbonnier,
    "1-ssim": dissimilarity,
}
"""Name in a recipe -> loss; beside these there are the perceptual ones."""


class Losses:
    """The weighted sum of a recipe's terms. Raises `BenchError` for a name that is none.

    The networks of perceptual terms are kept out of the module that trains: they are not learnt
    and belong in no checkpoint.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        known = [*LOSSES, *PERCEPTUAL]
        if unknown := [name for name in weights if name not in known]:
            raise BenchError(f"no loss '{unknown[0]}'; known: {', '.join(known)}")
        self.weights = dict(weights)
        self._networks: dict[str, Perceptual] = {}

    def terms(self, restored: torch.Tensor, reference: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return every term, not weighted. In float32, whatever precision is around."""
        with torch.autocast(restored.device.type, enabled=False):
            restored, reference = restored.float(), reference.float()
            return {name: self._loss(name, restored)(restored, reference) for name in self.weights}

    def total(self, terms: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the weighted sum of these terms; other names are passed over. 0 of nothing."""
        total: torch.Tensor | None = None
        for name, weight in self.weights.items():
            part = weight * terms[name]
            total = part if total is None else total + part
        return torch.zeros(()) if total is None else total

    def pyramid(
        self, results: Sequence[torch.Tensor], reference: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Return every term's mean over results of several sizes, the reference shrunk to each."""
        found = [
            self.terms(
                result, F.adaptive_avg_pool2d(reference, (result.shape[-2], result.shape[-1]))
            )
            for result in results
        ]
        return {name: torch.stack([one[name] for one in found]).mean() for name in self.weights}

    def _loss(self, name: str, like: torch.Tensor) -> Loss:
        if name in LOSSES:
            return LOSSES[name]
        if name not in self._networks:
            self._networks[name] = PERCEPTUAL[name].load(like.device)
        return self._networks[name]


def left_out(recipe: Recipe) -> dict[str, str]:
    """Return the terms of a recipe that cannot be computed here, and why.

    Raises `BenchError` where nothing would be left that ties the result to its reference.
    """
    missing: dict[str, str] = {}
    for name in recipe.losses:
        if name in PERCEPTUAL:
            try:
                find_backbone(PERCEPTUAL[name].backbone)
            except Unscorable as reason:
                missing[name] = str(reason)
    if missing and len(missing) == len(recipe.losses):
        raise BenchError(
            f"without {', '.join(missing)} the recipe has no loss left: "
            f"{'; '.join(missing.values())}; random weights would teach nothing that means anything"
        )
    return missing


def psnr(restored: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """(B,) dB of each image, as `bench.metrics` measures it: clipped, rounded to 8 bits, peak 1.

    Held at 100 dB, so that identical images leave the mean finite.
    """
    errors = (rounded(restored) - reference).square().flatten(1).mean(1)
    return -10 * errors.clamp_min(1e-10).log10()


def rounded(images: torch.Tensor) -> torch.Tensor:
    """Clip to [0,1] and round to 256 levels."""
    return images.clamp(0, 1).mul(255).round().div(255)


def ssim(restored: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """(B,) SSIM of each image: Gaussian 11 sigma 1.5, valid region, mean of the channels.

    Differentiable. H and W are 11 at least. Wang et al. 2004, doi:10.1109/TIP.2003.819861.
    """
    offsets = torch.arange(11, dtype=restored.dtype, device=restored.device) - 5
    window = torch.exp(-(offsets**2) / (2 * 1.5**2))
    window = window / window.sum()
    x, y = restored.flatten(0, 1)[:, None], reference.flatten(0, 1)[:, None]  # (3B,1,H,W)

    def smooth(plane: torch.Tensor) -> torch.Tensor:
        return F.conv2d(F.conv2d(plane, window.view(1, 1, 11, 1)), window.view(1, 1, 1, 11))

    mean_x, mean_y = smooth(x), smooth(y)
    var_x, var_y = smooth(x * x) - mean_x**2, smooth(y * y) - mean_y**2
    covariance = smooth(x * y) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    similarity = ((2 * mean_x * mean_y + c1) * (2 * covariance + c2)) / (
        (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    )
    return similarity.view(len(restored), -1).mean(1)
