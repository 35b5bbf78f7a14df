"""Adversarial losses against closed forms, and the penalty of critics whose slope is known."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch.nn import functional as F

from models.training.adversarial import GAMES, gradient_penalty


def scores(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64).view(1, 1, 1, -1)


REAL, MADE = scores(2.0, 0.5, -1.0), scores(0.3, -0.7)


def cross_entropy(values: torch.Tensor, real: bool) -> float:
    targets = torch.full_like(values, float(real))
    return float(F.binary_cross_entropy(torch.sigmoid(values), targets))


def test_cross_entropy_is_that_of_the_sigmoid() -> None:
    game = GAMES["bce"]
    assert float(game.generator(REAL, MADE)) == pytest.approx(cross_entropy(MADE, True))
    both = cross_entropy(REAL, True) + cross_entropy(MADE, False)
    assert float(game.discriminator(REAL, MADE)) == pytest.approx(both / 2)


def test_least_squares_are_distances_from_one_and_zero() -> None:
    game = GAMES["lsgan"]
    # ((0.3 - 1)^2 + (-0.7 - 1)^2) / 2 = (0.49 + 2.89) / 2
    assert float(game.generator(REAL, MADE)) == pytest.approx(1.69)
    # real: (1 + 0.25 + 4) / 3 = 1.75; made: (0.09 + 0.49) / 2 = 0.29
    assert float(game.discriminator(REAL, MADE)) == pytest.approx((1.75 + 0.29) / 2)


def test_wasserstein_is_the_difference_of_the_means() -> None:
    game = GAMES["wgan-gp"]
    assert float(game.generator(REAL, MADE)) == pytest.approx(0.2)  # -(0.3 - 0.7) / 2
    assert float(game.discriminator(REAL, MADE)) == pytest.approx(-0.2 - 0.5)


def test_relativistic_scores_are_taken_against_the_average_of_the_others() -> None:
    game = GAMES["ragan"]
    real, made = REAL - MADE.mean(), MADE - REAL.mean()
    discriminator = (cross_entropy(real, True) + cross_entropy(made, False)) / 2
    assert float(game.discriminator(REAL, MADE)) == pytest.approx(discriminator)
    generator = (cross_entropy(real, False) + cross_entropy(made, True)) / 2
    assert float(game.generator(REAL, MADE)) == pytest.approx(generator)


@pytest.mark.parametrize("name", list(GAMES))
def test_each_side_gains_by_what_the_other_loses(name: str) -> None:
    game = GAMES[name]
    real, made = scores(0.4, 0.8), scores(0.3, 0.1, 0.2)  # where least squares point that way too
    better = made + 0.1  # more real, in the discriminator's eyes
    assert game.generator(real, better) < game.generator(real, made)
    assert game.discriminator(real, better) > game.discriminator(real, made)
    assert game.discriminator(real + 0.1, made) < game.discriminator(real, made)
    moved = game.generator(real + 0.1, made) - game.generator(real, made)
    assert (moved != 0) == game.compares


@pytest.mark.parametrize("name", ["bce", "ragan"])
def test_scores_of_any_size_have_finite_losses(name: str) -> None:
    real, made = scores(200.0, -200.0), scores(-300.0, 300.0)
    assert math.isfinite(GAMES[name].discriminator(real, made))
    assert math.isfinite(GAMES[name].generator(real, made))


def images(seed: int) -> torch.Tensor:
    return torch.rand((2, 3, 5, 4), generator=torch.Generator().manual_seed(seed)).double()


def penalty(critic: Callable[[torch.Tensor], torch.Tensor], parts: torch.Tensor) -> float:
    return float(gradient_penalty(critic, images(0), images(1), parts).detach())


def test_a_linear_critic_is_penalised_for_its_slope_alone() -> None:
    slope = torch.full((3, 5, 4), 0.5, dtype=torch.float64)  # norm sqrt(60 * 0.25) = sqrt(15)

    def critic(between: torch.Tensor) -> torch.Tensor:
        return (between * slope).flatten(1).sum(1, keepdim=True)

    found = penalty(critic, torch.tensor([0.2, 0.9]))
    assert found == pytest.approx((math.sqrt(15) - 1) ** 2)

    def gentle(between: torch.Tensor) -> torch.Tensor:
        return critic(between) / math.sqrt(15)

    assert penalty(gentle, torch.ones(2)) < 1e-20


def test_the_penalty_of_patches_is_that_of_their_mean() -> None:
    def patches(between: torch.Tensor) -> torch.Tensor:
        return F.avg_pool2d(between.sum(1, keepdim=True), 2)  # (B,1,2,2)

    def whole(between: torch.Tensor) -> torch.Tensor:
        return patches(between).mean((2, 3))

    parts = torch.tensor([0.5, 0.1])
    many, one = (penalty(critic, parts) for critic in (patches, whole))
    assert many == pytest.approx(one)


def test_the_penalty_is_taken_between_the_images_of_a_pair() -> None:
    """A critic of score |x|^2 / 2 has the gradient x itself."""

    def critic(between: torch.Tensor) -> torch.Tensor:
        return between.square().flatten(1).sum(1) / 2

    real, made = images(0), images(1)
    parts = torch.tensor([0.25, 0.75], dtype=torch.float64)
    norms = [float((p * r + (1 - p) * m).norm()) for p, r, m in zip(parts, real, made, strict=True)]
    expected = sum((norm - 1) ** 2 for norm in norms) / 2
    assert penalty(critic, parts) == pytest.approx(expected)


def test_the_penalty_teaches_the_critic_and_not_the_generator() -> None:
    weight = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    made = images(1).requires_grad_()

    def of(weight: torch.Tensor) -> torch.Tensor:
        def critic(between: torch.Tensor) -> torch.Tensor:
            return torch.tanh(weight * between).flatten(1).sum(1)

        return gradient_penalty(critic, images(0), made, torch.tensor([0.3, 0.6]))

    assert torch.autograd.gradcheck(of, (weight,))
    of(weight).backward()  # type: ignore[no-untyped-call]
    assert weight.grad is not None
    assert made.grad is None


def test_a_flat_critic_has_a_penalty_and_no_nan() -> None:
    weight = torch.zeros((), dtype=torch.float64, requires_grad=True)
    found = gradient_penalty(
        lambda between: (weight * between).flatten(1).sum(1), images(0), images(1), torch.ones(2)
    )
    found.backward()  # type: ignore[no-untyped-call]
    assert float(found.detach()) == pytest.approx(1, abs=1e-5)
    assert weight.grad is not None
    assert math.isfinite(float(weight.grad))
