"""The lightweight network: what constrained devices ask of it, and that its attention is local."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bench.compute.operations import count
from models.architectures.litenet import LiteNet, LocalChannelAttention
from models.architectures.rescnn import ResidualCNN


def test_it_keeps_to_a_million_parameters_and_5_gmacs() -> None:
    found = count(LiteNet(), (1, 3, 256, 256))
    assert found.params <= 1_000_000
    assert found.macs <= 5e9
    assert 4 * found.macs < count(ResidualCNN(), (1, 3, 256, 256)).macs


def test_untrained_it_is_the_identity() -> None:
    image = torch.rand(2, 3, 32, 48)
    assert torch.equal(LiteNet()(image), image)


def test_what_is_far_away_does_not_change_a_pixel() -> None:
    network = LiteNet()
    nn.init.normal_(network.tail.weight, std=0.1)
    image = torch.rand(1, 3, 64, 1024)
    changed = image.clone()
    changed[..., 768:] = 0
    with torch.inference_mode():
        before, after = network(image), network(changed)
    torch.testing.assert_close(after[..., :256], before[..., :256])
    assert not torch.allclose(after[..., 700:], before[..., 700:])


def test_attention_takes_a_crop_of_training_for_one_square() -> None:
    attention = LocalChannelAttention(6, square=8)
    features = torch.rand(2, 6, 8, 8)
    weights = torch.sigmoid(attention.weigh(features.mean(dim=(2, 3), keepdim=True)))
    torch.testing.assert_close(attention(features), features * weights)


def test_attention_uses_the_pixels_of_a_cut_square_alone() -> None:
    # 12 columns are a square of 8 and one of 4, whose mean is of 4 columns
    attention = LocalChannelAttention(1, square=8)
    features = torch.cat([torch.zeros(1, 1, 8, 8), torch.ones(1, 1, 8, 4)], dim=-1)
    at_the_end = torch.sigmoid(attention.weigh(torch.ones(1, 1, 1, 1)))
    torch.testing.assert_close(attention(features)[..., :1, -1:], at_the_end)


def test_it_learns_to_remove_noise_without_normalisation() -> None:
    torch.manual_seed(0)
    network = LiteNet()
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3)
    clean = torch.rand(4, 3, 4, 4).repeat_interleave(8, 2).repeat_interleave(8, 3)
    noisy = clean + 0.1 * torch.randn_like(clean)
    losses = []
    for _ in range(60):
        loss = (network(noisy) - clean).square().mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(0.01, rel=0.1)
    assert losses[-1] < 0.6 * losses[0]
