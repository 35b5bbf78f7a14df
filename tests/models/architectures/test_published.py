"""Networks of papers against what was published of them, and against independent libraries."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from bench.compute.operations import Operations, count, parameters
from models.architectures.autoencoder import Autoencoder
from models.architectures.cyclegan import CycleGANGenerator
from models.architectures.deblurgan import DeblurGAN
from models.architectures.deepdeblur import DeepDeblur
from models.architectures.dip import DeepImagePrior
from models.architectures.dncnn import DnCNN
from models.architectures.esrgan import VGGDiscriminator
from models.architectures.hybrid import TransformerLayer
from models.architectures.patchgan import PatchGAN
from models.architectures.plain_cnn import PlainCNN
from models.architectures.resnet import ResNetRestorer
from models.architectures.srcnn import SRCNN, enlarge, luma_of, replace_luma
from models.architectures.srn import SRN, ConvLSTMCell
from models.architectures.t1t4 import T1T4, T1T4Discriminator, t4
from models.architectures.unet_classic import ClassicUNet
from models.architectures.unet_gan import UNetGAN
from models.architectures.vdsr import VDSR


def counted(build: type[nn.Module], shape: tuple[int, ...], **options: object) -> Operations:
    with torch.device("meta"):
        network = build(**options)
    return count(network, shape)


# --- sizes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "options", "channels", "params", "giga"),
    [
        (T1T4, {}, 3, 253_155, 24.1),
        (DeblurGAN, {}, 3, 6_067_459, 27.808),
        # the authors' log prints 11.378 M for both
        (DeblurGAN, {"as_released": False}, 3, 11_378_179, None),
        (CycleGANGenerator, {}, 3, 11_378_179, None),
        (DeepDeblur, {}, 3, 11_721_321, 335.943),
        # their notebooks print 2217831
        (DeepImagePrior, {}, 32, 2_217_831, None),
        (SRCNN, {"scale": 1, "kernels": (9, 1, 5)}, 3, 8_129, None),
        (SRCNN, {"scale": 1, "kernels": (9, 5, 5)}, 3, 57_281, 3.748),
        (VDSR, {"scale": 1}, 3, 664_704, 43.562),
        (DnCNN, {"channels": 1, "layers": 17}, 1, 557_057, 36.314),
        (DnCNN, {"channels": 1, "layers": 17, "norm": False}, 1, 555_137, 36.314),
        (DnCNN, {}, 3, 670_531, None),
        (ClassicUNet, {}, 3, 31_037_763, 48.176),
        (T1T4Discriminator, {}, 3, 2_766_529, None),
        # pix2pix's log prints 2.769 M for its own, which sees pairs
        (PatchGAN, {"channels": 6}, 6, 2_768_705, None),
        (PatchGAN, {"norm": "instance"}, 3, 2_764_737, None),
    ],
)
def test_size_and_work_are_as_published(
    build: type[nn.Module], options: dict, channels: int, params: int, giga: float | None
) -> None:
    found = counted(build, (1, channels, 256, 256), **options)
    assert found.params == params
    assert found.uncovered == ()
    if giga is not None:
        assert found.macs / 1e9 == pytest.approx(giga, rel=5e-3)


def test_the_discriminator_of_esrgan_is_as_large_as_published() -> None:
    assert counted(VGGDiscriminator, (1, 3, 128, 128)).params == 14_502_281
    with pytest.raises(RuntimeError):
        counted(VGGDiscriminator, (1, 3, 96, 96))


def test_srn_shares_its_weights_among_scales() -> None:
    def conv(inside: int, outside: int, side: int = 5) -> int:
        return inside * outside * side**2 + outside

    widths = (32, 64, 128)
    expected = conv(6, 32) + conv(32, 3)
    expected += 2 * 3 * 2 * sum(conv(width, width) for width in widths)  # 3 blocks, both ways
    expected += sum(conv(u, v) + conv(v, u, 4) for u, v in pairwise(widths))
    assert expected == 6_881_251  # without the LSTM: 6.88 M, as others report it
    expected += conv(2 * 128, 4 * 128, 3)
    assert parameters(SRN()) == expected == 8_061_411
    assert parameters(SRN(scales=1)) == expected


# --- single parts against independent libraries ---------------------------------------------------


def test_the_convolutional_lstm_is_torchs_lstm_on_one_pixel() -> None:
    ours, theirs = ConvLSTMCell(5), nn.LSTMCell(5, 5)
    enter, new, forget, leave = ours.gates.weight[:, :, 1, 1].chunk(4)  # the kernel's centre
    biases = ours.gates.bias.chunk(4)  # type: ignore[union-attr]
    with torch.no_grad():
        both = torch.cat([enter, forget, new, leave])  # in torch's order
        theirs.weight_ih.copy_(both[:, :5])
        theirs.weight_hh.copy_(both[:, 5:])
        theirs.bias_ih.copy_(torch.cat([biases[0], biases[2] + 1, biases[1], biases[3]]))
        theirs.bias_hh.zero_()
    state = ours(torch.rand(2, 5, 1, 1), None)
    features = torch.rand(2, 5, 1, 1)
    expected = theirs(features.flatten(1), (state[0].flatten(1), state[1].flatten(1)))
    for found, wanted in zip(ours(features, state), expected, strict=True):
        torch.testing.assert_close(found.flatten(1), wanted)


def test_the_transformers_attention_is_torchs() -> None:
    layer, theirs = TransformerLayer(12, 3), nn.MultiheadAttention(12, 3, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(layer.query_key_value.weight)
        theirs.in_proj_bias.copy_(layer.query_key_value.bias)
    theirs.out_proj = layer.project  # type: ignore[assignment]
    tokens = torch.rand(2, 7, 12)
    expected, _ = theirs(tokens, tokens, tokens)
    torch.testing.assert_close(layer.attend(tokens), expected)


def test_luma_is_replaced_as_by_conversion_there_and_back() -> None:
    from skimage.color import rgb2ycbcr, ycbcr2rgb

    image = torch.rand(1, 3, 8, 9, dtype=torch.float64)
    luma = torch.rand(1, 1, 8, 9, dtype=torch.float64)
    apart = rgb2ycbcr(image[0].permute(1, 2, 0).numpy())
    assert luma_of(image)[0, 0].numpy() * 255 == pytest.approx(apart[..., 0])
    apart[..., 0] = luma[0, 0].numpy() * 255
    found = replace_luma(image, luma - luma_of(image))
    assert found[0].permute(1, 2, 0).numpy() == pytest.approx(ycbcr2rgb(apart), abs=1e-3)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_enlarging_has_the_kernel_that_pillow_has(scale: int) -> None:
    plane = np.random.default_rng(0).random((20, 24), dtype=np.float32)
    expected = Image.fromarray(plane).resize((24 * scale, 20 * scale), Image.Resampling.BICUBIC)
    found = enlarge(torch.from_numpy(plane)[None, None], scale)[0, 0].numpy()
    assert np.abs(found - np.asarray(expected)).max() < 1e-5


def test_published_weights_of_a_classifier_fit_the_backbone() -> None:
    import torchvision

    with torch.device("meta"):
        network, classifier = ResNetRestorer(), torchvision.models.resnet18(weights=None)
    ours, theirs = network.encoder.state_dict(), classifier.state_dict()
    assert set(theirs) - set(ours) == {"fc.weight", "fc.bias"}
    assert all(ours[name].shape == theirs[name].shape for name in ours)


# --- what the papers say of them ------------------------------------------------------------------


def test_a_pixel_of_the_t1_t4_generator_sees_27_pixels_and_no_more() -> None:
    network = T1T4().eval()
    image = (0.25 + 0.5 * torch.rand(1, 3, 41, 41)).requires_grad_()
    network(image)[0, :, 20, 20].sum().backward()
    assert image.grad is not None
    rows = image.grad.abs().sum(dim=(0, 1, 3)).nonzero()[:, 0]
    assert int(rows.min()) >= 20 - 13
    assert int(rows.max()) <= 20 + 13
    assert len(rows) > 15


def test_the_t1_t4_generator_is_clamped_but_not_in_training() -> None:
    network = T1T4()
    nn.init.constant_(network.output.bias, 9.0)  # type: ignore[arg-type]
    image = torch.ones(2, 3, 8, 8)
    with torch.no_grad():
        assert float(network(image).max()) > 1.2
        assert float(network.eval()(image).max()) == 1.0


def test_t4_doubles_the_channels() -> None:
    features = torch.tensor([[-1.0, 2.0], [0.5, -3.0]])[None, None]
    expected = torch.tensor([[[[0.0, 2.0], [0.5, 0.0]], [[2.0, 2.0], [2.0, 2.0]]]])
    assert torch.equal(t4(features), expected)


def test_the_t1_t4_discriminator_makes_13x13_of_256x256_and_refuses_under_64() -> None:
    discriminator = T1T4Discriminator()
    assert discriminator(torch.rand(1, 3, 256, 256)).shape == (1, 1, 13, 13)
    assert discriminator(torch.rand(2, 3, 64, 64)).shape == (2, 1, 1, 1)
    with pytest.raises(RuntimeError):
        discriminator(torch.rand(2, 3, 62, 62))


def test_patchgan_sees_patches_of_70_pixels() -> None:
    image = torch.rand(1, 3, 128, 128, requires_grad=True)
    scores = PatchGAN(norm="none")(image)
    assert scores.shape == (1, 1, 14, 14)
    scores[0, 0, 7, 7].backward()
    assert image.grad is not None
    rows = image.grad.abs().sum(dim=(0, 1, 3)).nonzero()[:, 0]
    assert int(rows.max()) - int(rows.min()) + 1 == 70


def test_the_released_deblurgan_lost_its_second_convolutions_to_pythons_precedence() -> None:
    use_dropout = True
    layers = ["convolution"] + ["dropout"] if use_dropout else [] + ["convolution"]  # noqa: RUF005
    assert layers.count("convolution") == 1

    def convolutions(network: DeblurGAN) -> int:
        return sum(isinstance(module, nn.Conv2d) for module in network.modules())

    assert convolutions(DeblurGAN(width=4)) == 4 + 9
    assert convolutions(DeblurGAN(width=4, as_released=False)) == 4 + 2 * 9


@pytest.mark.parametrize("build", [DeepDeblur, SRN])
def test_coarse_to_fine_networks_show_every_scale(build: type[DeepDeblur | SRN]) -> None:
    network, image = build(width=4, blocks=1), torch.rand(1, 3, 32, 48)
    results = network.pyramid(image)
    assert [result.shape[-2:] for result in results] == [(8, 12), (16, 24), (32, 48)]
    assert torch.equal(network(image), results[-1])


def test_deepdeblur_can_begin_at_the_identity_of_every_scale_and_learn_from_there() -> None:
    network, image = DeepDeblur(width=8, blocks=2), torch.rand(1, 3, 32, 48)
    untrained = network.pyramid(image)
    network.begin_at_identity()
    for before, result in zip(untrained, network.pyramid(image), strict=True):
        shrunk = nn.functional.avg_pool2d(image, 32 // result.shape[-2])
        torch.testing.assert_close(result, shrunk)
        assert not torch.allclose(before, shrunk, atol=0.05)
    sum(result.square().mean() for result in network.pyramid(image)).backward()
    idle = {name for name, weights in network.named_parameters() if not weights.grad.any()}
    # what a block puts in waits until what it puts out is no longer nothing
    assert idle == {name for name in idle if ".first." in name or name.startswith("up.")}


def test_the_plain_encoder_decoder_can_begin_near_the_identity() -> None:
    network = PlainCNN(widths=(8, 12, 16))
    # what changes slowly survives pooling: a ramp of each colour
    rows, columns = torch.linspace(0.2, 0.8, 48), torch.linspace(0.3, 0.7, 64)
    image = torch.stack(
        [rows[:, None].expand(48, 64), columns.expand(48, 64), (rows[:, None] + columns) / 2]
    )[None]
    assert not torch.allclose(network(image), image, atol=0.1)
    network.begin_at_identity()
    inside = (slice(None), slice(None), slice(8, -8), slice(8, -8))
    torch.testing.assert_close(network(image)[inside], image[inside], atol=0.02, rtol=0)


def test_the_adversarial_unet_can_begin_with_the_colours_of_its_image() -> None:
    torch.manual_seed(0)
    network, images = UNetGAN(widths=(8, 8)), torch.rand(4, 3, 32, 32)

    def likeness() -> list[float]:
        with torch.no_grad():
            made = network(images)  # learning, so that normalisation knows these images
        sides = zip(made.unbind(1), images.unbind(1), strict=True)
        return [
            float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1]) for a, b in sides
        ]

    assert max(likeness()) < 0.9
    network.begin_at_identity()
    assert min(likeness()) > 0.97


def test_cyclegans_generator_is_blind_to_colour_and_deblurgans_is_not() -> None:
    image = torch.rand(1, 3, 32, 40, dtype=torch.float64) / 2
    tint = torch.tensor([0.3, 0.0, 0.1], dtype=torch.float64).view(3, 1, 1)
    blind = CycleGANGenerator(width=8, blocks=2).double()
    torch.testing.assert_close(blind(image + tint), blind(image), atol=1e-6, rtol=0)
    # so an image and the same one brighter by 0.22 cannot both come out nearer than 0.11 to theirs:
    # 20 log10(1 / 0.11) = 19.2 dB at the very best
    skipping = DeblurGAN(width=8, blocks=2).double().eval()
    assert not torch.allclose(skipping(image + tint), skipping(image), atol=0.1)


def test_the_autoencoders_code_is_a_third_of_a_128x128_image() -> None:
    code = Autoencoder().encode(torch.rand(1, 3, 128, 128))
    assert code.shape == (1, 64, 16, 16)
    assert code.numel() * 3 == 3 * 128 * 128


def test_grey_dncnn_takes_each_channel_for_an_image() -> None:
    network = DnCNN(channels=1, layers=3, width=8).eval()
    image = torch.rand(2, 3, 9, 10)
    apart = [network(image[:, index : index + 1]) for index in range(3)]
    torch.testing.assert_close(network(image), torch.cat(apart, dim=1))


def test_untrained_vdsr_is_bicubic_interpolation() -> None:
    image = torch.rand(1, 3, 9, 10)
    assert torch.equal(VDSR(scale=3)(image), enlarge(image, 3))
    assert not torch.allclose(SRCNN(scale=3)(image), enlarge(image, 3))


def test_the_deep_image_prior_makes_an_image_of_noise() -> None:
    network = DeepImagePrior(width=8, scales=3)
    with torch.no_grad():
        image = network(0.1 * torch.rand(1, 32, 32, 40))
    assert image.shape == (1, 3, 32, 40)
    assert 0 < float(image.min()) < float(image.max()) < 1
