"""ONNX files as others export them: understood, or refused in our own words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from bench.core.errors import BenchError
from models.loading import load_restorer

IMAGE = torch.rand(1, 3, 37, 50, generator=torch.Generator().manual_seed(2))
HALF = IMAGE / 2
Side = int | str


def node(kind: str, inputs: list[str], output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(kind, inputs, [output], **attributes)


def saved(
    path: Path,
    nodes: list[onnx.NodeProto],
    outputs: list[str],
    shape: tuple[Side, ...] = ("b", 3, "h", "w"),
    kind: int = TensorProto.FLOAT,
    made: int | None = None,
    constants: dict[str, Any] | None = None,
    metadata: dict[str, str] | None = None,
) -> str:
    """Write a network of these nodes on ``image``; constants are arrays by name."""
    given = {"half": np.array(0.5, helper.tensor_dtype_to_np_dtype(kind)), **(constants or {})}
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("image", kind, shape)],
        [helper.make_tensor_value_info(name, made or kind, None) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in given.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    if metadata:
        helper.set_model_props(model, metadata)
    onnx.save(model, path)
    return str(path)


def restored(spec: str) -> torch.Tensor:
    return load_restorer(spec).restore(IMAGE)


HALVED = node("Mul", ["image", "half"], "restored")


@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE])
def test_floats_of_any_size_are_given_and_taken(tmp_path: Path, kind: int) -> None:
    found = restored(saved(tmp_path / "net.onnx", [HALVED], ["restored"], kind=kind))
    assert found.dtype == torch.float32
    assert torch.allclose(found, HALF, atol=1e-3)


def test_bytes_are_given_and_taken(tmp_path: Path) -> None:
    nodes = [
        node("Cast", ["image"], "floats", to=TensorProto.FLOAT),
        node("Mul", ["floats", "scale"], "less"),
        node("Cast", ["less"], "restored", to=TensorProto.UINT8),
    ]
    spec = saved(
        tmp_path / "net.onnx",
        nodes,
        ["restored"],
        kind=TensorProto.UINT8,
        constants={"scale": np.array(0.5, np.float32)},
    )
    assert torch.allclose(restored(spec), HALF, atol=1.5 / 255)


def test_channels_may_come_last(tmp_path: Path) -> None:
    spec = saved(tmp_path / "net.onnx", [HALVED], ["restored"], shape=(1, "h", "w", 3))
    assert torch.allclose(restored(spec), HALF)


@pytest.mark.parametrize(
    "shape", [(1, 3, 24, 40), (1, 3, "h", 32), (4, 3, "h", "w"), (1, 48, 24, 3)]
)
def test_fixed_sizes_and_batches_work(tmp_path: Path, shape: tuple[Side, ...]) -> None:
    assert torch.allclose(restored(saved(tmp_path / "n.onnx", [HALVED], ["restored"], shape)), HALF)


def test_the_output_that_is_an_image_is_taken_wherever_it_stands(tmp_path: Path) -> None:
    nodes = [
        node("ReduceMean", ["image", "axis"], "attention", keepdims=1),
        node("Shape", ["image"], "sizes"),
        HALVED,
    ]
    spec = saved(
        tmp_path / "net.onnx", nodes, ["attention", "restored"], constants={"axis": np.array([1])}
    )
    assert torch.allclose(restored(spec), HALF)


def test_of_several_that_could_be_it_the_user_chooses(tmp_path: Path) -> None:
    nodes = [node("Sigmoid", ["image"], "attention"), HALVED]
    path = saved(tmp_path / "net.onnx", nodes, ["attention", "restored"])
    choices = f"say which: {path}:attention, {path}:restored"
    with pytest.raises(BenchError, match="2 outputs that could be the restored image") as error:
        load_restorer(path)
    assert choices in str(error.value)
    assert torch.allclose(restored(f"{path}:restored"), HALF)
    assert torch.allclose(restored(f"{path}:attention"), IMAGE.sigmoid())
    with pytest.raises(BenchError, match="no output 'x'; it has attention, restored"):
        load_restorer(f"{path}:x")


def test_of_several_scales_the_full_size_is_taken(tmp_path: Path) -> None:
    nodes = [
        HALVED,
        node("AveragePool", ["restored"], "small", kernel_shape=[2, 2], strides=[2, 2]),
    ]
    spec = saved(tmp_path / "net.onnx", nodes, ["small", "restored"])
    assert torch.allclose(restored(spec), HALF)


def pooled(path: Path, **how: Any) -> str:
    """A network that only takes sides of a multiple of 8."""
    nodes = [
        node("AveragePool", ["image"], "small", kernel_shape=[8, 8], strides=[8, 8]),
        node("Resize", ["small", "", "times"], "large", mode="nearest"),
        node("Mul", ["large", "none"], "nothing"),
        node("Add", ["image", "nothing"], "sum"),
        node("Mul", ["sum", "half"], "restored"),
    ]
    constants = {"times": np.array([1, 1, 8, 8], np.float32), "none": np.array(0, np.float32)}
    return saved(path, nodes, ["restored"], constants=constants, **how)


def test_a_size_multiple_that_the_file_does_not_tell_is_found(tmp_path: Path) -> None:
    assert torch.allclose(restored(pooled(tmp_path / "net.onnx")), HALF)


@pytest.mark.parametrize("told", ["8", "8x8", "16X8"])
def test_a_size_multiple_is_told_as_one_number_or_two(tmp_path: Path, told: str) -> None:
    spec = pooled(tmp_path / "net.onnx", metadata={"multiple": told})
    assert torch.allclose(restored(spec), HALF)


@pytest.mark.parametrize("told", ["eight", "8x", "0", "8x8x8"])
def test_a_size_multiple_that_means_nothing_is_refused(tmp_path: Path, told: str) -> None:
    spec = pooled(tmp_path / "net.onnx", metadata={"multiple": told})
    with pytest.raises(
        BenchError, match=f"multiple '{told}'; expected a number such as 8, or 8x16"
    ):
        load_restorer(spec)


def test_what_does_not_fit_is_said_in_our_words(tmp_path: Path) -> None:
    scalar = saved(tmp_path / "a.onnx", [node("ReduceMean", ["image"], "mean")], ["mean"])
    with pytest.raises(BenchError, match=r"makes mean .* of an image \(1, 3, .*expected one of as"):
        load_restorer(scalar)
    reshaped = saved(
        tmp_path / "b.onnx",
        [node("Reshape", ["image", "to"], "restored")],
        ["restored"],
        constants={"to": np.array([1, 3, 7, 11])},
    )
    with pytest.raises(BenchError, match=r"runs on no image of 65x65, .*: if it needs") as error:
        load_restorer(reshaped)
    assert "onnxruntime" not in str(error.value).lower()
    five = saved(tmp_path / "c.onnx", [HALVED], ["restored"], shape=(1, 5, "h", "w"))
    with pytest.raises(BenchError, match="takes 5 channels; expected 3 or 1"):
        load_restorer(five)
