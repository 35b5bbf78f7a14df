"""Operation counts against counts made by hand, and against published tables."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from bench.compute.calls import count_calls, observe
from bench.compute.operations import count, count_running, parameters, weight_bytes


class Applied(nn.Module):
    """A function as a network."""

    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, *args):
        return self.function(self, *args)


def test_compiled_network_is_counted_as_what_it_was_made_of():
    plain = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU())
    compiled = torch.compile(plain, backend="eager")
    assert count_running(compiled, (torch.rand(1, 3, 8, 8),), {}) == count(plain, (1, 3, 8, 8))


COUNTED = """
import sys, torch
from bench.compute.operations import count_running
assert count_running(torch.nn.Conv2d(3, 4, 3), (torch.rand(1, 3, 8, 8),), {}).macs
assert "torch._dynamo" not in sys.modules
"""


@pytest.mark.slow
def test_counting_does_not_import_the_compiler():
    subprocess.run([sys.executable, "-c", COUNTED], check=True)


def test_grouped_strided_convolution_equals_hand_count():
    found = count(nn.Conv2d(8, 16, 3, stride=2, padding=1, groups=4), (1, 8, 20, 30))
    assert found.macs == 10 * 15 * 16 * (8 // 4) * 9
    assert found.activations == 16 * 10 * 15
    assert found.params == 16 * (8 // 4) * 9 + 16
    assert found.elementwise == 0
    assert found.uncovered == ()


def test_transposed_convolution_counts_its_input_pixels():
    found = count(nn.ConvTranspose2d(16, 8, 4, stride=2, padding=1, groups=2), (1, 16, 5, 6))
    assert found.macs == 5 * 6 * 16 * (8 // 2) * 16
    assert found.activations == 8 * 10 * 12


def test_linear_counts_every_row_of_a_batch():
    assert count(nn.Linear(5, 3), (2, 7, 5)).macs == 2 * 7 * 5 * 3


def test_elementwise_work_is_apart_from_macs():
    found = count(nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Sigmoid()), (1, 3, 10, 10))
    assert (found.macs, found.elementwise) == (3 * 4 * 100, 2 * 4 * 100)


def test_mean_counts_what_it_takes_in_and_interpolation_what_it_puts_out():
    mean = count(Applied(lambda _, x: x.mean(dim=(2, 3))), (1, 3, 10, 20))
    assert mean.elementwise == 3 * 10 * 20
    double = count(Applied(lambda _, x: F.interpolate(x, scale_factor=2)), (1, 3, 10, 20))
    assert double.elementwise == 3 * 20 * 40
    assert mean.uncovered == double.uncovered == ()


def test_moving_data_is_no_operation():
    def shuffle(_, x):
        return torch.cat(
            [F.pad(x, (1, 1, 1, 1), mode="reflect").flip(2), x.new_zeros(1, 3, 12, 12)]
        )

    found = count(Applied(shuffle), (1, 3, 10, 10))
    assert (found.macs, found.elementwise, found.uncovered) == (0, 0, ())


def test_lstm_uses_each_weight_matrix_once_per_step():
    # layer 1: 4 gates x 16 x (8 + 16), layer 2: 4 x 16 x (2 x 16 + 16), both in two directions
    lstm = nn.LSTM(8, 16, num_layers=2, bidirectional=True, batch_first=True)
    assert count(lstm, (3, 10, 8)).macs == 3 * 10 * 2 * (4 * 16 * 24 + 4 * 16 * 48)


def test_lstm_cell_and_gru_equal_hand_counts():
    assert count(nn.LSTMCell(8, 16), (3, 8)).macs == 3 * 4 * 16 * (8 + 16)
    assert count(nn.GRU(8, 16), (10, 1, 8)).macs == 10 * 3 * 16 * (8 + 16)
    assert count(nn.GRUCell(8, 16), (3, 8)).macs == 3 * 3 * 16 * (8 + 16)


def test_fused_attention_equals_the_same_attention_written_out():
    def fused(_, q, k, v):
        return F.scaled_dot_product_attention(q, k, v)

    def written_out(_, q, k, v):
        return torch.softmax(q @ k.transpose(-1, -2), -1) @ v

    shapes = (2, 4, 9, 16), (2, 4, 25, 16), (2, 4, 25, 8)
    expected = 2 * 4 * 9 * 25 * (16 + 8)
    assert count(Applied(fused), *shapes).macs == expected
    assert count(Applied(written_out), *shapes).macs == expected


def test_transformer_encoder_layer_is_counted_in_evaluation_mode():
    layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True).eval()
    # q, k, v; scores and values; output projection; two feed-forward layers
    expected = 10 * 32 * 96 + 2 * 10 * 10 * 32 + 10 * 32 * 32 + 2 * 10 * 32 * 64
    found = count(layer, (1, 10, 32))
    assert found.macs == expected
    assert found.uncovered == ()
    assert torch.backends.mha.get_fastpath_enabled()


def test_fourier_transform_counts_5_n_log_n_real_operations():
    # FLOPs 5 N log2 N, two a MAC; half of it from real to complex and back
    transform = 5 * 64 * 64 * math.log2(64 * 64) / 2
    complex_ = count(Applied(lambda _, x: torch.fft.ifft2(torch.fft.fft2(x + 0j))), (1, 3, 64, 64))
    assert complex_.macs == 3 * 2 * transform
    real = Applied(lambda _, x: torch.fft.irfft2(torch.fft.rfft2(x), s=x.shape[-2:]))
    assert count(real, (1, 3, 64, 64)).macs == 3 * 2 * transform / 2
    assert count(real, (1, 3, 64, 64)).activations == 0


def test_deformable_convolution_counts_like_a_convolution():
    from torchvision.ops import DeformConv2d

    found = count(DeformConv2d(4, 6, 3, padding=1), (1, 4, 10, 12), (1, 18, 10, 12))
    assert found.macs == 10 * 12 * 6 * 4 * 9


def test_operation_without_a_formula_is_listed():
    found = count(Applied(lambda _, x: torch.linalg.svd(torch.linalg.svd(x).U).S), (1, 3, 8, 8))
    assert found.uncovered == (("_linalg_svd", 2),)


def test_network_that_looks_at_values_is_run_for_real():
    def choosy(self, x):
        return self.conv(x) if x.mean() > 0 else x

    found = count(Applied(choosy, conv=nn.Conv2d(3, 4, 3)), (1, 3, 10, 10))
    assert found.macs == 8 * 8 * 4 * 3 * 9


def test_counting_on_shapes_equals_counting_a_real_run():
    def unet(self, x):
        y = F.max_pool2d(F.gelu(self.norm(self.a(x))), 2)
        return x + self.c(self.b(y))

    network = Applied(
        unet,
        a=nn.Conv2d(3, 8, 3, padding=1),
        norm=nn.GroupNorm(2, 8),
        b=nn.ConvTranspose2d(8, 8, 2, stride=2),
        c=nn.Conv2d(8, 3, 3, padding=1, padding_mode="replicate"),
    )
    looking = Applied(lambda self, x: (x.sum().item(), self.net(x))[1], net=network)
    on_shapes, real = count(network, (1, 3, 20, 20)), count(looking, (1, 3, 20, 20))
    assert on_shapes.macs == real.macs > 0
    assert on_shapes.activations == real.activations > 0
    assert on_shapes.elementwise + 3 * 20 * 20 == real.elementwise  # the sum that is looked at


def test_counting_changes_nothing_of_the_network():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5)).train()
    network[1].eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    count(network, (1, 3, 10, 10))
    assert [module.training for module in network] == [True, False, True]
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_shared_parameters_count_once_and_half_precision_halves_the_bytes():
    layer = nn.Linear(10, 10, bias=False)
    network = nn.Sequential(layer, layer)
    assert parameters(network) == 100
    assert count(network, (1, 10)).macs == 200
    assert weight_bytes(network) == 400
    assert weight_bytes(network.half()) == 200


def test_network_error_is_the_callers_to_see():
    with pytest.raises(RuntimeError, match="expected input"):
        count(nn.Conv2d(3, 4, 3), (1, 5, 10, 10))


def test_calls_of_one_image_in_tiles_are_counted_together():
    network = nn.Conv2d(3, 4, 1)
    tiles = [torch.rand(1, 3, 8, 8)] * 3 + [torch.rand(1, 3, 8, 5)]
    result, calls = observe(network, lambda: [network(tile) for tile in tiles])
    assert len(result) == 4
    assert calls[0].image().shape == (1, 3, 8, 8)
    assert count_calls(network, calls).macs == (3 * 64 + 40) * 3 * 4
    network(tiles[0])
    assert len(calls) == 4  # observed no longer


# --- published counts, 1x3x256x256 (luma: one channel) -------------------------------------------


def plain(*layers: tuple[int, int, int], bias: bool = True) -> nn.Module:
    return nn.Sequential(*(nn.Conv2d(i, o, k, padding=k // 2, bias=bias) for i, o, k in layers))


def test_srcnn_and_vdsr_equal_their_published_sizes():
    srcnn = count(plain((1, 64, 9), (64, 32, 5), (32, 1, 5)), (1, 1, 256, 256))
    assert (srcnn.params, round(srcnn.macs / 1e9, 3)) == (57_281, 3.748)
    deep = [(1, 64, 3), *[(64, 64, 3)] * 18, (64, 1, 3)]
    vdsr = count(plain(*deep, bias=False), (1, 1, 256, 256))
    assert (vdsr.params, round(vdsr.macs / 1e9, 3)) == (664_704, 43.562)


def test_dncnn_equals_its_published_size():
    from spandrel.architectures.DnCNN import DnCNN

    found = count(DnCNN(in_nc=1, out_nc=1, nc=64, nb=17, act_mode="R"), (1, 1, 256, 256))
    assert (round(found.params / 1e6, 3), round(found.macs / 1e9, 3)) == (0.555, 36.314)
    assert found.uncovered == ()


def test_nafnet_equals_its_published_size():
    from spandrel.architectures.NAFNet import NAFNet

    network = NAFNet(
        width=32, middle_blk_num=1, enc_blk_nums=[1, 1, 1, 28], dec_blk_nums=[1, 1, 1, 1]
    )
    found = count(network, (1, 3, 256, 256))
    assert (round(found.params / 1e6, 3), round(found.macs / 1e9, 3)) == (17.112, 15.956)
    assert found.uncovered == ()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")  # at import
def test_restormer_equals_its_published_size():
    from spandrel_extra_arches.architectures.Restormer import Restormer

    found = count(Restormer(), (1, 3, 256, 256))
    assert (round(found.params / 1e6, 3), round(found.macs / 1e9, 3)) == (26.127, 154.882)
    assert found.uncovered == ()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:torch.meshgrid:UserWarning")  # spandrel's call
def test_swinir_equals_its_published_size():
    from spandrel.architectures.SwinIR import SwinIR

    network = SwinIR(
        img_size=128,
        window_size=8,
        depths=[6] * 6,
        embed_dim=180,
        num_heads=[6] * 6,
        mlp_ratio=2,
        upsampler="",
        resi_connection="1conv",
    )
    found = count(network, (1, 3, 256, 256))
    assert (round(found.params / 1e6, 3), round(found.macs / 1e9, 2)) == (11.504, 800.30)
    assert found.uncovered == ()


def test_a_pass_that_is_run_for_real_counts_the_same_as_shapes_alone():
    from models.catalogue import MODELS
    from models.loading import build_network

    for name in ("unet", "rescnn", "litenet", "dncnn"):
        network = build_network(MODELS[name], 0)
        ran = count_running(network, (torch.empty(1, 3, 32, 48, device="meta"),), {})
        known = count(network, (1, 3, 32, 48))
        assert ran.traffic == pytest.approx(known.traffic, rel=1e-3)  # what kernels keep beside
        assert replace(ran, traffic=None) == replace(known, traffic=None), name
