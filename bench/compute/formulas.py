"""What one call of an operation costs, by the operation's name: the tables behind `operations`.

Matrix-like operations have a formula in multiply-accumulates (MACs), dense and without counting
biases. Where `torch.utils.flop_counter` has one (convolutions, mm, bmm, addmm, fused attention)
that one is used, halved; the table here adds what it would count as nothing. Attention is counted
dense, masked or not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from math import prod
from typing import Any

import torch

Formula = Callable[[tuple[Any, ...], Any], Any]
"""(positional arguments, result) of one call -> MACs."""


def _vector(args: tuple[Any, ...], out: Any) -> Any:
    """`mv`, `dot`: every element of the matrix meets one of the vector."""
    return args[0].numel()


def _added_vector(args: tuple[Any, ...], out: Any) -> Any:
    """`addmv(bias, matrix, vector)`."""
    return args[1].numel()


def _added_batches(args: tuple[Any, ...], out: Any) -> Any:
    """`addbmm(bias, (B,m,k), (B,k,n))`."""
    return args[1].numel() * args[2].shape[-1]


def _recurrent(args: tuple[Any, ...], out: Any) -> Any:
    """`lstm.input(x, hx, weights, ..)` and its kind: every weight matrix once per time step.

    Packed sequences, `lstm.data(x, batch_sizes, hx, weights, ..)`, hold the steps in rows.
    """
    steps = prod(args[0].shape[:-1])
    lists = [arg for arg in args if isinstance(arg, list | tuple)]
    weights = next(tensors for tensors in reversed(lists) if tensors)
    return steps * sum(w.numel() for w in weights if w.dim() == 2)


def _cell(args: tuple[Any, ...], out: Any) -> Any:
    """`lstm_cell(x, hx, w_ih, w_hh, ..)`, `gru_cell`: both weight matrices once per row."""
    return prod(args[0].shape[:-1]) * sum(w.numel() for w in args[2:4])


def _attention(args: tuple[Any, ...], out: Any) -> Any:
    """`softmax(q k^T) v` for q (..,S,E), k (..,L,E), v (..,L,V): S L (E + V) per head."""
    query, key, value = args[:3]
    scores = prod(out.shape[:-1]) * key.shape[-2]
    return scores * (query.shape[-1] + value.shape[-1])


def _deformable(args: tuple[Any, ...], out: Any) -> Any:
    """`deform_conv2d(x, weight (O,I/groups,kh,kw), ..)`, its bilinear sampling not counted."""
    return out.numel() * prod(args[1].shape[1:])


def _fourier(args: tuple[Any, ...], out: Any) -> Any:
    """5 N log2 N real operations a transform of N points, half of that with a real side.

    The radix-2 count by which FFTW reports speed (fftw.org/speed), whatever algorithm runs. Two
    real operations make one MAC.
    """
    full = args[0] if out.is_complex() else out  # a one-sided spectrum is the shorter one
    points = prod(full.shape[dim] for dim in args[1])
    flops = 5.0 if full.is_complex() else 2.5
    return round(flops * points * math.log2(points) * (full.numel() // points) / 2)


FORMULAS: dict[str, Formula] = {
    "aten::mv": _vector,
    "aten::dot": _vector,
    "aten::vdot": _vector,
    "aten::addmv": _added_vector,
    "aten::addbmm": _added_batches,
    "aten::lstm": _recurrent,
    "aten::gru": _recurrent,
    "aten::rnn_tanh": _recurrent,
    "aten::rnn_relu": _recurrent,
    "aten::lstm_cell": _cell,
    "aten::gru_cell": _cell,
    "aten::rnn_tanh_cell": _cell,
    "aten::rnn_relu_cell": _cell,
    "aten::scaled_dot_product_attention": _attention,
    "torchvision::deform_conv2d": _deformable,
    "aten::_fft_c2c": _fourier,
    "aten::_fft_r2c": _fourier,
    "aten::_fft_c2r": _fourier,
}
"""Beside those of `torch.utils.flop_counter`. Seen whole in inference mode, not in their parts."""

NOT_ACTIVATIONS = {"aten::_fft_c2c", "aten::_fft_r2c", "aten::_fft_c2r"}
"""Counted in MACs, but no layer's output."""


def _names(text: str) -> frozenset[str]:
    return frozenset(f"aten::{name}" for name in text.split())


PER_OUTPUT = _names(
    "masked_fill_ native_layer_norm native_group_norm native_batch_norm _native_batch_norm_legit "
    "_native_batch_norm_legit_no_training _batch_norm_no_update _weight_norm_interface "
    "_fused_rms_norm _softmax _log_softmax prelu _prelu_kernel glu cumsum cumprod col2im linspace "
    "native_dropout bernoulli bernoulli_ uniform_ normal_ rand randn "
    "upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact2d "
    "upsample_linear1d upsample_bilinear2d upsample_bicubic2d upsample_trilinear3d "
    "_upsample_bilinear2d_aa _upsample_bicubic2d_aa grid_sampler_2d grid_sampler_3d "
    "celu_ elu_ hardsigmoid_ hardtanh_ ldexp ldexp_ leaky_relu leaky_relu_ selu_"
)
"""One element-wise operation for each element put out, as those tagged ``pointwise`` in torch, of
which torch 2.10 has not yet tagged the last."""

PER_INPUT = _names(
    "mean sum nansum prod amax amin aminmax max min argmax argmin var std var_mean std_mean norm "
    "linalg_vector_norm logsumexp any all count_nonzero avg_pool1d avg_pool2d avg_pool3d "
    "_adaptive_avg_pool2d _adaptive_avg_pool3d max_pool2d_with_indices max_pool3d_with_indices "
    "adaptive_max_pool2d"
)
"""One for each element taken in: reductions and pooling."""

MOVES = _names(
    "clone copy_ _to_copy cat stack constant_pad_nd reflection_pad1d reflection_pad2d "
    "reflection_pad3d replication_pad1d replication_pad2d replication_pad3d pixel_shuffle "
    "pixel_unshuffle channel_shuffle native_channel_shuffle roll flip repeat index index_put_ "
    "index_put index_select index_copy gather take scatter scatter_ slice_scatter select_scatter "
    "im2col unfold_copy tril triu empty empty_like empty_strided empty_permuted new_empty "
    "new_empty_strided zeros zeros_like new_zeros ones ones_like new_ones full full_like new_full "
    "arange eye scalar_tensor lift_fresh lift_fresh_copy zero_ fill fill_ resize_ _unsafe_view "
    "_reshape_copy view_copy _local_scalar_dense set_ is_same_size equal detach_ "
    "masked_scatter embedding repeat_interleave nonzero _assert_async "
    "_assert_tensor_metadata"
)
"""Move, make or look at data without arithmetic. Views are recognised by their schema."""


def is_pointwise(operation: torch._ops.OpOverload) -> bool:
    """Whether torch itself says that each output element follows from one of each input."""
    return torch.Tag.pointwise in operation.tags
