"""Networks written as files for other programs, and the proof that a file makes the same pictures.

`models.formats` is the table; `export` writes a file and holds it against the network.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from copy import deepcopy
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from bench.core.errors import BenchError, message_of
from bench.core.plugins import load_object
from models.contract import Contained
from models.foreign import onnx_session
from models.formats import OPSET, Format
from models.restorer import Network, NetworkRestorer, Restorer

CLOSE = 2e-3
"""Largest difference of a value in [0,1] between a file's picture and the network's own, for
float32; half a grey level of 255. Precisions with fewer bits are given four of their own steps."""


def export_onnx(network: torch.nn.Module, path: Path, like: torch.Tensor) -> None:
    """Write a network as ONNX for images (B,C,H,W) such as ``like``; height and width are free
    where torch can trace it so, else those of ``like``.

    Raises `BenchError` where the network cannot be traced.
    """
    free = dict.fromkeys((like.ndim - 2, like.ndim - 1), torch.export.Dim.AUTO)
    try:
        with quietly():
            torch.onnx.export(
                network,
                (like,),
                str(path),
                input_names=["image"],
                output_names=["restored"],
                dynamic_shapes=(free,),
                opset_version=OPSET,
                external_data=False,
                dynamo=True,
                verbose=False,
            )
    except Exception as error:
        raise BenchError(f"torch cannot write the network as ONNX: {_first(error)}") from error


@contextmanager
def quietly() -> Iterator[None]:
    """Keep back pages of torch's, about what is said in a line."""
    aside = StringIO()
    logging.disable(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(action="ignore"),
            redirect_stdout(aside),
            redirect_stderr(aside),
        ):
            yield
    finally:
        logging.disable(logging.NOTSET)


def _first(error: Exception) -> str:
    return message_of(error.__cause__ or error).splitlines()[0]


def write_torch_export(network: torch.nn.Module, path: Path, like: torch.Tensor) -> None:
    """As `export_onnx`, a program of torch.export."""
    free = dict.fromkeys((like.ndim - 2, like.ndim - 1), torch.export.Dim.AUTO)
    try:
        with quietly(), torch.inference_mode(False), torch.no_grad():
            program = torch.export.export(network, (like.clone(),), dynamic_shapes=(free,))
            torch.export.save(program, path)
    except Exception as error:
        raise BenchError(f"torch.export cannot trace the network: {_first(error)}") from error


def write_torchscript(network: torch.nn.Module, path: Path, like: torch.Tensor) -> None:
    """As `export_onnx`, TorchScript."""
    try:
        with quietly(), torch.no_grad():
            torch.jit.save(torch.jit.trace(network, like), str(path))  # type: ignore[no-untyped-call]
    except Exception as error:
        raise BenchError(f"torch.jit cannot trace the network: {_first(error)}") from error


def write_safetensors(network: torch.nn.Module, path: Path, _: torch.Tensor) -> None:
    """As `export_onnx`, the weights and buffers by their names, as safetensors.

    Tensors that are shared are written once for each name.
    """
    save_file(
        {name: t.cpu().contiguous().clone() for name, t in network.state_dict().items()}, path
    )


def open_onnx(path: Path, device: torch.device, _: torch.nn.Module) -> Network:
    """Return what runs an ONNX file on (B,C,H,W)."""
    session = onnx_session(path, device)
    return lambda image: _run(session, image)


def open_torch_export(path: Path, device: torch.device, _: torch.nn.Module) -> Network:
    """Return what runs a program of torch.export on (B,C,H,W)."""
    return torch.export.load(path).module().to(device)


def open_torchscript(path: Path, device: torch.device, _: torch.nn.Module) -> Network:
    """Return what runs TorchScript of ours on (B,C,H,W)."""
    with quietly():
        loaded: Network = torch.jit.load(  # type: ignore[no-untyped-call]
            str(path), map_location=device
        )
    return loaded


def open_safetensors(path: Path, device: torch.device, network: torch.nn.Module) -> Network:
    """Return a copy of ``network`` that has nothing but its structure, filled from the file."""
    filled = deepcopy(network)
    for tensor in filled.state_dict().values():
        tensor.zero_()
    filled.load_state_dict(load_file(path))
    return filled.to(device)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A written file: ``largest`` and ``mean`` are the differences of its pictures from the
    network's own, in units of 1. ``sizes``: whether images of other sizes run through it, too."""

    path: Path
    format: str
    megabytes: float
    largest: float
    mean: float
    sizes: bool


