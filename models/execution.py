"""How a network is run: its precision, its layout in memory, and what runs it.

Each function takes a restorer with a network of torch and changes how that is called, in place:
`models.variants` names them. The network that is counted stays the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import torch

from bench.core import allocator
from bench.core.errors import BenchError, message_of
from models.export import ExportedNetwork
from models.restorer import NetworkRestorer, Restorer


def channels_last(restorer: Restorer) -> Restorer:
    """Lay the channels of each pixel side by side. Raises `BenchError` on a CPU."""
    found = _with_network(restorer)
    if found.device.type == "cpu":
        raise BenchError(f"'{found.name}': on a CPU every network has its channels last already")
    found.compute(layout=torch.channels_last)
    return found


def keep_memory(restorer: Restorer) -> Restorer:
    """Keep what layers free for the layers to come, in the whole process. Raises `BenchError` on a
    GPU, where torch does so already, and where malloc cannot be told."""
    if restorer.device.type != "cpu":
        raise BenchError(f"'{restorer.name}': on a GPU torch keeps memory already")
    if not allocator.keep_memory():
        variables = ", ".join(allocator.ENVIRONMENT)
        raise BenchError(
            f"'{restorer.name}' needs glibc's malloc (Linux), and none of {variables} set"
        )
    return restorer


def float16(restorer: Restorer) -> Restorer:
    """Keep weights and features in half precision."""
    found = _with_network(restorer)
    found.compute(torch.float16)
    return found


def bfloat16(restorer: Restorer) -> Restorer:
    """Keep weights and features in bfloat16."""
    found = _with_network(restorer)
    found.compute(torch.bfloat16)
    return found


class Autocast(torch.nn.Module):
    """A network in mixed precision: torch chooses operation by operation."""

    def __init__(self, network: torch.nn.Module, device: torch.device) -> None:
        super().__init__()
        self.network = network
        self._kind = device.type
        self._dtype = torch.float16 if device.type == "cuda" else torch.bfloat16

    def forward(self, image: torch.Tensor) -> Any:
        """Return what the network makes of (B,C,H,W)."""
        with torch.autocast(self._kind, self._dtype):
            return self.network(image)


def autocast(restorer: Restorer) -> Restorer:
    """Let torch choose the precision of each operation."""
    found = _with_network(restorer)
    found.call = Autocast(_called(found), found.device)
    return found


def compiled(restorer: Restorer) -> Restorer:
    """Let torch.compile make kernels of the network; that happens when its first image comes."""
    found = _with_network(restorer)
    from torch._dynamo.exc import TorchDynamoException

    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # "No CUDA runtime .."
    call = torch.compile(_called(found))

    def run(image: torch.Tensor) -> Any:
        try:
            return call(image)
        except TorchDynamoException as error:
            reason = message_of(error.__cause__ or error).splitlines()[0]
            raise BenchError(f"torch.compile cannot compile '{found.name}': {reason}") from error

    found.call = run
    return found


def cuda_graph(restorer: Restorer) -> Restorer:
    """Record the network's launches once for each size, and replay them. Needs a CUDA device."""
    found = _without_levels(_with_network(restorer))
    if found.device.type != "cuda":
        raise BenchError(f"'{found.name}' needs a CUDA device, not {found.device}")
    found.call = GraphedNetwork(_called(found), found.name)
    return found


def by_onnxruntime(restorer: Restorer) -> Restorer:
    """Export the network to ONNX, and run it by onnxruntime on the restorer's device."""
    return _exported(restorer, None)


def by_tensorrt(restorer: Restorer) -> Restorer:
    """Export the network to ONNX, and run it by TensorRT. Needs a CUDA device."""
    if restorer.device.type != "cuda":
        raise BenchError(f"'{restorer.name}' needs a CUDA device, not {restorer.device}")
    return _exported(restorer, "TensorrtExecutionProvider")


class GraphedNetwork:
    """A network as CUDA graphs, one for each size of image: (B,C,H,W) to what the network makes."""

    KEPT = 4
    """Graphs of so many sizes are kept, the last used: each holds memory."""

    def __init__(self, network: torch.nn.Module, name: str) -> None:
        self._network, self._name = network, name
        self._graphs: dict[tuple[int, ...], Callable[[torch.Tensor], torch.Tensor]] = {}

    def __call__(self, image: torch.Tensor) -> torch.Tensor:
        """See the class."""
        key = tuple(image.shape)
        with torch.cuda.device(image.device):  # streams are of the current one
            replay = self._graphs.pop(key, None) or self._recorded(image)
        self._graphs[key] = replay
        while len(self._graphs) > self.KEPT:
            del self._graphs[next(iter(self._graphs))]
        return replay(image)

    def _recorded(self, image: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
        given = image.clone()
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(3):  # libraries choose their kernels, which no graph may record
                self._network(given)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        try:
            # other threads read ahead and score on the GPU meanwhile, which is none of its business
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                made = self._network(given)
        except RuntimeError as error:
            reason = message_of(error).splitlines()[0]
            raise BenchError(f"'{self._name}' cannot be a CUDA graph: {reason}") from error
        if not isinstance(made, torch.Tensor):
            raise BenchError(
                f"'{self._name}' needs a network that returns one tensor, not {type(made).__name__}"
            )

        def replay(image: torch.Tensor) -> torch.Tensor:
            given.copy_(image)
            graph.replay()
            return made.clone()

        return replay


def _exported(restorer: Restorer, provider: str | None) -> Restorer:
    found = _without_levels(_with_network(restorer))
    if found.dtype == torch.bfloat16:
        raise BenchError(f"'{found.name}': onnxruntime takes no bfloat16; try float16")
    if isinstance(found.call, Autocast):
        raise BenchError(f"'{found.name}': mixed precision is torch's own; try float16")
    found.call = ExportedNetwork(_called(found), found.name, found.device, provider)
    return found


def _with_network(restorer: Restorer) -> NetworkRestorer:
    """Return the restorer as one of a network. Raises `BenchError` for any other."""
    if not isinstance(restorer, NetworkRestorer) or restorer.network is None:
        raise BenchError(f"'{restorer.name}' has no network of torch that could be run otherwise")
    return restorer


def _without_levels(restorer: NetworkRestorer) -> NetworkRestorer:
    """Return the restorer, unless its network is told something new for every image."""
    if restorer.uses_noise:
        raise BenchError(
            f"'{restorer.name}': its network is told each image's noise level, which one that is "
            "recorded once cannot be"
        )
    return restorer


def _called(restorer: NetworkRestorer) -> torch.nn.Module:
    """Return the module that is called: the network, or that in mixed precision."""
    assert isinstance(restorer.call, torch.nn.Module)
    return restorer.call
