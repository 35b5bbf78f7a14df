"""The discriminators of adversarial training: built, judging, being judged, kept out of a step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import torch
from torch import nn

from bench.core.errors import BenchError
from bench.core.names import choose
from models.loading import build_network
from models.recipes import Adversary, Recipe
from models.training.adversarial import GAMES, gradient_penalty
from models.training.layout import laid_out, lay_out
from models.training.plan import Task

Terms = dict[str, torch.Tensor]


def adversary_of(recipe: Recipe) -> Adversary:
    """Return the recipe's adversary. Raises `BenchError` where there is none, or it is unusable."""
    adversary = recipe.adversary
    if adversary is None:
        raise BenchError(f"the recipe's method is '{recipe.method}', but it names no adversary")
    choose("adversarial loss", adversary.loss, GAMES)
    if adversary.steps < 1 or adversary.pool < 0:
        raise BenchError(
            f"an adversary of {adversary.steps} steps and a pool of {adversary.pool} images; "
            "expected at least 1 step, and no negative pool"
        )
    if adversary.clip <= 0:
        raise BenchError(f"adversary.clip={adversary.clip:g}; expected more than 0, such as 0.01")
    return adversary


def discriminator_of(task: Task, number: int, side: int) -> nn.Module:
    """Build the card's discriminator, its weights drawn from the seed and ``number``.

    Raises `BenchError` where the card names none, or the one it names cannot judge crops of so many
    pixels or by the recipe's loss.
    """
    card = task.card
    if card is None or card.discriminator is None:
        name = "this network" if card is None else f"'{card.name}'"
        raise BenchError(f"{name} has no discriminator: its card names none; take method 'plain'")
    adversary = adversary_of(task.recipe)
    discriminator = build_network(
        replace(card, build=card.discriminator, options=dict(adversary.network)), task.seed + number
    )
    if adversary.loss == "wgan-gp" and any(
        isinstance(layer, nn.modules.batchnorm._BatchNorm) for layer in discriminator.modules()
    ):
        raise BenchError(
            f"the discriminator of '{card.name}' normalises over the batch; the penalty of "
            "'wgan-gp' looks at one image at a time: take another adversarial loss, or "
            "--set adversary.network.norm=instance"
        )
    try:
        with torch.no_grad():
            discriminator.eval()(torch.zeros(1, 3, side, side))
    except (RuntimeError, ValueError) as error:
        raise BenchError(
            f"the discriminator of '{card.name}' cannot judge images of {side}x{side} "
            f"({str(error).splitlines()[0]}); give the recipe another crop"
        ) from error
    return lay_out(discriminator.train())


def judge(discriminator: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """(B,3,H,W) -> the discriminator's scores in float32."""
    scores: torch.Tensor = discriminator(laid_out(images, discriminator))
    return scores.float()


def discriminator_loss(
    discriminator: nn.Module, adversary: Adversary, real: torch.Tensor, made: torch.Tensor
) -> tuple[torch.Tensor, Terms]:
    """Return what the discriminator has to minimise, and its parts and mean scores by name.

    Draws where the gradient penalty is taken from torch's random numbers on the CPU.
    """
    real_scores, made_scores = judge(discriminator, real), judge(discriminator, made)
    loss = GAMES[adversary.loss].discriminator(real_scores, made_scores)
    found = {
        "discriminator": loss,
        "score_real": real_scores.mean(),
        "score_restored": made_scores.mean(),
    }
    if adversary.loss == "wgan-gp":
        parts = torch.rand(len(real)).to(real.device)
        with torch.autocast(real.device.type, enabled=False):  # a slope of a slope needs the bits
            found["penalty"] = gradient_penalty(
                partial(judge, discriminator), real.float(), made.float(), parts
            )
        loss = loss + adversary.penalty * found["penalty"]
    return loss, {name: value.detach() for name, value in found.items()}


def after_step(discriminator: nn.Module, adversary: Adversary) -> None:
    """Cut the weights of a ``wgan``'s critic to their range; leave those of any other."""
    if adversary.loss != "wgan":
        return
    with torch.no_grad():
        for parameter in discriminator.parameters():
            parameter.clamp_(-adversary.clip, adversary.clip)


def generator_loss(
    discriminator: nn.Module, adversary: Adversary, real: torch.Tensor, made: torch.Tensor
) -> torch.Tensor:
    """Return what the generator has to minimise for ``made`` to look real."""
    game = GAMES[adversary.loss]
    scores = judge(discriminator, made)
    return game.generator(judge(discriminator, real) if game.compares else scores, scores)


@contextmanager
def frozen(*networks: nn.Module) -> Iterator[None]:
    """Let gradients pass through networks inside, but none reach their weights."""
    for network in networks:
        network.requires_grad_(False)
    try:
        yield
    finally:
        for network in networks:
            network.requires_grad_(True)


class ImagePool:
    """Earlier restored images that a discriminator is shown, lest it forget how they used to look.

    Shrivastava et al. 2017, doi:10.1109/CVPR.2017.241. ``size`` 0 keeps none.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.images: list[torch.Tensor] = []
        """(3,H,W) each, the oldest places first."""

    def exchange(self, images: torch.Tensor) -> torch.Tensor:
        """Take (B,3,H,W) and return as many; once the pool is full, about half of them older ones.

        Which, is drawn from torch's random numbers on the CPU.
        """
        if self.size == 0:
            return images
        shown = []
        for image in images.detach().unbind():
            if len(self.images) < self.size:
                self.images.append(image.clone())
                shown.append(image)
            elif float(torch.rand(())) < 0.5:
                slot = int(torch.randint(self.size, ()))
                shown.append(self.images[slot].to(image.device))
                self.images[slot] = image.clone()
            else:
                shown.append(image)
        return torch.stack(shown)
