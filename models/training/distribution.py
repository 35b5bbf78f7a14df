"""How much restored images as a whole are like real ones: FID and inception score.

For watching adversarial training; both need torchvision's Inception network. Without its file they
are missing, and nothing else ever stands in for it. It is not the TensorFlow graph of published
figures, and a validation has a few images where those have thousands, which raises FID and lowers
the score: compare within one training only.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from bench.core.errors import Unscorable
from bench.metrics.backbones import find_backbone
from models.recipes import Recipe

SIDE = 299
"""What the network takes."""

FIGURES = ("fid", "inception_score")


def unwatched(recipe: Recipe) -> dict[str, str]:
    """Return what should be watched while a recipe trains and cannot be here, and why."""
    if recipe.adversary is None:
        return {}
    try:
        find_backbone("inception")
    except Unscorable as reason:
        return dict.fromkeys(FIGURES, str(reason))
    return {}


def frechet_distance(restored: torch.Tensor, reference: torch.Tensor) -> float:
    """FID of features (N,D) and (M,D): of the Gaussians with their means and covariances.

    N and M are 2 at least. 0 for equal sets. Heusel et al. 2017, arXiv:1706.08500. With the centred
    features X and Y, the trace of the root of the covariances' product is the sum of the singular
    values of X Y' over sqrt((N-1)(M-1)), which takes no matrix of DxD.
    """
    means = [side.double().mean(0) for side in (restored, reference)]
    x, y = (s.double() - m for s, m in zip((restored, reference), means, strict=True))
    traces = x.square().sum() / (len(x) - 1) + y.square().sum() / (len(y) - 1)
    roots = torch.linalg.svdvals(x @ y.T).sum() / ((len(x) - 1) * (len(y) - 1)) ** 0.5
    distance = (means[0] - means[1]).square().sum() + traces - 2 * roots
    return max(0.0, float(distance))


def inception_score(logits: torch.Tensor) -> float:
    """Exponential of the mean divergence of each image's classes from all images': (N,C) -> 1 to C.

    Salimans et al. 2016, arXiv:1606.03498; all images in one split.
    """
    log_each = F.log_softmax(logits.double(), dim=1)
    log_all = log_each.exp().mean(0).log()
    return float((log_each.exp() * (log_each - log_all)).sum(1).mean().exp())


class Likeness:
    """Collects a validation's images batch by batch. Raises `Unscorable` without the weights."""

    def __init__(self) -> None:
        from torchvision.models import inception_v3

        state = torch.load(find_backbone("inception"), map_location="cpu", weights_only=True)
        with torch.device("meta"):
            network = inception_v3(weights=None, init_weights=False, transform_input=False)
        network.load_state_dict(state, assign=True)
        self._head = network.fc.eval().requires_grad_(False)
        network.fc = torch.nn.Identity()
        self._network = network.eval().requires_grad_(False)
        self._restored: list[torch.Tensor] = []
        self._reference: list[torch.Tensor] = []
        self._reference_known = False

    def add(self, restored: torch.Tensor, reference: torch.Tensor) -> None:
        """Take (B,3,H,W) of each in [0,1]; the references are taken to be the same every time."""
        self._restored.append(self.features(restored))
        if not self._reference_known:
            self._reference.append(self.features(reference))

    def figures(self) -> dict[str, float]:
        """Return what the images since the last call come to; nothing of fewer than two."""
        restored = torch.cat(self._restored)
        self._restored.clear()
        self._reference_known = True
        if len(restored) < 2:
            return {}
        logits = self._head.to(restored.device)(restored)
        distance = frechet_distance(restored, torch.cat(self._reference))
        return dict(zip(FIGURES, (distance, inception_score(logits)), strict=True))

    @torch.no_grad()
    def features(self, images: torch.Tensor) -> torch.Tensor:
        """(B,3,H,W) in [0,1] -> (B,2048), of the images as 8 bits, resized to 299x299."""
        with torch.autocast(images.device.type, enabled=False):
            images = images.float().clamp(0, 1).mul(255).round().div(255)
            whole = F.interpolate(images, (SIDE, SIDE), mode="bilinear", antialias=True)
            found: torch.Tensor = self._network.to(images.device)(2 * whole - 1)
            return found
