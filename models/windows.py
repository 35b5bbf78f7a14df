"""Networks that see neighbouring frames, behind the calling contract of all others.

A network says by its attribute ``frames`` how many frames it sees for one. One that is not
``recurrent`` takes a window, (B,T,3,H,W) with the frame to be restored in its middle, and makes
(B,3,H,W). A recurrent one has a ``state`` of so many channels, which it carries from frame to
frame: it takes and makes (B,3+state,H,W); it learns from frames in a row, of which it makes as many
restored ones: it takes and makes (B,T,3,H,W), too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from bench.core.errors import BenchError
from bench.image import ImageSizeError
from models.restorer import NOTHING_KNOWN, Hints, Made, NetworkRestorer

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Reach:
    """So many frames before one and after it that a model sees; a recurrent one, where it does not
    learn, has seen all before it since the sequence began."""

    before: int = 0
    after: int = 0
    recurrent: bool = False

    @property
    def frames(self) -> int:
        """How many frames that are together."""
        return self.before + 1 + self.after


ALONE = Reach()


def reach_of(model: object) -> Reach:
    """Return what a network, a restorer or a card sees by its ``frames`` and ``recurrent``.

    Raises `BenchError` for a window that has no middle.
    """
    frames = getattr(model, "frames", 1)
    if not isinstance(frames, int) or frames == 1:
        return ALONE
    if getattr(model, "recurrent", False) is True:
        return Reach(frames - 1, 0, recurrent=True)
    if frames < 1 or frames % 2 == 0:
        raise BenchError(
            f"{type(model).__name__} sees {frames} frames; expected an odd number, with the frame "
            "to be restored in the middle"
        )
    return Reach(frames // 2, frames // 2)


def seen_by(reach: Reach) -> str:
    """Say what a model sees beside the frame that it restores; nothing where that is all."""
    if reach.recurrent:
        return f"carries what it saw of all frames before; learns from {reach.frames} in a row"
    return f"sees {reach.frames} frames for one" if reach.frames > 1 else ""


def windows(frames: Iterable[Item], before: int, after: int) -> Iterator[list[Item]]:
    """Yield each of ``frames`` with so many before and after it, the first and last repeated.

    >>> ["".join(window) for window in windows("abc", 1, 1)]
    ['aab', 'abc', 'bcc']
    """
    held: deque[Item] = deque(maxlen=before + 1 + after)
    for frame in frames:
        held.extend([frame] * (1 if held else before + 1))
        if len(held) == held.maxlen:
            yield list(held)
    for _ in range(after if held else 0):
        held.append(held[-1])
        if len(held) == held.maxlen:
            yield list(held)


def stacked(window: Sequence[torch.Tensor]) -> torch.Tensor:
    """(B,3,H,W) frames -> (B,T,3,H,W). Raises `ImageSizeError` for frames of several sizes."""
    sizes = {(image.shape[-2], image.shape[-1]) for image in window}
    if len(sizes) > 1:
        found = " and ".join(f"{high}x{wide}" for high, wide in sorted(sizes))
        raise ImageSizeError(
            f"neighbouring frames are of {found} (height x width); expected all frames of a "
            "sequence of one size"
        )
    return torch.stack(list(window), dim=1)


def target_of(images: torch.Tensor, reach: Reach) -> torch.Tensor:
    """Return the frames to be restored, (B,3,H,W), of windows (B,T,3,H,W) or of themselves."""
    return images[:, reach.before] if images.ndim == 5 else images[:, :3]


class WindowRestorer(NetworkRestorer):
    """A network that takes windows. A single image stands for each frame of its window.

    Inside, the frames of a window lie in the channels, so that padding and tiles are the usual.
    """

    def __init__(self, name: str, network: torch.nn.Module, *rest: Any, **options: Any) -> None:
        super().__init__(name, network, *rest, **options)
        self.frames = reach_of(network).frames

    @torch.inference_mode()
    def begin(self, degraded: torch.Tensor, hints: Hints = NOTHING_KNOWN) -> Made:
        """See `NetworkRestorer.begin`; any batch size."""
        if degraded.ndim == 4:
            degraded = degraded[:, None].expand(-1, self.frames, -1, -1, -1)
        if degraded.ndim != 5 or degraded.shape[1:3] != (self.frames, 3):
            raise ImageSizeError(
                f"expected (B,{self.frames},3,H,W) or (B,3,H,W), got {tuple(degraded.shape)}"
            )
        image = degraded.flatten(1, 2).to(self.device, self.dtype)
        return self._restore(image).float().cpu

    def _given(self, image: torch.Tensor) -> torch.Tensor:
        batch, _, high, wide = image.shape
        return image.reshape(batch, self.frames, 3, high, wide)

    def _channels_made(self, channels: int) -> int:
        return channels // self.frames


class RecurrentRestorer(NetworkRestorer):
    """A network that carries a state from frame to frame: it is given them in order, one by one.

    ``Hints.begins`` says where a sequence begins; there the state is zero.
    """

    recurrent = True

    def __init__(self, name: str, network: torch.nn.Module, *rest: Any, **options: Any) -> None:
        super().__init__(name, network, *rest, **options)
        self.frames = reach_of(network).frames
        self._state_channels: int = network.state  # type: ignore[assignment]  # an int, see above
        self._state: torch.Tensor | None = None

    @torch.inference_mode()
    def begin(self, degraded: torch.Tensor, hints: Hints = NOTHING_KNOWN) -> Made:
        """See `NetworkRestorer.begin`; any batch size."""
        if degraded.ndim != 4 or degraded.shape[1] != 3:
            raise ImageSizeError(f"expected (B,3,H,W), got {tuple(degraded.shape)}")
        batch, _, high, wide = degraded.shape
        image = degraded.to(self.device, self.dtype)
        if hints.begins or self._state is None:
            self._state = image.new_zeros((batch, self._state_channels, high, wide))
        if self._state.shape[-2:] != (high, wide):
            raise ImageSizeError(
                f"'{self.name}' was at a sequence of {self._state.shape[-2]}x"
                f"{self._state.shape[-1]} and got a frame of {high}x{wide} (height x width); "
                "expected all frames of a sequence of one size"
            )
        made = self._restore(torch.cat([image, self._state.to(image)], dim=1))
        self._state = made[:, 3:]
        return made[:, :3].float().cpu
