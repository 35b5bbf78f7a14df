"""What a generator and its discriminator minimise, as functions of the discriminator's scores.

Scores are unbounded, larger for real, of any shape: one an image, or one a patch. The losses of a
discriminator are means of their two halves, so that two networks of one recipe learn at like rates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

Judge = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(scores of real images, scores of made ones) -> a scalar to minimise."""


@dataclass(frozen=True, slots=True)
class Game:
    """Both sides' losses. ``compares``: the generator's looks at the scores of real images too."""

    generator: Judge
    discriminator: Judge
    compares: bool = False


def _bce_generator(real: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
    return F.softplus(-made).mean()


def _bce_discriminator(real: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
    return (F.softplus(-real).mean() + F.softplus(made).mean()) / 2


def _lsgan_generator(real: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
    return (made - 1).square().mean()


def _lsgan_discriminator(real: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
    return ((real - 1).square().mean() + made.square().mean()) / 2


def _wasserstein_generator(real: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
    return -made.mean()


def _wasserstein_discriminator(real: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
    return made.mean() - real.mean()


def _relativistic_generator(real: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
    return _bce_discriminator(made - real.mean(), real - made.mean())


def _relativistic_discriminator(real: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
    return _bce_discriminator(real - made.mean(), made - real.mean())


GAMES: dict[str, Game] = {
    "bce": Game(_bce_generator, _bce_discriminator),
    "lsgan": Game(_lsgan_generator, _lsgan_discriminator),
    "wgan": Game(_wasserstein_generator, _wasserstein_discriminator),
    "wgan-gp": Game(_wasserstein_generator, _wasserstein_discriminator),
    "ragan": Game(_relativistic_generator, _relativistic_discriminator, compares=True),
}
"""Name in a recipe -> losses.

bce: binary cross-entropy of the scores' sigmoid, the generator's not saturating. Goodfellow et al.
2014, arXiv:1406.2661. lsgan: squared distance from 1 and 0. Mao et al. 2017, arXiv:1611.04076.
wgan: difference of the means, for a critic whose weights are cut to a range. Arjovsky et al. 2017,
arXiv:1701.07875. wgan-gp: the same, to which `gradient_penalty` belongs. Gulrajani et al. 2017,
arXiv:1704.00028. ragan: whether a real image looks more real than the average made one. Jolicoeur-
Martineau 2019, arXiv:1807.00734, as ESRGAN takes it.
"""


def gradient_penalty(
    critic: Callable[[torch.Tensor], torch.Tensor],
    real: torch.Tensor,
    made: torch.Tensor,
    parts: torch.Tensor,
) -> torch.Tensor:
    """Mean of (norm of the gradient of an image's score - 1)^2, which holds a critic to slope 1.

    At ``parts`` * real + (1 - parts) * made, all images (B,C,H,W), ``parts`` (B,) in [0,1]. The
    score of an image is the mean of its patches', so that the penalty does not grow with the image.
    Differentiable with respect to the critic. Gulrajani et al. 2017, arXiv:1704.00028.
    """
    parts = parts.view(-1, 1, 1, 1)
    between = (parts * real.detach() + (1 - parts) * made.detach()).requires_grad_()
    scores = critic(between).reshape(len(between), -1).mean(1).sum()
    (gradient,) = torch.autograd.grad(scores, between, create_graph=True)
    # the root has no slope at 0: where an image's score is flat, 1e-12 keeps NaN out
    norms = (gradient.flatten(1).square().sum(1) + 1e-12).sqrt()
    return (norms - 1).square().mean()
