"""``quantise``, ``dynamic``, ``float16``: ONNX files of fewer bits, by onnxruntime's own tools."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.core.errors import BenchError, message_of
from bench.image import to_tensor
from bench.records import Pair
from bench.suites.opening import open_pair
from bench.suites.table import spread
from models.compression.structured import step_of
from models.compression.table import Order
from models.export import export, quietly, write_metadata
from models.foreign import load_onnx, onnx_session
from models.formats import FORMATS
from models.loading import load_restorer
from models.restorer import NetworkRestorer, both
from models.weights import header_of, onnx_metadata, steps_of

IMAGES, PROVED = 16, 4
"""Training images that features are calibrated on, and on which the file is held against the
network."""

SIDE = 256
"""Longest side of what is cut out of them."""

LEAST = 25.0
"""PSNR in dB of the compressed model's pictures against the model's own, under which a file is
refused: it makes other pictures."""

_PRODUCTS = ("Conv", "ConvTranspose", "MatMul", "Gemm")

Write = Callable[[Path, Path, Sequence[NDArray[np.float32]]], None]


def static(order: Order) -> list[Path]:
    """Quantise weights and features to int8. Raises `BenchError` where there is nothing to."""
    images = min(IMAGES, len(order.train))
    return [_written(order, _static, {"calibrated": f"on {images} training images of the suite"})]


def dynamic(order: Order) -> list[Path]:
    """Quantise the weights of matrix products. Raises `BenchError` where there are none."""
    return [_written(order, _dynamic, {})]


def float16(order: Order) -> list[Path]:
    """Keep everything in half precision but what comes in and goes out."""
    return [_written(order, _float16, {})]


def _written(order: Order, write: Write, done: dict[str, str]) -> Path:
    """Write a model's ONNX file of fewer bits, prove it, and say in it how it came about."""
    path = order.folder / f"{order.name}.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-onnx-") as folder:
        whole, made = Path(folder) / "whole.onnx", Path(folder) / "made.onnx"
        if order.source.suffix.lower() == ".onnx":
            whole.write_bytes(order.source.read_bytes())
        else:
            export(load_restorer(str(order.source)), whole, FORMATS["onnx"], (SIDE, SIDE))
        original = load_onnx(whole, order.label, "cpu", None)
        images = [_image(pair) for pair in spread(order.train, IMAGES)]
        inputs = [_input_of(original, image) for image in images] if order.method.looks else []
        try:
            with quietly():
                write(whole, made, inputs)
        except BenchError:
            raise
        except Exception as error:  # of onnx, of onnxruntime, or of what they call
            reason = message_of(error).splitlines()[0]
            raise BenchError(f"onnxruntime cannot {order.method.name} it: {reason}") from error
        small, large = made.stat().st_size, whole.stat().st_size
        if small >= large:
            raise BenchError(
                f"'{order.label}': the file would be no smaller, {small:,} bytes of {large:,}; "
                "nothing is written"
            )
        done = {"as ONNX": f"{large:,} -> {small:,} bytes ({small / large - 1:+.1%})", **done}
        if images:
            close = _closeness(original, load_onnx(made, order.name, "cpu", None), images[:PROVED])
            if close < LEAST:
                raise BenchError(
                    f"'{order.label}': the {order.method.name} file makes other pictures, "
                    f"{close:.1f} dB from its own where {LEAST:g} dB is the least; nothing is "
                    "written"
                )
            done["pictures"] = f"{close:.1f} dB from its own on training images"
        steps = (*steps_of(order.source), step_of(order, done))
        entries = {"multiple": "{}x{}".format(*both(original.multiple))}
        write_metadata(made, {**entries, **onnx_metadata(header_of(order.source), steps)})
        partial = path.with_name(f".{path.name}.part")
        partial.write_bytes(made.read_bytes())
        partial.replace(path)
    return path


