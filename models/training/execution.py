"""How a training's steps are computed on a device: in what precision, by which kernels."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, get_args

import torch

from bench.core.errors import BenchError, message_of
from bench.core.formats import to_json
from bench.core.names import choose
from models.recipes import Execution, Precision

FAST_ON_CPU = ("avx512_bf16", "amx_bf16")
"""Instructions by which a CPU multiplies in bfloat16: without them it takes longer than float32.
Steps of the quick recipes were seen to take 1.5 to 1.8 times as long without the first."""


def precision_of(execution: Execution, device: str) -> Precision:
    """Return the precision that is meant on a device. Raises `BenchError` for one that is none."""
    choose("precision", execution.precision, get_args(Precision))
    if execution.precision != "auto":
        return execution.precision
    if torch.device(device).type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        # torch 2.10 does not tell
        able: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
        native = any(able.get(name, False) for name in FAST_ON_CPU)
    return "bfloat16" if native else "float32"


def told(execution: Execution, device: str) -> Mapping[str, Any]:
    """Return how steps are computed there, in words and yes or no, as weights say it."""
    return {**to_json(execution), "precision": precision_of(execution, device)}


@contextmanager
def computing(execution: Execution, device: str) -> Iterator[None]:
    """Let a step inside be computed as the recipe says. Raises `BenchError` where it cannot be."""
    lower = precision_of(execution, device) == "bfloat16"
    with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=lower):
        if not execution.compile:
            yield
            return
        from torch._dynamo.exc import TorchDynamoException  # takes seconds to import

        try:
            yield
        except TorchDynamoException as error:
            reason = message_of(error.__cause__ or error).splitlines()[0]
            raise BenchError(
                f"torch.compile cannot compile this network here ({reason}); take "
                "execution.compile out of the recipe"
            ) from error


def compile_in_place(network: torch.nn.Module, execution: Execution) -> None:
    """Let torch.compile make kernels of a network, if its recipe says so, when it first restores.

    The names of its weights stay as they are.
    """
    if execution.compile:
        logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # "No CUDA .."
        network.compile()
