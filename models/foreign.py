"""Networks of others: checkpoints that spandrel recognises, and ONNX files."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from inspect import unwrap
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.core.errors import BenchError
from bench.core.extras import extra
from models.catalogue import NONCOMMERCIAL
from models.checkpoints import kind_of, network_states, read_state
from models.classical import noise_of
from models.restorer import NOTHING_KNOWN, Hints, Made, NetworkRestorer, Sides

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
"""Side of the image by which an ONNX network shows its scale, less its size multiple."""


class SpandrelNetwork(torch.nn.Module):
    """A network that spandrel has built, called the way its descriptor says.

    (B,C,H,W) in [0,1] -> (B,C,H*scale,W*scale), clipped. Some architectures want a square image or
    return more than the image: the descriptor knows.
    """

    def __init__(self, descriptor: Any) -> None:
        super().__init__()
        self.model: torch.nn.Module = descriptor.model
        self._descriptor = descriptor
        # without spandrel's inference_mode, which torch.compile cannot enter in the midst of one
        self._call = unwrap(type(descriptor).__call__)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """See the class."""
        restored: torch.Tensor = self._call(self._descriptor, image)
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
        level_map = image.new_full((batch, 1, height, width), self.level)
        restored: torch.Tensor = self.model(torch.cat([image, level_map], dim=1))
        return restored.clamp(0, 1)


class NoiseMapRestorer(NetworkRestorer):
    """A network that is told how much noise there is: what is known of it, else an estimate.

    The network has a ``level``. Of a batch, which no suite has, the first image is looked at.
    """

    uses_noise = True

    def begin(self, degraded: torch.Tensor, hints: Hints = NOTHING_KNOWN) -> Made:
        """See `NetworkRestorer.begin`; any batch size."""
        assert self.network is not None
        level = noise_of(degraded[0].permute(1, 2, 0).double().cpu().numpy(), hints)
        self.network.level = level  # type: ignore[assignment]  # what the network looks at
        return super().begin(degraded, hints)


def load_spandrel(path: Path, name: str, device: str, tile: int | None) -> NetworkRestorer:
    """Load a published checkpoint: its architecture is recognised from the names in it.

    Raises `BenchError` if nothing is recognised, if it is no restoration of RGB or grey images, or
    if its licence forbids commercial use and `NONCOMMERCIAL` is not set.
    """
    from spandrel import ImageModelDescriptor, ModelLoader, ModelTiling

    state, taken, registry = _recognised(read_state(path), path)
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
    kind = NoiseMapRestorer if told_noise else NetworkRestorer
    restorer = kind(
        name,
        NoiseMapNetwork(descriptor) if told_noise else SpandrelNetwork(descriptor),
        device=device,
        multiple=needs.multiple_of,
        minimum=needs.minimum,
        tile=None if descriptor.tiling is ModelTiling.INTERNAL else tile,
        scale=descriptor.scale,
        channels=channels,
    )
    if taken:
        restorer.remarks.append(f"of the checkpoint were taken: {taken}")
    return restorer


def _recognised(found: Mapping[str, Any], path: Path) -> tuple[dict[str, Any], str, Any]:
    """Return the network's state, what of the checkpoint it is, and who knows its architecture."""
    from spandrel import MAIN_REGISTRY, canonicalize_state_dict

    states = [(canonicalize_state_dict(s), taken) for s, taken in network_states(found)]

    def known(registry: Any) -> tuple[dict[str, Any], str, str] | None:
        for state, taken in states:
            for entry in registry.architectures():
                if entry.detect(state):
                    return state, taken, entry.architecture.id
        return None

    if seen := known(MAIN_REGISTRY):
        return seen[0], seen[1], MAIN_REGISTRY
    try:
        with warnings.catch_warnings(action="ignore", category=FutureWarning):  # theirs to see to
            from spandrel_extra_arches import EXTRA_REGISTRY
    except ImportError:
        more = f"; {', '.join(LICENCES)} need {extra('noncommercial')}"
    else:
        more = ""
        if seen := known(EXTRA_REGISTRY):
            state, taken, name = seen
            if os.environ.get(NONCOMMERCIAL):
                return state, taken, EXTRA_REGISTRY
            raise BenchError(
                f"'{path}' is {name}, whose licence ({LICENCES.get(name, 'not MIT')}) forbids "
                f"commercial use; if yours is none, give --noncommercial, or set {NONCOMMERCIAL}=1"
            )
    names = states[0][0]
    raise BenchError(
        f"'{path}': no architecture is recognised from its {len(names)} names "
        f"({', '.join(map(str, list(names)[:3]))}, ..); spandrel's list says which are; for "
        f"others write a factory and give package.module:factory{more}"
    )


