"""ONNX files of fewer bits: smaller, near the network's own pictures, and told how they came."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from bench.core.errors import BenchError
from bench.core.plugins import load_object
from bench.core.progress import Unheard
from bench.image import Pixels, write_png
from bench.records import Pair
from models.architectures.rescnn import ResidualCNN
from models.compression.table import METHODS, Order
from models.export import export
from models.formats import FORMATS
from models.loading import load_restorer
from models.restorer import NetworkRestorer
from models.weights import Compressed, read_header, save_weights, steps_of
from tests.support.training import header_of

NOTHING = onnx.TensorProto()
IMAGE = torch.rand(1, 3, 50, 41, generator=torch.Generator().manual_seed(4))


OPTIONS = {"width": 32, "blocks": 2}


@pytest.fixture(scope="module")
def order(tmp_path_factory: pytest.TempPathFactory, photograph: Pixels) -> Order:
    """Weights of a residual CNN, none of them 0, and images to calibrate on."""
    root = tmp_path_factory.mktemp("order")
    network = ResidualCNN(**OPTIONS)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        for parameter in network.parameters():
            nn.init.normal_(parameter, std=0.03)
    before = Compressed(method="prune", of="rescnn", sha256="ab" * 32, amount=0.4, done={})
    header = header_of("rescnn", options=OPTIONS, compressed=(before,))
    save_weights(root / "own.safetensors", network, header)
    pairs = []
    for index in range(3):
        file = root / f"{index}.png"
        write_png(file, np.ascontiguousarray(photograph[80 * index :, 60:][:96, :80]))
        pairs.append(Pair(file.stem, file, file, file.stem))
    return Order(
        source=root / "own.safetensors",
        label="own",
        method=METHODS["quantise"],
        name="own-less",
        folder=root / "made",
        suite="folder",
        train=pairs,
        val=(),
        progress=Unheard(),
    )


@pytest.fixture(scope="module")
def plain(order: Order) -> Path:
    """The network as ONNX, as others write it."""
    path = order.folder.parent / "plain.onnx"
    export(load_restorer(str(order.source)), path, FORMATS["onnx"], (64, 64))
    return path


@pytest.fixture(scope="module")
def int8(order: Order) -> Path:
    return carried_out(replace(order, name="own-int8"), "quantise")


def carried_out(order: Order, method: str) -> Path:
    row = METHODS[method]
    (made,) = load_object(row.run)(replace(order, method=row))
    assert isinstance(made, Path)
    return made


def pictures(path: Path) -> Any:
    return load_restorer(str(path)).restore(IMAGE)


def test_int8_is_less_than_half_of_the_file_and_near_the_networks_own_pictures(
    order: Order, int8: Path
) -> None:
    assert int8.stat().st_size < 0.5 * order.source.stat().st_size
    apart = (pictures(int8) - pictures(order.source)).square().mean()
    assert 0 < float(apart) < 1e-4  # 40 dB
    graph = onnx.load(int8).graph
    constant = {tensor.name: tensor for tensor in graph.initializer}
    read = [node.input for node in graph.node if node.op_type == "DequantizeLinear"]
    weights = [names for names in read if len(constant.get(names[0], NOTHING).dims) == 4]
    assert len(weights) == sum(node.op_type == "Conv" for node in graph.node) == 6
    assert {constant[names[0]].data_type for names in weights} == {onnx.TensorProto.INT8}
    # a scale for each channel out: 32 of the head and the blocks, 12 of the tail
    assert sorted(constant[names[1]].dims[0] for names in weights) == [12, *[32] * 5]
    last = next(node for node in graph.node if graph.output[0].name in node.output)
    assert last.op_type == "Add"  # the image itself is added to, not a rounded one
    assert graph.input[0].name in last.input


def test_a_file_says_from_what_and_how_it_came(int8: Path) -> None:
    first, second = steps_of(int8)
    assert (first.method, second.method, second.of) == ("prune", "quantise", "own")
    assert "calibrated on 3 training images" in str(second)
    header = read_header(int8)
    assert header is not None
    assert (header.model, header.compressed) == ("rescnn", (first, second))
    assert {entry.key: entry.value for entry in onnx.load(int8).metadata_props}["multiple"] == "2x2"


def test_half_precision_is_half_the_file(order: Order, plain: Path) -> None:
    made = carried_out(replace(order, source=plain), "float16")
    assert made.stat().st_size < 0.6 * plain.stat().st_size
    assert torch.allclose(pictures(made), pictures(plain), atol=2e-3)
    with pytest.raises(BenchError, match="in half precision"):
        carried_out(replace(order, source=made), "quantise")


def test_an_onnx_file_of_others_is_quantised_too_but_only_once(order: Order, plain: Path) -> None:
    made = carried_out(replace(order, source=plain, name="plain-int8"), "quantise")
    assert read_header(made) is None
    assert [step.method for step in steps_of(made)] == ["quantise"]
    with pytest.raises(BenchError, match="quantised already"):
        carried_out(replace(order, source=made), "quantise")


def test_convolutions_alone_are_refused_by_what_quantises_matrix_products(
    order: Order, plain: Path
) -> None:
    with pytest.raises(BenchError, match="no matrix products"):
        carried_out(replace(order, source=plain, name="never"), "dynamic")
    assert not (order.folder / "never.onnx").exists()


class Products(nn.Module):
    """A layer of matrix products over the channels of each pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.inside, self.outside = nn.Linear(3, 256), nn.Linear(256, 3)

    def forward(self, image: torch.Tensor) -> Any:
        features = torch.tanh(self.inside(image.permute(0, 2, 3, 1)))
        return image + 0.1 * self.outside(features).permute(0, 3, 1, 2)


def test_matrix_products_are_quantised_as_features_come(order: Order, tmp_path: Path) -> None:
    plain = tmp_path / "products.onnx"
    export(NetworkRestorer("products", Products()), plain, FORMATS["onnx"], (64, 64))
    made = carried_out(replace(order, source=plain, name="products"), "dynamic")
    assert any(node.op_type == "MatMulInteger" for node in onnx.load(made).graph.node)
    apart = np.abs(pictures(made).numpy() - pictures(plain).numpy())
    assert 0 < apart.max() < 0.02
