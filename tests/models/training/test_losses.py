"""Losses and figures of validation, against closed forms and scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from bench.image import Pixels, to_tensor
from models.training.losses import LOSSES, charbonnier, l1, mse, psnr, ssim


@pytest.fixture
def images(photograph: Pixels) -> tuple[Pixels, Pixels]:
    sharp = np.ascontiguousarray(photograph[100:180, 150:240])
    noise = np.random.default_rng(0).normal(0, 15, sharp.shape)
    return np.rint((sharp + noise).clip(0, 255)).astype(np.uint8), sharp


def test_losses_of_a_constant_difference_are_known() -> None:
    zero, tenth = torch.zeros(2, 3, 4, 4), torch.full((2, 3, 4, 4), 0.1)
    assert float(mse(tenth, zero)) == pytest.approx(0.01)
    assert float(l1(tenth, zero)) == pytest.approx(0.1)
    assert float(charbonnier(tenth, zero)) == pytest.approx((0.01 + 1e-6) ** 0.5)


@pytest.mark.parametrize("name", list(LOSSES))
def test_a_loss_is_least_and_flat_where_nothing_differs(name: str) -> None:
    image = torch.rand(1, 3, 12, 12, requires_grad=True)
    target = image.detach().clone()
    loss = LOSSES[name](image, target)
    loss.backward()
    assert float(loss.detach()) <= 1.001e-3
    assert image.grad is not None
    assert float(image.grad.abs().max()) < 1e-6


def test_psnr_is_that_of_scikit_image(images: tuple[Pixels, Pixels]) -> None:
    found = psnr(to_tensor(images[0]), to_tensor(images[1]))
    assert float(found) == pytest.approx(peak_signal_noise_ratio(images[1], images[0]), abs=1e-4)


def test_psnr_rounds_to_8_bits_and_is_finite_for_identical_images() -> None:
    image = torch.full((1, 3, 4, 4), 100 / 255)
    assert float(psnr(image + 0.4 / 255, image)) == 100
    assert float(psnr(image + 0.6 / 255, image)) == pytest.approx(20 * np.log10(255), abs=1e-3)


def test_ssim_is_that_of_scikit_image(images: tuple[Pixels, Pixels]) -> None:
    batch = torch.cat([to_tensor(image) for image in images])
    reference = to_tensor(images[1]).expand(2, -1, -1, -1)
    expected = structural_similarity(
        images[0],
        images[1],
        channel_axis=2,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        truncate=3.5,
        full=False,
    )
    full = structural_similarity(
        images[0],
        images[1],
        channel_axis=2,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )[1]
    found = ssim(batch, reference)
    assert float(found[0]) == pytest.approx(full[5:-5, 5:-5].mean(), abs=1e-5)
    assert float(found[0]) == pytest.approx(expected, abs=1e-5)
    assert float(found[1]) == pytest.approx(1, abs=1e-6)
