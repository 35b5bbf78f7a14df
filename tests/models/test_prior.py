"""The deep image prior on a crop of a photograph; its operators against those that degrade."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from bench.compute.calls import count_calls, observe
from bench.compute.operations import count
from bench.core.errors import BenchError, NotApplicable
from bench.degrade.light import to_linear, to_pixels
from bench.degrade.psf import blur, defocus_psf, motion_psf
from bench.degrade.resample import downsample
from bench.image import Pixels, to_tensor
from models.catalogue import MODELS
from models.loading import load_restorer
from models.prior import PriorRestorer, blurred
from models.restorer import Hints

SMALL: dict[str, Any] = {"width": 16, "scales": 3}


@pytest.fixture(scope="module")
def sharp(photograph: Pixels) -> Pixels:
    return np.ascontiguousarray(photograph[300:364, 150:214])


def psnr(restored: torch.Tensor, sharp: Pixels) -> float:
    errors = (restored.clamp(0, 1) - to_tensor(sharp)).square().mean()
    return float(-10 * errors.log10())


def noisy(sharp: Pixels, levels: float) -> torch.Tensor:
    noise = np.random.default_rng(3).normal(0, levels / 255, sharp.shape)
    return (to_tensor(sharp) + torch.from_numpy(noise).permute(2, 0, 1)).clamp(0, 1).float()


def prior(iterations: int, memory: float = 0.95, **options: Any) -> PriorRestorer:
    return PriorRestorer("dip", iterations, memory=memory, **(SMALL | options))


@pytest.mark.slow
def test_it_removes_noise_that_it_has_never_seen(sharp: Pixels) -> None:
    degraded = noisy(sharp, 40)
    restored = prior(150).restore(degraded)
    assert psnr(restored, sharp) > psnr(degraded, sharp) + 5


@pytest.mark.slow
def test_fitting_ends_when_it_has_come_down_to_the_noise(sharp: Pixels) -> None:
    degraded, steps = noisy(sharp, 40), list[tuple[int, int]]()
    model = prior(150, watch=lambda done, most: steps.append((done, most)))
    model.restore(degraded, Hints(noise=40))
    spent = model.spent
    assert 10 < spent < 150
    assert steps == [(done, 150) for done in range(1, spent + 1)]
    model.restore(degraded, Hints(noise=44))  # so much is left sooner
    assert model.spent < spent
    model.restore(degraded)  # not known
    assert model.spent == 150


@pytest.mark.slow
def test_with_the_blur_known_it_sharpens(sharp: Pixels) -> None:
    psf = defocus_psf(2.5)
    degraded = to_tensor(to_pixels(blur(to_linear(sharp), psf)))
    restored = prior(300).restore(degraded, Hints(psf=psf))
    assert psnr(restored, sharp) > psnr(degraded, sharp) + 0.5


@pytest.mark.slow
def test_with_lost_resolution_it_enlarges(sharp: Pixels) -> None:
    small = to_tensor(downsample(sharp, 2))
    restored = prior(300).restore(small, Hints(scale=2))
    nearest = torch.nn.functional.interpolate(small, scale_factor=2)
    assert restored.shape == nearest.shape
    assert psnr(restored, sharp) > psnr(nearest, sharp) + 0.5


def test_the_result_follows_from_the_seed_and_the_image(sharp: Pixels) -> None:
    degraded = noisy(sharp, 40)
    once = prior(4)
    first = once.restore(degraded)
    state = torch.random.get_rng_state()
    once.restore(degraded.flip(-1))  # another image between
    assert torch.equal(once.restore(degraded), first)
    assert torch.equal(torch.random.get_rng_state(), state)  # nobody else's draws are touched
    with torch.inference_mode():
        assert torch.equal(prior(4).restore(degraded.clone()), first)
    assert not torch.equal(prior(4, seed=1).restore(degraded), first)


def test_any_size_is_restored() -> None:
    image = torch.rand((1, 3, 37, 70), generator=torch.Generator().manual_seed(0))
    assert prior(2).restore(image).shape == image.shape


def test_a_batch_is_its_images(sharp: Pixels) -> None:
    degraded = torch.cat([noisy(sharp, 40), noisy(sharp, 20)])
    model = prior(3)
    both = model.restore(degraded)
    assert torch.equal(both[1:], model.restore(degraded[1:]))


@pytest.mark.parametrize("psf", [defocus_psf(2.2), motion_psf(9, 30), np.full((2, 4), 1 / 8)])
def test_its_blur_is_the_suites(sharp: Pixels, psf: Any) -> None:
    expected = blur(to_linear(sharp), psf)
    seen = blurred(to_tensor(sharp), torch.from_numpy(psf).float())
    assert np.abs(to_pixels(expected) / 255.0 - seen[0].permute(1, 2, 0).numpy()).max() < 0.51 / 255


def test_its_loss_of_resolution_is_the_suites(sharp: Pixels) -> None:
    from models.prior import _operator

    cut = np.ascontiguousarray(sharp[:63, :60])
    seen = _operator((21, 20), Hints(scale=3), torch.device("cpu"))(to_tensor(cut))
    differences = (seen - to_tensor(downsample(cut, 3))).abs() * 255
    assert differences.max() < 2  # MATLAB clips, and rounds after each axis
    assert differences.mean() < 0.4


def test_a_black_image_has_finite_gradients() -> None:
    image = torch.zeros(1, 3, 16, 16, requires_grad=True)
    blurred(image, torch.from_numpy(defocus_psf(2)).float()).sum().backward()  # type: ignore[no-untyped-call]
    assert image.grad is not None
    assert torch.isfinite(image.grad).all()


def test_what_it_costs_counts_the_way_back_too(sharp: Pixels) -> None:
    model = prior(5)
    assert model.network is not None
    _, calls = observe(model.network, lambda: model.restore(noisy(sharp, 40)))
    once = count(model.network, (1, 32, 64, 64))
    found = count_calls(model.network, calls)
    assert found.macs == 5 * 3 * once.macs  # there, and two products for each on the way back
    assert found.activations == 5 * once.activations
    assert found.params == once.params


def test_cards_build_it_and_say_what_it_costs() -> None:
    assert MODELS["dip-paper"].options["iterations"] == 2500
    for name in ("dip", "dip-paper"):
        model = load_restorer(name)
        assert isinstance(model, PriorRestorer)
        assert (model.name, model.needs_psf, model.scale) == (name, False, None)
        assert model.rate == 1e-2
        assert not MODELS[name].standard
        assert model.network is not None
        once = count(model.network, (1, 32, 256, 256))
        assert once.params == MODELS[name].params
        assert 3 * model.iterations * once.macs / 1e9 == pytest.approx(MODELS[name].gmacs)
    with pytest.raises(BenchError, match="'dip' with 0 iterations; expected at least 1"):
        prior(0)


def test_an_image_smaller_than_its_blur_is_not_restored() -> None:
    with pytest.raises(NotApplicable, match="smaller than its PSF"):
        prior(1).restore(torch.zeros(1, 3, 8, 8), Hints(psf=defocus_psf(6)))