def _image(pair: Pair) -> torch.Tensor:
    """Return the middle of a pair's degraded image, (1,3,H,W) of sides up to `SIDE`."""
    image = to_tensor(open_pair(pair).degraded)
    top, left = (max(0, side - SIDE) // 2 for side in image.shape[-2:])
    return image[..., top : top + SIDE, left : left + SIDE]


def _input_of(restorer: NetworkRestorer, image: torch.Tensor) -> NDArray[np.float32]:
    """Return what the network is given where a restorer is given an image: seen, not guessed."""
    seen: list[torch.Tensor] = []
    network = restorer.call

    def noted(given: torch.Tensor) -> object:
        seen.append(given)
        return network(given)

    restorer.call = noted
    try:
        restorer.restore(image)
    finally:
        restorer.call = network
    given: NDArray[np.float32] = seen[0].float().contiguous().numpy()
    return given


def _closeness(
    original: NetworkRestorer, made: NetworkRestorer, images: Sequence[torch.Tensor]
) -> float:
    """Return the PSNR in dB between two models' pictures, over all pixels."""
    apart = [
        float((original.restore(image) - made.restore(image)).clamp(-1, 1).square().mean())
        for image in images
    ]
    return -10 * math.log10(max(sum(apart) / len(apart), 1e-12))


def _static(whole: Path, made: Path, inputs: Sequence[NDArray[np.float32]]) -> None:
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    name = _float_input(whole)
    ready = whole.with_name("ready.onnx")
    quant_pre_process(str(whole), str(ready), skip_symbolic_shape=True)
    graph = onnx.load(ready).graph
    _require(graph, _PRODUCTS, "has neither convolutions nor matrix products to quantise")

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left: Iterator[NDArray[np.float32]] = iter(inputs)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            image = next(self._left, None)
            return None if image is None else {name: image}

    quantization.quantize_static(
        str(ready),
        str(made),
        Reader(),
        quant_format=quantization.QuantFormat.QDQ,
        per_channel=True,
        activation_type=quantization.QuantType.QUInt8,  # with int8 weights: what VNNI multiplies
        weight_type=quantization.QuantType.QInt8,
        calibrate_method=quantization.CalibrationMethod.Percentile,
        nodes_to_exclude=_last_sums(graph),
    )


def _dynamic(whole: Path, made: Path, inputs: Sequence[NDArray[np.float32]]) -> None:
    import onnx
    from onnxruntime import quantization

    _float_input(whole)
    _require(
        onnx.load(whole).graph,
        ("MatMul", "Gemm"),
        "has no matrix products, and dynamic quantisation makes convolutions slower; take "
        "--method quantise",
    )
    quantization.quantize_dynamic(
        str(whole),
        str(made),
        op_types_to_quantize=["MatMul", "Gemm"],
        per_channel=True,
        weight_type=quantization.QuantType.QInt8,
    )


def _float16(whole: Path, made: Path, inputs: Sequence[NDArray[np.float32]]) -> None:
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    _float_input(whole)
    onnx.save(convert_float_to_float16(onnx.load(whole), keep_io_types=True), made)


def _float_input(path: Path) -> str:
    """Return the name of a file's input. Raises `BenchError` for one that takes no float32, or is
    quantised."""
    import onnx

    graph = onnx.load(path).graph
    if any(node.op_type in ("QuantizeLinear", "DynamicQuantizeLinear") for node in graph.node):
        raise BenchError("the file is quantised already; give the one that it was made of")
    if any(tensor.data_type == onnx.TensorProto.FLOAT16 for tensor in graph.initializer):
        raise BenchError("the file is in half precision; give the one that it was made of")
    given = onnx_session(path, torch.device("cpu")).get_inputs()[0]
    if given.type != "tensor(float)":
        raise BenchError(f"the file takes {given.type}; expected tensor(float), float32")
    return str(given.name)


def _require(graph: Any, kinds: Sequence[str], otherwise: str) -> None:
    constant = {tensor.name for tensor in graph.initializer}
    if not any(node.op_type in kinds and constant & {*node.input} for node in graph.node):
        raise BenchError(f"the network {otherwise}")


def _last_sums(graph: Any) -> list[str]:
    """Return the nodes between the last convolutions and the picture, which stay in float32.

    There the image itself is added, which 256 steps would round.
    """
    found, reached = [], {output.name for output in graph.output}
    for node in reversed(graph.node):
        if reached & {*node.output} and node.op_type not in (*_PRODUCTS, "DepthToSpace"):
            found.append(node.name)
            reached |= {*node.input}
    return found
