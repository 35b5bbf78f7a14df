"""Networks of others: checkpoints that spandrel recognises, and ONNX files."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from bench.core.errors import BenchError
from models.catalogue import NONCOMMERCIAL
from models.classical import noise_of
from models.restorer import NOTHING_KNOWN, Hints, NetworkRestorer
from models.weights import read_state

LICENCES = {
    "AdaCode": "CC BY-NC-SA 4.0",
    "CodeFormer": "S-Lab License 1.0",
    "DDColor": "academic and non-commercial use only",
    "FeMaSR": "CC BY-NC-SA 4.0",
    "M3SNet": "Academic Public License",
    "MAT": "CC BY-NC 4.0",
    "MIRNet2": "Academic Public License",
    "MPRNet": "Academic Public License",
    "Restormer": "Academic Public License",
    "SRFormer": "CC BY-NC 4.0",
}
"""Of the architectures in spandrel_extra_arches, as they stand beside each in its repository."""

PROBE = 64
"""Side of the image by which an ONNX network shows its scale."""


class SpandrelNetwork(torch.nn.Module):
    """A network that spandrel has built, called the way its descriptor says.

    (B,C,H,W) in [0,1] -> (B,C,H*scale,W*scale), clipped. Some architectures want a square image or
    return more than the image: the descriptor knows.
    """

    def __init__(self, descriptor: Any) -> None:
        super().__init__()
        self.model: torch.nn.Module = descriptor.model
        self._descriptor = descriptor

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """See the class."""
        restored: torch.Tensor = self._descriptor(image)
        return restored


class NoiseMapNetwork(SpandrelNetwork):
    """DRUNet: a last channel beside the image holds the standard deviation of its noise, in [0,1].

    Its descriptor says 15/255 whatever the image (Zhang et al. 2021, doi:10.1109/TPAMI.2021.3088914
    give the true one).
    """

    level = 0.0

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """See the class."""
        batch, _, height, width = image.shape
        told = image.new_full((batch, 1, height, width), self.level)
        restored: torch.Tensor = self.model(torch.cat([image, told], dim=1))
        return restored.clamp(0, 1)


class NoiseMapRestorer(NetworkRestorer):
    """A network that is told how much noise there is: what is known of it, else an estimate.

    Of a batch, which no suite has, the first image is the one looked at.
    """

    def restore(self, degraded: torch.Tensor, hints: Hints = NOTHING_KNOWN) -> torch.Tensor:
        """See `Restorer.restore`; any batch size."""
        assert isinstance(self.network, NoiseMapNetwork)
        self.network.level = noise_of(degraded[0].permute(1, 2, 0).double().numpy(), hints)
        return super().restore(degraded, hints)


def load_spandrel(path: Path, name: str, device: str, tile: int | None) -> NetworkRestorer:
    """Load a published checkpoint: its architecture is recognised from the names in it.

    Raises `BenchError` if nothing is recognised, if it is no restoration of RGB or grey images, or
    if its licence forbids commercial use and `NONCOMMERCIAL` is not set.
    """
    from spandrel import ImageModelDescriptor, ModelLoader, ModelTiling, canonicalize_state_dict

    state = canonicalize_state_dict(read_state(path))
    registry = _registry_for(state, path)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"torch\.meshgrid")  # theirs to see to
            descriptor = ModelLoader(registry=registry).load_from_state_dict(state)
    except (RuntimeError, KeyError, ValueError, IndexError, AttributeError, TypeError) as error:
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BenchError(f"'{path}' does not fit the architecture it looks like: {line}") from error
    channels = descriptor.input_channels
    if not isinstance(descriptor, ImageModelDescriptor) or channels != descriptor.output_channels:
        raise BenchError(
            f"'{path}' is {descriptor.architecture.name}: {descriptor.purpose}, {channels} to "
            f"{descriptor.output_channels} channels; expected one image to one image"
        )
    needs = descriptor.size_requirements
    told_noise = descriptor.architecture.id == "DRUNet"
    restorer = NoiseMapRestorer if told_noise else NetworkRestorer
    return restorer(
        name,
        NoiseMapNetwork(descriptor) if told_noise else SpandrelNetwork(descriptor),
        device=device,
        multiple=needs.multiple_of,
        minimum=needs.minimum,
        tile=None if descriptor.tiling is ModelTiling.INTERNAL else tile,
        scale=descriptor.scale,
        channels=channels,
    )


def _registry_for(state: Mapping[str, Any], path: Path) -> Any:
    """Return the registry of architectures that knows the one of a state dict."""
    from spandrel import MAIN_REGISTRY

    def knows(registry: Any) -> str | None:
        found = (a for a in registry.architectures() if a.detect(state))
        return next((a.architecture.id for a in found), None)

    if knows(MAIN_REGISTRY):
        return MAIN_REGISTRY
    try:
        with warnings.catch_warnings(action="ignore", category=FutureWarning):  # theirs to see to
            from spandrel_extra_arches import EXTRA_REGISTRY
    except ImportError:
        more = f"; {', '.join(LICENCES)} need pip install 'restoration-bench[noncommercial]'"
    else:
        more = ""
        if extra := knows(EXTRA_REGISTRY):
            if os.environ.get(NONCOMMERCIAL):
                return EXTRA_REGISTRY
            raise BenchError(
                f"'{path}' is {extra}, whose licence ({LICENCES.get(extra, 'not MIT')}) forbids "
                f"commercial use; if yours is none, give --noncommercial, or set {NONCOMMERCIAL}=1"
            )
    raise BenchError(
        f"'{path}': no architecture is recognised from its {len(state)} names "
        f"({', '.join(map(str, list(state)[:3]))}, ..); spandrel's list says which are; for "
        f"others write a factory and give package.module:factory{more}"
    )


class OnnxNetwork:
    """An onnxruntime session called like a network: (B,C,H,W) float32 -> (B,C,H',W') float32."""

    def __init__(self, path: Path, device: torch.device) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        provider = "CUDAExecutionProvider" if device.type == "cuda" else "CPUExecutionProvider"
        if provider not in onnxruntime.get_available_providers():
            raise BenchError(
                f"onnxruntime has no {provider} here: install onnxruntime-gpu, or give --device cpu"
            )
        try:
            self.session = onnxruntime.InferenceSession(str(path), options, providers=[provider])
        except Exception as error:
            line = " ".join(str(error).split())[:300]
            raise BenchError(f"'{path}' is no ONNX model that runs here: {line}") from error
        inputs, outputs = self.session.get_inputs(), self.session.get_outputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type != "tensor(float)":
            found = ", ".join(f"{i.name} {i.type} {i.shape}" for i in inputs)
            raise BenchError(f"'{path}' takes {found}; expected one float32 input (B,C,H,W)")
        self.batch, self.channels, self.height, self.width = inputs[0].shape
        self._input, self._output = inputs[0].name, outputs[0].name

    def __call__(self, image: torch.Tensor) -> torch.Tensor:
        """Run the session; a batch goes image by image where the file fixes the batch to 1."""
        if self.batch == 1 and image.shape[0] > 1:
            return torch.cat([self(one) for one in torch.split(image, 1)])
        values = image.detach().cpu().contiguous().numpy()
        restored = self.session.run([self._output], {self._input: values})[0]
        return torch.from_numpy(restored).to(image.device)


def load_onnx(path: Path, name: str, device: str, tile: int | None) -> NetworkRestorer:
    """Load an ONNX file: float32 (B,C,H,W) in [0,1], C 3 or 1, to the same, larger by its scale.

    A file with a fixed square size is applied in tiles of that size. A size multiple is taken from
    the metadata entry ``multiple``, else 1.
    """
    place = torch.device(device)
    network = OnnxNetwork(path, place)
    side = _fixed_side(path, network)
    metadata = network.session.get_modelmeta().custom_metadata_map
    channels = network.channels if isinstance(network.channels, int) else 3
    probe = torch.zeros(1, channels, side or PROBE, side or PROBE)
    try:
        scale, rest = divmod(network(probe).shape[-1], probe.shape[-1])
    except Exception as error:
        line = " ".join(str(error).split())[:300]
        raise BenchError(f"'{path}' fails on {tuple(probe.shape)}: {line}") from error
    if rest or not scale:
        raise BenchError(f"'{path}' changes the size by no whole number; expected 1, 2, 3 or 4")
    return NetworkRestorer(
        name,
        network,
        device=place,
        multiple=int(metadata.get("multiple", "1")),
        minimum=side or 1,
        tile=side or tile,
        scale=scale,
        channels=channels,
    )


def _fixed_side(path: Path, network: OnnxNetwork) -> int | None:
    if not isinstance(network.height, int) or not isinstance(network.width, int):
        return None
    if network.height != network.width:
        raise BenchError(
            f"'{path}' takes {network.height}x{network.width} only; export it with free height "
            "and width, or with a square size"
        )
    return network.height