def export(
    restorer: Restorer,
    path: Path,
    form: Format,
    size: tuple[int, int],
    about: Mapping[str, str] | None = None,
) -> Exported:
    """Write a restorer's network for images of ``size`` (height, width), and prove the file.

    ``about`` are entries of the metadata of a file that has some.

    The file is run on an image of that size and on one of another, as the restorer would run its
    network. Nothing is left where it cannot be written, or makes other pictures: `BenchError`.
    """
    inner = restorer.inner if isinstance(restorer, Contained) else restorer
    if not isinstance(inner, NetworkRestorer) or not isinstance(inner.call, torch.nn.Module):
        raise BenchError(f"'{restorer.name}' is no network of torch alone, and cannot be written")
    if inner.uses_noise:
        raise BenchError(
            f"'{restorer.name}': its network is told each image's noise level, as no file can be"
        )
    network, seen = inner.call, []

    def noted(image: torch.Tensor) -> object:
        seen.append(image)
        return network(image)

    other = tuple(side + step for side, step in zip(size, (64, 32), strict=True))
    images = [
        torch.rand(1, 3, *sides, generator=torch.Generator().manual_seed(seed))
        for seed, sides in enumerate((size, other))
    ]
    inner.call = noted
    expected = [inner.restore(image) for image in images]
    inner.call = network
    partial = path.with_name(f".{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        load_object(form.write)(network, partial, seen[0].clone())
        if form.tell:
            multiple = "{}x{}".format(*inner.multiple)  # where `load_onnx` looks for it
            load_object(form.tell)(partial, {"multiple": multiple, **(about or {})})
        inner.call = load_object(form.open)(partial, inner.device, network)
        made = [inner.restore(images[0])]
        with suppress(Exception):  # of whatever runtime: its file is of the one size
            made.append(inner.restore(images[1]))
        same = difference(made[0], expected[0])
        if same > bound(inner.dtype):
            raise BenchError(
                f"'{restorer.name}': the {form.name} file makes another picture, {same:.3g} apart "
                f"where {bound(inner.dtype):.3g} may be; nothing is written"
            )
        apart = (made[0] - expected[0]).abs()
        sizes = len(made) == 2 and difference(made[1], expected[1]) <= bound(inner.dtype)
        partial.replace(path)
    finally:
        inner.call = network
        partial.unlink(missing_ok=True)
    return Exported(
        path=path,
        format=form.name,
        megabytes=path.stat().st_size / 1e6,
        largest=float(apart.max()),
        mean=float(apart.mean()),
        sizes=sizes,
    )


def write_metadata(path: Path, entries: Mapping[str, str]) -> None:
    """Set entries of an ONNX file's metadata; others stay as they are."""
    import onnx

    model = onnx.load(path)
    known = {entry.key: entry.value for entry in model.metadata_props}
    onnx.helper.set_model_props(model, {**known, **entries})
    onnx.save(model, path)


def write_safetensors_metadata(path: Path, entries: Mapping[str, str]) -> None:
    """Set the metadata of a safetensors file."""
    save_file(load_file(path), path, metadata=dict(entries))


def difference(restored: torch.Tensor, other: torch.Tensor) -> float:
    """Return the largest difference between two pictures; infinite where their sizes differ."""
    if restored.shape != other.shape:
        return float("inf")
    largest = float((restored.float() - other.float()).abs().max())
    return largest if largest == largest else float("inf")  # NaN


def bound(dtype: torch.dtype) -> float:
    """Return the largest `difference` that counts as the same picture, in a precision."""
    return max(CLOSE, 4 * torch.finfo(dtype).eps)


class ExportedNetwork:
    """A network that is exported when its first image comes, and then run by onnxruntime.

    (B,C,H,W) -> (B,C,H*scale,W*scale), in the precision of the network. The picture of the first
    image of each size is held against the network's own; where the file of an earlier size makes
    another, one is exported for this size. Raises `BenchError` where that differs, too.
    """

    KEPT = 4
    """Files of so many sizes are kept, the last used."""

    def __init__(
        self, network: torch.nn.Module, name: str, device: torch.device, provider: str | None
    ) -> None:
        self._network, self._name, self._device = network, name, device
        self._provider = provider
        self._sessions: dict[tuple[int, ...], Any] = {}
        self._last: Any = None

    def __call__(self, image: torch.Tensor) -> torch.Tensor:
        """See the class."""
        key = tuple(image.shape)
        session = self._sessions.pop(key, None)
        if session is None:
            session = self._last if self._same(self._last, image) else self._exported(image)
        self._sessions[key] = self._last = session
        while len(self._sessions) > self.KEPT:
            del self._sessions[next(iter(self._sessions))]
        return _run(session, image)

    def _same(self, session: Any, image: torch.Tensor) -> bool:
        """Whether an earlier size's session makes the network's own picture of an image."""
        if session is None:
            return False
        try:
            made = _run(session, image)
        except Exception:  # noqa: BLE001  of the runtime: its file is of another size
            return False
        return difference(made, self._network(image)) <= bound(image.dtype)

    def _exported(self, image: torch.Tensor) -> Any:
        with tempfile.TemporaryDirectory(prefix="bench-onnx-") as folder:
            path = Path(folder) / "network.onnx"
            export_onnx(self._network, path, image)
            try:
                session = onnx_session(path, self._device, self._provider)
            except BenchError as error:
                reason = message_of(error.__cause__ or error)
                raise BenchError(
                    f"onnxruntime cannot run '{self._name}' as torch wrote it: {reason}"
                ) from error
        apart = difference(_run(session, image), self._network(image))
        if apart > bound(image.dtype):
            raise BenchError(
                f"'{self._name}': its ONNX file makes another picture, {apart:.3g} apart in [0, 1] "
                f"where {bound(image.dtype):.3g} may be"
            )
        return session


def _run(session: Any, image: torch.Tensor) -> torch.Tensor:
    """Run a session on an image, whose precision numpy must have."""
    (found,) = session.run(None, {"image": image.contiguous().cpu().numpy()})
    return torch.from_numpy(found).to(image.device)
