"""Networks written as ONNX files, and the proof that a file makes the same pictures."""

from __future__ import annotations

import logging
import tempfile
import warnings
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import torch

from bench.core.errors import BenchError, message_of
from models.foreign import onnx_session

CLOSE = 2e-3
"""Largest difference of a value in [0,1] between a file's picture and the network's own, for
float32; half a grey level of 255. Precisions with fewer bits are given four of their own steps."""
OPSET = 18


def export_onnx(network: torch.nn.Module, path: Path, like: torch.Tensor) -> None:
    """Write a network as ONNX for images (B,C,H,W) such as ``like``; height and width are free
    where torch can trace it so, else those of ``like``.

    Raises `BenchError` where the network cannot be traced.
    """
    free = {2: torch.export.Dim.AUTO, 3: torch.export.Dim.AUTO}
    logging.disable(logging.CRITICAL)  # pages of torch's, about what is said in a line below
    try:
        aside = StringIO()  # what torch says of it is not for users
        with (
            warnings.catch_warnings(action="ignore"),
            redirect_stdout(aside),
            redirect_stderr(aside),
        ):
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
        reason = message_of(error.__cause__ or error).splitlines()[0]
        raise BenchError(f"torch cannot write the network as ONNX: {reason}") from error
    finally:
        logging.disable(logging.NOTSET)


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
    """Run a session on an image; bfloat16, which numpy lacks, is refused by numpy."""
    (found,) = session.run(None, {"image": image.contiguous().cpu().numpy()})
    return torch.from_numpy(found).to(image.device)
