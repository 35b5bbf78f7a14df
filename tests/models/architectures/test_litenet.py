"""The lightweight network: what constrained devices ask of it, its bands, its local attention."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import pywt
import torch
from torch import nn

from bench.compute.operations import count
from models.architectures.litenet import HaarBands, LiteNet, LocalChannelAttention
from models.architectures.rescnn import ResidualCNN


def trained_a_little() -> LiteNet:
    """A network whose correction is not nothing."""
    torch.manual_seed(0)
    network = LiteNet().eval()
    nn.init.normal_(network.tail.weight, std=0.1)
    return network


def test_it_keeps_to_a_million_parameters_and_5_gmacs() -> None:
    with torch.device("meta"):
        found = count(LiteNet(), (1, 3, 256, 256))
        plain = count(ResidualCNN(), (1, 3, 256, 256))
        six = count(LiteNet(blocks=6), (1, 3, 256, 256))
    assert found.params == 159_148
    assert found.macs <= 5e9
    # beside the bands, 12 x 12 twice, attention is all that it adds to rescnn of as many blocks
    assert six.params - plain.params == 3 * (32 * 32 + 32)
    assert six.macs - plain.macs == pytest.approx(2 * 12 * 12 * 128 * 128, rel=0.02)


def test_untrained_it_is_the_identity() -> None:
    image = torch.rand(2, 3, 32, 48)
    assert torch.equal(LiteNet()(image), image)


def test_the_bands_are_those_of_pywavelets() -> None:
    red, green, blue = image = torch.rand(3, 12, 16).double().numpy()
    luma, red_blue = (red + green + blue) / 3**0.5, (red - blue) / 2**0.5
    purple_green = (red - 2 * green + blue) / 6**0.5
    bands = HaarBands(luma=6.0, chroma=2.0)(torch.from_numpy(image)[None].float())
    for found, plane, loud in zip(
        bands.view(3, 4, 6, 8), (luma, red_blue, purple_green), (6, 2, 2), strict=True
    ):
        low, high = pywt.dwt2(plane, "haar")
        wanted = np.stack([low, *(loud * band for band in high)])
        np.testing.assert_allclose(found.numpy(), wanted, atol=1e-5)


def test_the_bands_come_back_as_the_image() -> None:
    bands = HaarBands(luma=1.0, chroma=1.0)
    image = torch.rand(2, 3, 12, 16)
    torch.testing.assert_close(bands.inverse(bands(image)), image)


def test_what_is_far_away_does_not_change_a_pixel() -> None:
    network = trained_a_little()
    image = torch.rand(1, 3, 64, 1024)
    changed = image.clone()
    changed[..., 768:] = 0
    with torch.inference_mode():
        before, after = network(image), network(changed)
    torch.testing.assert_close(after[..., :256], before[..., :256])
    assert not torch.allclose(after[..., 700:], before[..., 700:])


def test_attention_sees_further_than_the_convolutions() -> None:
    # 18 convolutions reach 36 pixels and the two of a square: columns 56 on do not reach 0 to 15
    image = torch.rand(1, 3, 64, 64)
    changed = image.clone()
    changed[..., 56:] = 0
    network = trained_a_little()
    with torch.inference_mode():
        moved = (network(image) - network(changed))[..., :16].abs().max()
        for block in network.body:
            block.attention = None
        still = (network(image) - network(changed))[..., :16].abs().max()
    assert still == 0
    assert moved > 1e-4


def test_attention_takes_a_crop_of_training_for_one_square() -> None:
    attention = LocalChannelAttention(6, square=8)
    features = torch.rand(2, 6, 8, 8)
    weights = attention.weigh(features.mean(dim=(2, 3), keepdim=True))
    torch.testing.assert_close(attention(features), features * weights)


def test_attention_uses_the_pixels_of_a_cut_square_alone() -> None:
    # 12 columns are a square of 8 and one of 4, whose mean is of 4 columns
    attention = LocalChannelAttention(1, square=8)
    features = torch.cat([torch.zeros(1, 1, 8, 8), torch.ones(1, 1, 8, 4)], dim=-1)
    at_the_end = attention.weigh(torch.ones(1, 1, 1, 1))
    torch.testing.assert_close(attention(features)[..., :1, -1:], at_the_end)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_exported_once_it_restores_images_of_any_size(tmp_path: Path) -> None:
    import onnxruntime

    network, path = trained_a_little(), tmp_path / "litenet.onnx"
    sizes = {"image": {0: "batch", 2: "height", 3: "width"}}
    torch.onnx.export(
        network,
        (torch.rand(2, 3, 96, 160),),
        path,
        input_names=["image"],
        dynamic_axes=sizes,
        dynamo=False,
    )
    session = onnxruntime.InferenceSession(path)
    for size in ((2, 3, 96, 160), (1, 3, 64, 64), (1, 3, 34, 202)):
        image = torch.rand(size)
        with torch.inference_mode():
            wanted = network(image).numpy()
        (found,) = session.run(None, {"image": image.numpy()})
        np.testing.assert_allclose(found, wanted, atol=1e-4)


@pytest.mark.slow
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
