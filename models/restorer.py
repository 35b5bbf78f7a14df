"""The calling contract: every restorer takes and returns one image tensor the same way.

Size multiples, tiling, dtype and device are handled here once, never inside an architecture.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from bench.core.errors import BenchError
from bench.image import ImageSizeError
from bench.records import IN_TILES, TOO_LARGE, TOO_LARGE_FOR_FREE

Network = Callable[[torch.Tensor], Any]
"""(B,C,H,W) -> (B,C,H*scale,W*scale): a `torch.nn.Module`, or anything called like one.

Of several outputs in a list, a tuple or a dict the only one of that size is taken.
"""
Made = Callable[[], torch.Tensor]
"""Waits for a restored image, and returns it."""
AnyModule = TypeVar("AnyModule", bound=torch.nn.Module)

Sides = int | tuple[int, int]
"""One number for height and width, or one for each."""

OVERLAP = 48
"""Pixels that neighbouring tiles share, unless a small tile leaves less room."""

SMALLEST_TILE = 16

_WORKED = re.compile(rf"(?:{'|'.join(IN_TILES)}): worked in tiles of (\d+)x(\d+)")


@dataclass(frozen=True, slots=True)
class Hints:
    """What is known of the image being restored beside its pixels; most models use nothing of it.

    ``psf`` is the blur's (h, w) point spread function, sum 1. ``image`` is the pair's id, ``names``
    are those of its files, under which an output may be found. ``scale``
    is what the suite wants the image enlarged by. ``noise`` is the standard deviation of white
    Gaussian noise in 8-bit levels, where it was added by us.
    """

    image: str | None = None
    psf: NDArray[np.float64] | None = None
    scale: int = 1
    noise: float | None = None
    names: tuple[str, ...] = ()
    begins: bool = True
    """Whether it is the first frame of a sequence that a recurrent model sees: it knows nothing of
    any frame before."""


NOTHING_KNOWN = Hints()
CPU = torch.device("cpu")


class Restorer(Protocol):
    """A model ready to run."""

    name: str
    device: torch.device
    needs_psf: bool
    uses_noise: bool
    """Whether it makes use of the noise level where that is known."""
    scale: int | None
    """Output size over input size: 1, or 2, 3, 4 for super-resolution; None: whatever is asked."""
    network: torch.nn.Module | None
    """The network behind it, for counting parameters and operations; None where there is none."""

    def restore(self, degraded: torch.Tensor, hints: Hints = NOTHING_KNOWN) -> torch.Tensor:
        """(1,3,H,W) float32 in [0,1] on the CPU -> (1,3,H*scale,W*scale) float32 on the CPU.

        One with an attribute ``frames`` above 1 sees neighbouring frames (`models.windows`): it is
        given (1,T,3,H,W) or, where it is ``recurrent``, frame after frame.

        The result need not be clipped. Raises `NotApplicable` where the model cannot
        do this image (no PSF, no such output file).
        """
        ...


class NetworkRestorer:
    """A network behind the calling contract.

    ``multiple``: heights and widths are padded up to a multiple of it (mirrored, below and on the
    right) and the result is cropped back; ``minimum`` is the least side that the network takes.
    ``tile``: the side of the tiles into which a larger image is cut, None for the image as a whole.
    Each may be one number or one for the height and one for the width.
    ``channels`` 1: a grey network, applied to red, green and blue apart, and only once to an image
    whose three channels are equal. ``network`` may be any callable on tensors, such as an ONNX
    session; then there is no `torch.nn.Module` to count and ``self.network`` is None.
    """

    needs_psf = False
    uses_noise = False

    def __init__(
        self,
        name: str,
        network: Network,
        device: str | torch.device = "cpu",
        multiple: Sides = 1,
        minimum: Sides = 1,
        tile: Sides | None = None,
        overlap: int | None = None,
        scale: int = 1,
        channels: int = 3,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        if channels not in (1, 3):
            raise BenchError(f"'{name}' takes {channels} channels; expected 3 (RGB) or 1 (grey)")
        steps = both(multiple)
        if isinstance(tile, int) and tile < max(SMALLEST_TILE, *steps):
            raise BenchError(
                f"--tile {tile}: '{name}' needs tiles of at least {max(SMALLEST_TILE, *steps)}"
            )
        self.name = name
        self.remarks: list[str] = []
        """What a reader of the scores should know of how it was loaded."""
        self.device = torch.device(device)
        self.scale: int | None = scale
        self._enlarges = scale
        self.network = network if isinstance(network, torch.nn.Module) else None
        self.call = network
        """What is called for an image: the network, or how a variant runs it."""
        self.multiple, self.minimum = steps, both(minimum)
        self._tile: tuple[int, int] | None = None
        self.shrinks = True
        """Whether an image that is too large for the memory is worked on in smaller tiles."""
        self.fixed = isinstance(tile, tuple)
        """Whether the network takes no other tiles."""
        self.fit: Callable[[int, int], None] | None = None
        """Chooses the tiles for an image of this height and width, where they are to be chosen."""
        if tile is not None:
            high, wide = both(tile)
            self._tile = high // steps[0] * steps[0], wide // steps[1] * steps[1]
        self._overlap = overlap
        self.channels, self.dtype = channels, dtype
        # oneDNN convolves channels-last float32 up to twice as fast; cuDNN gains nothing from it
        on_cpu = self.device.type == "cpu"
        self._layout = torch.channels_last if on_cpu else torch.contiguous_format
        if self.network is not None:
            self.network.requires_grad_(False).eval()
            store(self.network.to(device=self.device, dtype=dtype), self._layout)

    def cut(self, tile: int | None) -> None:
        """Work in tiles of this side from now on, as the free memory asks, and remark it; None: on
        whole images; not where it is fixed."""
        if not self.fixed:
            self._tile = None
            if tile is not None:
                high, wide = (max(tile // step, 1) * step for step in self.multiple)
                self._tile = high, wide
            self._remark_tiles(TOO_LARGE_FOR_FREE)

    def _remark_tiles(self, why: str) -> None:
        self.remarks = [text for text in self.remarks if not text.startswith(IN_TILES)]
        if self._tile is not None:
            self.remarks.append(f"{why}: worked in tiles of {self._tile[0]}x{self._tile[1]}")

    @property
    def whole(self) -> bool:
        """Whether every image is worked on as a whole, as things stand."""
        return self._tile is None and self.fit is None

    def compute(
        self, dtype: torch.dtype | None = None, layout: torch.memory_format | None = None
    ) -> None:
        """Keep the network and its features in another precision or memory layout from now on."""
        self.dtype, self._layout = dtype or self.dtype, layout or self._layout
        if self.network is not None:
            store(self.network.to(dtype=self.dtype), self._layout)

    def restore(self, degraded: torch.Tensor, hints: Hints = NOTHING_KNOWN) -> torch.Tensor:
        """See `Restorer.restore`; any batch size. Raises `ImageSizeError` for a wrong result."""
        return self.begin(degraded, hints)()

    @torch.inference_mode()
    def begin(self, degraded: torch.Tensor, hints: Hints = NOTHING_KNOWN) -> Made:
        """Begin what `restore` does; what is returned waits for the image and returns it.

        The degraded image may lie where the network works. Raises what can be told at once; the
        rest is raised by what is returned, which another thread may call.
        """
        if degraded.ndim != 4 or degraded.shape[1] != 3:
            raise ImageSizeError(f"expected (B,3,H,W), got {tuple(degraded.shape)}")
        image = degraded.to(self.device, self.dtype, non_blocking=True)  # where it is pinned
        if self.channels == 3:
            return self._restore(image).float().cpu
        if bool((image[:, :1] == image).all()):
            made = self._restore(image[:, :1]).expand(-1, 3, -1, -1).float()
            return lambda: made.cpu().contiguous()
        restored = self._restore(image.flatten(0, 1)[:, None])  # (3B,1,H,W)
        return restored.view(-1, 3, *restored.shape[2:]).float().cpu

    def _restore(self, image: torch.Tensor) -> torch.Tensor:
        height, width = image.shape[-2:]
        if self.fit is not None:
            self.fit(height, width)
        image = mirror_to(image, *self.padded(height, width))
        restored = self._as_large_as_possible(image)
        return restored[..., : height * self._enlarges, : width * self._enlarges]

    def padded(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width that an image is mirrored to before the network sees it."""
        high, wide = (
            -(-max(side, minimum) // multiple) * multiple
            for side, multiple, minimum in zip(
                (height, width), self.multiple, self.minimum, strict=True
            )
        )
        return high, wide

    def _as_large_as_possible(self, image: torch.Tensor) -> torch.Tensor:
        """Restore an image whole, or in tiles where it is larger than one or than the memory.

        Tiles that once were small enough are kept for the images that follow, and remarked.
        """
        while True:
            sides = max(image.shape[-2:])
            try:
                if self._tile is None or (
                    image.shape[-2] <= self._tile[0] and image.shape[-1] <= self._tile[1]
                ):
                    return self._forward(image)
                return in_tiles(
                    self._forward,
                    image,
                    tile=self._tile,
                    overlap=self._overlap,
                    multiple=self.multiple,
                    scale=self._enlarges,
                )
            except (RuntimeError, MemoryError) as error:
                smaller = self._smaller_tile(sides) if is_out_of_memory(error) else None
                if smaller is None:
                    raise
            self._tile, self.fit = smaller, None  # what ran out is surer than what is reckoned
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            self._remark_tiles(TOO_LARGE)

    def _smaller_tile(self, side: int) -> tuple[int, int] | None:
        """Return tiles of half the side, None where they would be too small or may not be."""
        if self.fixed or not self.shrinks:
            return None
        half = min(side, *(self._tile or (side, side))) // 2
        high, wide = (half // step * step for step in self.multiple)
        least = max(2 * SMALLEST_TILE, *self.multiple, *self.minimum)
        return (high, wide) if min(high, wide) >= least else None

    def _forward(self, image: torch.Tensor) -> torch.Tensor:
        made = self.call(self._given(image))
        expected = (
            len(image),
            self._channels_made(image.shape[1]),
            *(side * self._enlarges for side in image.shape[-2:]),
        )
        if isinstance(made, list | tuple | dict):
            made = self._chosen(made, expected)
        restored = as_floats(self.name, made)
        if restored.shape != expected:
            same_kind = restored.ndim == 4 and restored.shape[:2] == expected[:2]
            raise ImageSizeError(
                f"'{self.name}' made {tuple(restored.shape)} of {tuple(image.shape)}; expected "
                f"{expected}"
                + (
                    " (the size multiple or the scale of the network is not what was said)"
                    if same_kind
                    else ""
                )
            )
        return restored

    def _given(self, image: torch.Tensor) -> torch.Tensor:
        """Return a tile (B,C,H,W) as the network takes it."""
        return image.contiguous(memory_format=self._layout)

    def _channels_made(self, channels: int) -> int:
        """Return how many channels the network makes of so many."""
        return channels

    def _chosen(
        self, made: Sequence[object] | Mapping[Any, object], expected: tuple[int, ...]
    ) -> torch.Tensor:
        """Return the only one of several outputs that is the restored image, and remark it."""
        outputs = made if isinstance(made, Mapping) else dict(enumerate(made))
        tensors = {key: one for key, one in outputs.items() if isinstance(one, torch.Tensor)}
        fitting = [key for key, one in tensors.items() if one.shape == expected]
        if len(fitting) != 1:
            shapes = ", ".join(f"{key} {tuple(one.shape)}" for key, one in tensors.items())
            raise BenchError(
                f"'{self.name}' returned {len(outputs)} outputs ({shapes or 'no tensors'}), "
                f"{len(fitting) or 'none'} of them of {expected}; return the restored image alone"
            )
        (key,) = fitting
        remark = (
            f"it returns {len(outputs)} outputs: the only one of the image's size, {key}, counts"
        )
        if remark not in self.remarks:
            self.remarks.append(remark)
        return tensors[key]


def tiles_for_memory(restorer: Restorer, height: int, width: int) -> tuple[int, int] | None:
    """Return the tiles that an image of this size was just worked on in for want of memory.

    Known by the restorer's remarks, which come from other processes, too. None: it was not.
    """
    for remark in getattr(restorer, "remarks", ()):
        if found := _WORKED.fullmatch(remark):
            high, wide = int(found[1]), int(found[2])
            return (high, wide) if height > high or width > wide else None
    return None


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an error means that the device or the machine has too little memory."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return any(
        words in text
        for words in ("out of memory", "can't allocate memory", "bad_alloc", "failed to allocate")
    )


def as_floats(name: str, restored: object) -> torch.Tensor:
    """Return what a model called ``name`` made as floats in units of 1: bytes count as 255ths.

    Raises `BenchError` for what is no tensor, and for integers that are no bytes.
    """
    if not isinstance(restored, torch.Tensor):
        raise BenchError(
            f"'{name}' returned {type(restored).__name__}; expected a torch.Tensor (1,3,H,W)"
        )
    if restored.dtype == torch.uint8:
        return restored.float() / 255
    if not restored.dtype.is_floating_point:
        raise BenchError(f"'{name}' returned {restored.dtype}; expected floats in [0, 1], or uint8")
    return restored


def store(network: AnyModule, layout: torch.memory_format) -> AnyModule:
    """Store a network's (O,I,H,W) weights and buffers in a layout, in place; return it.

    As `torch.nn.Module.to` does with ``memory_format``, which fails on weights of five dimensions.
    """
    for weights in (*network.parameters(), *network.buffers()):
        if weights.ndim == 4:
            weights.data = weights.data.contiguous(memory_format=layout)
    return network


def mirror_to(image: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Pad (B,C,H,W) below and on the right: mirrored as far as it goes, then the edge repeated."""
    for axis, side in ((-1, width), (-2, height)):
        missing = side - image.shape[axis]
        mirrored = min(missing, image.shape[axis] - 1)
        for amount, mode in ((mirrored, "reflect"), (missing - mirrored, "replicate")):
            if amount > 0:
                padding = (0, amount, 0, 0) if axis == -1 else (0, 0, 0, amount)
                image = F.pad(image, padding, mode=mode)
    return image


def in_tiles(
    network: Network,
    image: torch.Tensor,
    tile: Sides,
    overlap: int | None = None,
    multiple: Sides = 1,
    scale: int = 1,
) -> torch.Tensor:
    """Apply a network to overlapping tiles of (B,C,H,W) and blend what comes out.

    ``tile`` and ``multiple`` are one number, or one for the height and one for the width.

    Of the ``overlap`` that two tiles share, each throws away the third next to its own edge, where
    it lacked context, and the middle third is blended linearly. The result equals that of the whole
    image where one output pixel depends on input at most overlap/3 pixels away. H, W and ``tile``
    are multiples of ``multiple``.
    """
    height, width = image.shape[-2:]
    shares, strides = [], []
    for side, step in zip(both(tile), both(multiple), strict=True):
        share = min(OVERLAP, side // 2) if overlap is None else overlap
        stride = (side - share) // step * step
        if stride < 1:
            raise BenchError(f"tiles of {side} cannot overlap by {share}; give larger tiles")
        shares.append(share)
        strides.append(stride)
    high, wide = both(tile)
    size = (height * scale, width * scale)
    total: torch.Tensor | None = None
    weights = torch.zeros((1, 1, *size), device=image.device)
    for top in _starts(height, high, strides[0]):
        for left in _starts(width, wide, strides[1]):
            piece = image[..., top : top + high, left : left + wide]
            rows, columns = (
                _window(start, length, side, share, scale).to(image.device)
                for start, length, side, share in (
                    (top, piece.shape[-2], height, shares[0]),
                    (left, piece.shape[-1], width, shares[1]),
                )
            )
            weight = rows[:, None] * columns[None, :]
            window = (
                ...,
                slice(top * scale, top * scale + weight.shape[0]),
                slice(left * scale, left * scale + weight.shape[1]),
            )
            made = network(piece)
            if total is None:  # in float32, whatever the precision
                total = torch.zeros((*made.shape[:2], *size), device=image.device)
            total[window] += made * weight
            weights[window] += weight
    assert total is not None
    return total / weights


def both(sides: Sides) -> tuple[int, int]:
    """Return the number for the height and that for the width."""
    return (sides, sides) if isinstance(sides, int) else sides


def _starts(side: int, tile: int, stride: int) -> list[int]:
    last = max(side - tile, 0)
    return [*range(0, last, stride), last]


def _window(start: int, length: int, side: int, overlap: int, scale: int) -> torch.Tensor:
    """(length*scale,) weights: 0 near the tile's edges, 1 inside; 1 up to the image's edges."""
    third = max(overlap * scale / 3, 1e-6)
    position = torch.arange(length * scale) + 0.5
    weight = torch.ones_like(position)
    if start > 0:
        weight *= ((position - third) / third).clamp(0, 1)
    if start + length < side:
        weight *= ((length * scale - position - third) / third).clamp(0, 1)
    return weight
