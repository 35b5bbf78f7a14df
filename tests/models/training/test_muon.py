"""Muon: kernels turn by steps whose singular values are near one, all else is AdamW's."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable

import torch
from torch import nn

from models.recipes import Recipe
from models.training.muon import AS_ADAM, Muon, _of_a_size, orthogonal, turned
from models.training.optimisation import optimiser_for

RECIPE = Recipe(optimiser="muon", learning_rate=0.01, weight_decay=0.0)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 1), nn.Conv2d(8, 3, 3, padding=1)
    return nn.Sequential(*layers)


def after(
    steps: int,
    make: Callable[[nn.Module], torch.optim.Optimizer],
    learner: nn.Module,
) -> torch.optim.Optimizer:
    """Let a network learn to put out the square of its input; return the optimiser."""
    optimiser, image = make(learner), torch.rand(2, 3, 8, 8, generator=torch.manual_seed(1))
    for _ in range(steps):
        optimiser.zero_grad()
        (learner(image) - image.square()).square().mean().backward()
        optimiser.step()
    return optimiser


def test_singular_vectors_stay_and_singular_values_come_near_one() -> None:
    for shape in ((2, 8, 30), (2, 30, 8)):
        matrices = torch.randn(shape, generator=torch.manual_seed(0))
        left, _, right = torch.linalg.svd(matrices, full_matrices=False)
        found = left.mT @ orthogonal(matrices) @ right.mT
        values = found.diagonal(dim1=1, dim2=2)
        torch.testing.assert_close(found, torch.diag_embed(values), atol=1e-5, rtol=0)
        assert 0.65 < values.min() <= values.max() < 1.25


def test_kernels_of_other_shapes_that_are_turned_together_turn_as_alone() -> None:
    generator = torch.manual_seed(0)
    shapes = (32, 32, 3, 3), (12, 32, 3, 3), (32, 12, 3, 3), (32, 32, 3, 3), (8, 4, 5, 5), (3, 1, 3)
    kernels = [torch.randn(shape, generator=generator) for shape in shapes]
    kernels[0] = kernels[0].contiguous(memory_format=torch.channels_last)
    for kernel, found in zip(kernels, turned(kernels), strict=True):
        alone = orthogonal(kernel.flatten(1)[None])[0].view_as(kernel)
        torch.testing.assert_close(found, alone, atol=2e-5, rtol=1e-4)
    large = torch.Size((256, 2304)), *[torch.Size((16, 144))] * 9
    assert _of_a_size(large) == [[0], list(range(1, 10))]
    assert _of_a_size((torch.Size((9, 9)), torch.Size((8, 10)))) == [[0, 1]]


def test_where_the_network_computes_in_bfloat16_its_steps_are_in_float32() -> None:
    one, other = network(), network()
    for learner, lower in ((one, False), (other, True)):
        optimiser = optimiser_for(learner.parameters(), RECIPE)
        generator = torch.manual_seed(2)
        for parameter in learner.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        with torch.autocast("cpu", torch.bfloat16, enabled=lower):
            optimiser.step()
    for low, high in zip(other.parameters(), one.parameters(), strict=True):
        assert torch.equal(low, high)


def test_its_first_step_is_as_long_as_adamws() -> None:
    learner = network()
    before = learner[0].weight.detach().clone()
    after(1, lambda n: optimiser_for(n.parameters(), RECIPE), learner)
    moved = (learner[0].weight.detach() - before).square().mean().sqrt()
    # 8 singular values near 1 of an (8, 27) matrix: sqrt(8 / (8 * 27)) * sqrt(27) = 1
    assert 0.7 < moved / (RECIPE.learning_rate * AS_ADAM) < 1.2


def test_what_is_no_kernel_moves_as_adamw_moves_it() -> None:
    ours, theirs = network(), network()
    kernels = [layer.weight for layer in (theirs[0], theirs[2])]
    after(1, lambda n: optimiser_for(n.parameters(), RECIPE), ours)
    after(1, lambda n: torch.optim.AdamW(n.parameters(), lr=0.01, weight_decay=0.0), theirs)
    for own, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        is_kernel = any(other is kernel for kernel in kernels)
        assert torch.allclose(own, other, atol=1e-6) is not is_kernel


def test_a_closure_makes_the_gradients_before_the_step() -> None:
    given, before = network(), network()
    optimiser = optimiser_for(given.parameters(), RECIPE)

    def closure() -> torch.Tensor:
        loss = given(torch.ones(1, 3, 8, 8)).square().mean()
        loss.backward()
        return loss

    assert optimiser.step(closure) > 0
    after_one = network()
    twin = optimiser_for(after_one.parameters(), RECIPE)
    after_one(torch.ones(1, 3, 8, 8)).square().mean().backward()
    twin.step()
    for own, other, begun in zip(
        given.parameters(), after_one.parameters(), before.parameters(), strict=True
    ):
        assert torch.equal(own, other)
        assert not torch.equal(own, begun)


def test_weights_decay_in_both_parts() -> None:
    learner = network()
    optimiser = Muon(learner.parameters(), lr=0.1, weight_decay=0.5)
    before = copy.deepcopy(learner)
    for parameter in learner.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    for now, then in zip(learner.parameters(), before.parameters(), strict=True):
        torch.testing.assert_close(now, then * (1 - 0.1 * 0.5))


def test_resumed_it_goes_on_as_if_nothing_had_been() -> None:
    whole, first = network(), network()
    after(6, lambda n: optimiser_for(n.parameters(), RECIPE), whole)
    kept = after(3, lambda n: optimiser_for(n.parameters(), RECIPE), first).state_dict()

    def resumed(learner: nn.Module) -> torch.optim.Optimizer:
        optimiser = optimiser_for(learner.parameters(), RECIPE)
        optimiser.load_state_dict(copy.deepcopy(kept))
        return optimiser

    after(3, resumed, first)
    for one, other in itertools.zip_longest(whole.parameters(), first.parameters()):
        torch.testing.assert_close(one, other)