def onnx_session(path: Path, device: torch.device, provider: str | None = None) -> Any:
    """Return an onnxruntime session of a file on a device, with as many threads as torch has.

    ``provider`` None: onnxruntime's own for the device. Raises `BenchError` where it is not there,
    and for a file that does not load.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    if provider is None:
        provider = "CUDAExecutionProvider" if device.type == "cuda" else "CPUExecutionProvider"
    if provider not in onnxruntime.get_available_providers():
        raise BenchError(
            f"onnxruntime has no {provider} here: install onnxruntime-gpu, or give --device cpu"
        )
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Specified provider")  # said below
            session = onnxruntime.InferenceSession(str(path), options, providers=[provider])
    except Exception as error:
        raise BenchError(f"'{path}' is no ONNX model that runs here: {kind_of(path)}") from error
    if session.get_providers()[0] != provider:  # it would work on the CPU without a word
        raise BenchError(
            f"onnxruntime cannot start {provider} here: are the libraries there that its version "
            "needs? See https://onnxruntime.ai/docs/execution-providers/"
        )
    return session


class OnnxNetwork:
    """An onnxruntime session called like a network: (B,C,H,W) of [0,1] -> (B,C,H',W') of [0,1].

    ``output`` names the output that is the restored image, None for the only one that can be.
    Channels may come last, samples may be floats of any size or bytes, and the batch may be fixed:
    that is all seen to here. ``height`` and ``width`` are numbers where the file fixes them.
    """

    def __init__(self, path: Path, device: torch.device, output: str | None = None) -> None:
        self._path = path
        self.session = onnx_session(path, device)
        inputs = self.session.get_inputs()
        found = ", ".join(f"{i.name} {i.type} {i.shape}" for i in inputs)
        kind = _SAMPLES.get(inputs[0].type) if len(inputs) == 1 else None
        if kind is None or len(inputs[0].shape) != 4:
            raise BenchError(
                f"'{path}' takes {found}; expected one image (B,C,H,W) or (B,H,W,C) of "
                "floats or bytes"
            )
        self._kind, self._input, shape = kind, inputs[0].name, inputs[0].shape
        self._last = shape[1] not in (1, 3) and shape[3] in (1, 3)
        """Whether channels come last."""
        self.batch, self.channels, self.height, self.width = (
            (shape[0], shape[3], shape[1], shape[2]) if self._last else shape
        )
        if isinstance(self.channels, int) and self.channels not in (1, 3):
            raise BenchError(f"'{path}' takes {self.channels} channels; expected 3 or 1")
        self.channels = self.channels if isinstance(self.channels, int) else 3
        names = [one.name for one in self.session.get_outputs()]
        if output is not None and output not in names:
            raise BenchError(f"'{path}' has no output '{output}'; it has {', '.join(names)}")
        self._outputs = names if output is None else [output]
        self.multiple, self.scale = self._probed()

    def __call__(self, image: torch.Tensor) -> torch.Tensor:
        """Run the session on (B,C,H,W); a batch goes as the file fixes it."""
        if isinstance(self.batch, int) and image.shape[0] != self.batch:
            ones = [one.expand(self.batch, -1, -1, -1) for one in torch.split(image, 1)]
            return torch.cat([self(one)[:1] for one in ones])
        restored = self._run(image, self._outputs)[0]
        return torch.from_numpy(restored).to(image.device)

    def _run(self, image: torch.Tensor, names: Sequence[str]) -> list[NDArray[Any]]:
        """Return outputs as (B,C,H',W') arrays, those of four dimensions; others as they are."""
        values = image.detach().cpu().float().numpy()
        if self._last:
            values = values.transpose(0, 2, 3, 1)
        if self._kind is np.uint8:
            values = np.rint(values.clip(0, 1) * 255)
        found = self.session.run(
            list(names), {self._input: np.ascontiguousarray(values.astype(self._kind))}
        )
        arrays = [np.asarray(one) for one in found]
        return [
            np.ascontiguousarray(one.transpose(0, 3, 1, 2)) if self._last and one.ndim == 4 else one
            for one in arrays
        ]

    # --- finding out what the file does not say -------------------------------------------------

    def _probed(self) -> tuple[int, int]:
        """Find the size multiple and the scale by running; settle which output is the image."""
        for multiple in MULTIPLES:
            sides = [
                side if isinstance(side, int) else PROBE + multiple
                for side in (self.height, self.width)
            ]
            batch = self.batch if isinstance(self.batch, int) else 1
            image = torch.rand(batch, self.channels, *sides, generator=torch.Generator())
            try:
                found = self._run(image, self._outputs)
            except Exception:  # noqa: BLE001  of the runtime: another size may do
                continue
            fitting = {
                name: array.shape[2] // sides[0]
                for name, array in zip(self._outputs, found, strict=True)
                if _is_image_of(array, image)
            }
            if fitting:
                self._outputs = [self._chosen(fitting)]
                return multiple, fitting[self._outputs[0]]
            if multiple == MULTIPLES[-1] or isinstance(self.height, int):
                shapes = ", ".join(
                    f"{n} {a.shape}" for n, a in zip(self._outputs, found, strict=True)
                )
                raise BenchError(
                    f"'{self._path}' makes {shapes} of an image {tuple(image.shape)}; expected one "
                    "of as many channels, as large or 2, 3 or 4 times as large"
                )
        tried = ", ".join(f"{PROBE + multiple}x{PROBE + multiple}" for multiple in MULTIPLES)
        raise BenchError(
            f"'{self._path}' runs on no image of {tried}: if it needs sides of another multiple, "
            "export it with the metadata entry multiple, such as 48, or with a fixed size"
        )

    def _chosen(self, fitting: Mapping[str, int]) -> str:
        """Return the output of full size: the only one there is, of several scales the largest."""
        largest = [name for name, scale in fitting.items() if scale == max(fitting.values())]
        if len(largest) > 1:
            choices = ", ".join(f"{self._path}:{name}" for name in largest)
            raise BenchError(
                f"'{self._path}' has {len(largest)} outputs that could be the restored image; say "
                f"which: {choices}"
            )
        return largest[0]


MULTIPLES = (1, 2, 4, 8, 16, 32, 64)
"""Size multiples that are tried where an ONNX file does not say its own."""

_SAMPLES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
}


def _is_image_of(array: NDArray[Any], image: torch.Tensor) -> bool:
    """Say whether an output could be the restored image: as large, or larger by a whole number."""
    if array.ndim != 4 or array.shape[:2] != tuple(image.shape[:2]):
        return False
    (high, rest), (wide, more) = (
        divmod(made, given) for made, given in zip(array.shape[2:], image.shape[2:], strict=True)
    )
    return bool(rest == more == 0 and high == wide >= 1)


def load_onnx(
    path: Path, name: str, device: str, tile: int | None, output: str | None = None
) -> NetworkRestorer:
    """Load an ONNX file: images of 3 channels or 1 to the same, larger by its scale.

    A file with a fixed height or width is applied in tiles of that. Its size multiple is that of
    the metadata entry ``multiple`` (``8`` or ``8x16``), else the first that works. ``output`` names
    the output to take where several could be the restored image.
    """
    torch_device = torch.device(device)
    network = OnnxNetwork(path, torch_device, output)
    entry = network.session.get_modelmeta().custom_metadata_map.get("multiple")
    fixed = [side if isinstance(side, int) else None for side in (network.height, network.width)]
    multiple: Sides = network.multiple if entry is None else _multiple(path, entry)
    if all(fixed):
        multiple = 1
    tiles: Sides | None = tile
    if any(fixed):
        free = tile or LARGEST_SIDE
        tiles = (fixed[0] or free, fixed[1] or free)
    return NetworkRestorer(
        name,
        network,
        device=torch_device,
        multiple=multiple,
        minimum=(fixed[0] or 1, fixed[1] or 1),
        tile=tiles,
        scale=network.scale,
        channels=network.channels,
    )


LARGEST_SIDE = 1 << 16
"""A tile of this side is never reached: the free side of a file that fixes only the other."""


def _multiple(path: Path, entry: str) -> Sides:
    """Read the metadata entry: ``8``, or ``8x16`` for height and width."""
    sides = [part.strip() for part in entry.lower().split("x")]
    if len(sides) not in (1, 2) or not all(side.isdigit() and int(side) for side in sides):
        raise BenchError(
            f"'{path}' has the metadata entry multiple '{entry}'; expected a number such as 8, or "
            "8x16 for height and width"
        )
    return int(sides[0]) if len(sides) == 1 else (int(sides[0]), int(sides[1]))
