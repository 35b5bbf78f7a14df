"""Count what an ONNX model does: the same numbers as for the network that it came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core.errors import BenchError

if TYPE_CHECKING:
    from bench.compute.operations import Operations

Shapes = Mapping[str, tuple[int, ...]]


def _convolution(node: Any, shapes: Shapes) -> int:
    """`Conv(x, weight (O, I/groups, k..))`: I/groups x k.. for each output element."""
    return prod(shapes[node.output[0]]) * prod(shapes[node.input[1]][1:])


def _transposed(node: Any, shapes: Shapes) -> int:
    """`ConvTranspose(x, weight (I, O/groups, k..))`: O/groups x k.. for each input element."""
    return prod(shapes[node.input[0]]) * prod(shapes[node.input[1]][1:])


def _product(node: Any, shapes: Shapes) -> int:
    """`MatMul((.., m, k), (.., k, n))`: k for each output element."""
    return prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]


def _gemm(node: Any, shapes: Shapes) -> int:
    """`Gemm(A, B)`, either transposed: the elements of A, times the columns of the result."""
    return prod(shapes[node.input[0]]) * shapes[node.output[0]][-1]


FORMULAS: dict[str, Callable[[Any, Shapes], int]] = {
    "Conv": _convolution,
    "ConvTranspose": _transposed,
    "Gemm": _gemm,
    "MatMul": _product,
}


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


PER_OUTPUT = _names(
    "Abs Add And BatchNormalization Ceil Clip Cos Div Elu Equal Erf Exp Floor Gelu Greater "
    "GreaterOrEqual GridSample GroupNormalization HardSigmoid HardSwish InstanceNormalization "
    "LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax Max Mean Min Mish Mod Mul Neg "
    "Not Or PRelu Pow Reciprocal Relu Resize Round Selu Sigmoid Sign Sin Softmax Softplus "
    "Softsign Sqrt Sub Sum Swish Tanh Upsample Where"
)
"""One element-wise operation for each element put out."""

PER_INPUT = _names(
    "ArgMax ArgMin AveragePool GlobalAveragePool GlobalMaxPool MaxPool ReduceL1 ReduceL2 "
    "ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare"
)
"""One for each element taken in."""

MOVES = _names(
    "Cast CastLike Concat Constant ConstantOfShape DepthToSpace Dropout Expand Flatten Gather "
    "GatherElements GatherND Identity Pad Range Reshape Shape Size Slice SpaceToDepth Split "
    "Squeeze Tile Transpose Trilu Unsqueeze"
)
"""No arithmetic."""


def count_onnx(path: Path, shape: Sequence[int]) -> Operations:
    """Count one run of the ONNX model at ``path`` on an input of ``shape``, usually (1,3,H,W).

    The model is run once for the sizes of what flows through it: many follow from values that
    shape inference does not know. ``params`` are the elements of its weights: floating-point
    initializers but for single numbers, and matrices of 8-bit integers. Raises `BenchError` if the
    model cannot take that shape.
    """
    import onnx
    from onnx import inliner

    from bench.compute.operations import Operations

    model = inliner.inline_local_functions(onnx.load(path))
    shapes = _shapes(model, shape)
    macs = elementwise = activations = 0
    other: Counter[str] = Counter()
    for node in model.graph.node:
        if node.op_type in FORMULAS:
            macs += FORMULAS[node.op_type](node, shapes)
            activations += prod(shapes[node.output[0]])
        elif node.op_type in PER_OUTPUT:
            elementwise += prod(shapes[node.output[0]])
        elif node.op_type in PER_INPUT:
            elementwise += prod(shapes[node.input[0]])
        elif node.op_type not in MOVES:
            other[node.op_type] += 1
    weights = [tensor for tensor in model.graph.initializer if _is_weight(tensor)]
    params = sum(prod(tensor.dims) for tensor in weights)
    return Operations(params, macs, elementwise, activations, tuple(sorted(other.items())))


def weight_bytes(path: Path) -> int:
    """Return the bytes of all initializers."""
    import onnx

    tensors = onnx.load(path).graph.initializer
    return sum(prod(tensor.dims) * _dtype(tensor.data_type).itemsize for tensor in tensors)


def _is_weight(tensor: Any) -> bool:
    from onnx import TensorProto as Kind

    if tensor.data_type in (Kind.INT8, Kind.UINT8):
        return len(tensor.dims) >= 2  # a vector holds zero points
    real = (Kind.FLOAT, Kind.FLOAT16, Kind.BFLOAT16, Kind.DOUBLE)
    return tensor.data_type in real and len(tensor.dims) >= 1


def _dtype(kind: int) -> Any:
    import onnx

    return onnx.helper.tensor_dtype_to_np_dtype(kind)


def _shapes(model: Any, shape: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Return the sizes of all that goes into or comes out of a counted node."""
    known = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in known]
    if len(inputs) != 1:
        raise BenchError(f"expected a model with one input, got {len(inputs)}")
    counted = [n for n in model.graph.node if n.op_type in {*FORMULAS, *PER_OUTPUT, *PER_INPUT}]
    named = dict.fromkeys(name for node in counted for name in (*node.input, *node.output[:1]))
    return known | _measured(
        model, inputs[0], shape, [name for name in named if name and name not in known]
    )


def _measured(
    model: Any, value: Any, shape: Sequence[int], names: Sequence[str]
) -> dict[str, tuple[int, ...]]:
    """Run the model with the sizes of the tensors ``names`` as its only outputs."""
    import numpy as np
    import onnx
    import onnxruntime

    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    del probe.graph.output[:]
    for index, name in enumerate(names):
        size = f"size of {index}"
        probe.graph.node.append(onnx.helper.make_node("Shape", [name], [size]))
        probe.graph.output.append(
            onnx.helper.make_tensor_value_info(size, onnx.TensorProto.INT64, None)
        )
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    zeros = np.zeros(shape, _dtype(value.type.tensor_type.elem_type))
    try:
        session = onnxruntime.InferenceSession(
            probe.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        sizes = session.run(None, {value.name: zeros})
    except Exception as error:
        raise BenchError(f"cannot take {tuple(shape)}: {' '.join(str(error).split())}") from error
    return {name: tuple(map(int, size)) for name, size in zip(names, sizes, strict=True)}
