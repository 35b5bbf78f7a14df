"""What training minimises and what it watches, on batches of (B,3,H,W) in [0,1]."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F

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


LOSSES: dict[str, Loss] = {"mse": mse, "l1": l1, "charbonnier": charbonnier}
"""Name in a recipe -> loss."""


def psnr(restored: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """(B,) dB of each image, as `bench.metrics` measures it: clipped, rounded to 8 bits, peak 1.

    Held at 100 dB, so that identical images leave the mean finite.
    """
    rounded = restored.clamp(0, 1).mul(255).round().div(255)
    errors = (rounded - reference).square().flatten(1).mean(1)
    return -10 * errors.clamp_min(1e-10).log10()


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
