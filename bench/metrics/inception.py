"""How much restored images as a whole are like real ones: FID, KID and the inception score.

All three need torchvision's Inception network. Without its file they are missing, and nothing else
ever stands in for it. It is not the TensorFlow graph of published figures, and a suite has tens of
images where those have thousands, which raises FID: compare within one run only.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from bench.image import Pixels
from bench.metrics.backbones import find_backbone
from bench.metrics.set_table import Matrix, Vector

SIDE = 299
"""What the network takes."""
SUBSETS = 100
LARGEST_SUBSET = 1000


class Inception:
    """The network without its last layer, which is ``head``. Raises `Unscorable` without its file.

    It works on the device that its images are on.
    """

    def __init__(self) -> None:
        from torchvision.models import inception_v3

        state = torch.load(find_backbone("inception"), map_location="cpu", weights_only=True)
        with torch.device("meta"):
            network = inception_v3(weights=None, init_weights=False, transform_input=False)
        network.load_state_dict(state, assign=True)
        self.head: torch.nn.Module = network.fc.eval().requires_grad_(False)
        network.fc = torch.nn.Identity()
        self._network = network.eval().requires_grad_(False)

    @torch.no_grad()
    def features(self, images: torch.Tensor) -> torch.Tensor:
        """(B,3,H,W) in [0,1] -> (B,2048), of the images as 8 bits, resized to 299x299."""
        with torch.autocast(images.device.type, enabled=False):
            images = images.float().clamp(0, 1).mul(255).round().div(255)
            resized = F.interpolate(images, (SIDE, SIDE), mode="bilinear", antialias=True)
            found: torch.Tensor = self._network.to(images.device)(2 * resized - 1)
            return found


class InceptionFeatures:
    """What a picture looks like to the network: the features of a row of the table of sets."""

    def __init__(self, device: str = "cpu") -> None:
        self._network = Inception()
        self._device = device
        self.weights = find_backbone("inception").name

    def __call__(self, pixels: Pixels) -> Vector:
        """(H, W, 3) uint8 -> (2048,)."""
        image = torch.from_numpy(pixels).to(self._device).permute(2, 0, 1)[None] / 255
        found: Vector = self._network.features(image)[0].double().cpu().numpy()
        return found


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


def fid(restored: Matrix, reference: Matrix) -> tuple[float, None]:
    """Return the Fréchet distance of features (N,D) and (M,D)."""
    return frechet_distance(torch.from_numpy(restored), torch.from_numpy(reference)), None


def kid(restored: Matrix, reference: Matrix) -> tuple[float, float]:
    """Return the mean of KID over subsets of features (N,D) and (M,D), and its standard deviation.

    Binkowski et al. 2018, arXiv:1801.01401. A hundred times, half of each set (1000 at most) is
    drawn without replacement, always the same half for the same sizes. The estimate is unbiased:
    it does not depend on the size of the sets, and may be negative where they are alike.
    """
    draw = np.random.default_rng(0)
    sizes = [min(len(side) // 2, LARGEST_SUBSET) for side in (restored, reference)]
    found = [
        squared_discrepancy(
            *(
                side[draw.choice(len(side), size, replace=False)]
                for side, size in zip((restored, reference), sizes, strict=True)
            )
        )
        for _ in range(SUBSETS)
    ]
    return float(np.mean(found)), float(np.std(found, ddof=1))


def squared_discrepancy(x: Matrix, y: Matrix) -> float:
    """Return the unbiased squared maximum mean discrepancy of (N,D) and (M,D), N and M at least 2.

    The kernel is (x . y / D + 1)^3.
    """

    def kernel(a: Matrix, b: Matrix) -> Matrix:
        values: Matrix = (a @ b.T / a.shape[1] + 1) ** 3
        return values

    def among(side: Matrix) -> float:
        values = kernel(side, side)
        return float(values.sum() - values.trace()) / (len(side) * (len(side) - 1))

    return among(x) + among(y) - 2 * float(kernel(x, y).mean())


def inception_score(logits: torch.Tensor) -> float:
    """Exponential of the mean divergence of each image's classes from all images': (N,C) -> 1 to C.

    Salimans et al. 2016, arXiv:1606.03498; all images in one split.
    """
    log_each = F.log_softmax(logits.double(), dim=1)
    log_all = log_each.exp().mean(0).log()
    return float((log_each.exp() * (log_each - log_all)).sum(1).mean().exp())
