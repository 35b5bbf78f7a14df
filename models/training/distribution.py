"""FID and inception score of a training's validation images, for watching adversarial training."""

from __future__ import annotations

import torch

from bench.core.errors import Unscorable
from bench.metrics.backbones import find_backbone
from bench.metrics.inception import Inception, frechet_distance, inception_score
from models.recipes import Recipe

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


class DistributionMetrics:
    """Collects a validation's images batch by batch. Raises `Unscorable` without the weights."""

    def __init__(self) -> None:
        self._network = Inception()
        self._restored: list[torch.Tensor] = []
        self._reference: list[torch.Tensor] = []
        self._reference_known = False

    def add(self, restored: torch.Tensor, reference: torch.Tensor) -> None:
        """Take (B,3,H,W) of each in [0,1]; the references are taken to be the same every time."""
        self._restored.append(self._network.features(restored))
        if not self._reference_known:
            self._reference.append(self._network.features(reference))

    def figures(self) -> dict[str, float]:
        """Return what the images since the last call come to; nothing of fewer than two."""
        restored = torch.cat(self._restored)
        self._restored.clear()
        self._reference_known = True
        if len(restored) < 2:
            return {}
        logits = self._network.head.to(restored.device)(restored)
        distance = frechet_distance(restored, torch.cat(self._reference))
        return dict(zip(FIGURES, (distance, inception_score(logits)), strict=True))
