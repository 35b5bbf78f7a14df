"""Counts of an ONNX file against those of the network that it was exported from."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from bench.compute.operations import count, weight_bytes
from bench.compute.operations_onnx import count_onnx
from bench.compute.operations_onnx import weight_bytes as onnx_weight_bytes
from bench.core.errors import BenchError

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # torch.onnx and onnx on themselves
    pytest.mark.filterwarnings("ignore:You are using the legacy TorchScript-based ONNX export"),
]


class Mixed(nn.Module):
    """Every kind of matrix-like operation that an ONNX file may hold."""

    def __init__(self):
        super().__init__()
        self.head = nn.Conv2d(3, 8, 3, padding=1)
        self.down = nn.Conv2d(8, 16, 3, stride=2, padding=1, groups=4)
        self.linear = nn.Linear(16, 16)
        self.up = nn.ConvTranspose2d(16, 8, 4, stride=2, padding=1, groups=2)
        self.tail = nn.Conv2d(8, 3, 1)

    def forward(self, x):
        y = F.relu(self.down(self.head(x)))
        rows = self.linear(y.flatten(2).transpose(1, 2))
        rows = rows.softmax(-1) @ (rows.transpose(1, 2) @ rows)
        return x + self.tail(self.up(rows.transpose(1, 2).reshape(y.shape)))


def export(network, path, shape=(1, 3, 16, 24), free_size=True):
    axes = {"x": {2: "height", 3: "width"}} if free_size else None
    torch.onnx.export(
        network.eval(),
        (torch.rand(shape),),
        path,
        dynamo=False,
        input_names=["x"],
        dynamic_axes=axes,
    )
    return path


def test_onnx_counts_equal_those_of_the_network(tmp_path):
    network = Mixed()
    path = export(network, tmp_path / "mixed.onnx")
    for shape in ((1, 3, 16, 24), (1, 3, 40, 32)):
        ours, expected = count_onnx(path, shape), count(network, shape)
        assert ours.macs == expected.macs > 0
        assert ours.activations == expected.activations > 0
        assert ours.params == expected.params
        assert ours.uncovered == ()
    assert onnx_weight_bytes(path) == weight_bytes(network)


def test_gemm_of_a_flat_layer_is_counted(tmp_path):
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 4, 10), nn.PReLU())
    path = export(network, tmp_path / "flat.onnx", (1, 3, 4, 4), free_size=False)
    found = count_onnx(path, (1, 3, 4, 4))
    assert (found.macs, found.params) == (480, 480 + 10 + 1)
    assert found.elementwise == 10


def test_operator_without_a_formula_is_listed(tmp_path):
    network = Applied(lambda x: x.cumsum(-1) + x.cumsum(-2))
    found = count_onnx(export(network, tmp_path / "sums.onnx"), (1, 3, 16, 24))
    assert found.uncovered == (("CumSum", 2),)


def test_size_that_the_model_cannot_take_is_refused(tmp_path):
    path = export(nn.Conv2d(3, 4, 3), tmp_path / "fixed.onnx", free_size=False)
    with pytest.raises(BenchError, match=r"cannot take \(1, 3, 99, 99\)"):
        count_onnx(path, (1, 3, 99, 99))


class Applied(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)
