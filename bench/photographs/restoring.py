"""A photograph through a model: what a model takes, and what is kept past it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.image import ImageError, Pixels
from bench.photographs.reading import Photograph, Samples
from models.restorer import Hints, Restorer, tiles_for_memory
from models.windows import reach_of, stacked, windows

if TYPE_CHECKING:
    import torch

ALONE = "'{}' sees {} frames of a film: a photograph stands for all of them"
CUT = "in tiles of {}x{}, as the free memory asks"


def restore_photograph(restorer: Restorer, photograph: Photograph) -> Photograph:
    """Return a photograph restored in its own numbers, with its bits, alpha, profile and EXIF.

    Grey stays one channel: the mean of the three that a model makes. Alpha is not restored, but
    enlarged (bilinear) where the model enlarges. Raises what the model raises.
    """
    notes = list(photograph.notes)
    if (frames := reach_of(restorer).frames) > 1:
        notes.append(ALONE.format(restorer.name, frames))
    if photograph.most > 255 and getattr(restorer, "bits", 16) == 8:
        notes.append(f"'{restorer.name}' works on 8 bits: the other 8 are not of the photograph")
    restored = from_tensor(
        restorer.restore(to_tensor(photograph.colour)), photograph.colour.dtype.type
    )
    if cut := tiles_for_memory(restorer, *photograph.size):
        notes.append(CUT.format(*cut))
    if photograph.colour.shape[2] == 1:
        mean = restored.mean(axis=2, keepdims=True)
        restored = np.rint(mean).astype(photograph.colour.dtype)
    return replace(
        photograph,
        colour=restored,
        alpha=_resized(photograph.alpha, restored.shape[:2]),
        notes=tuple(notes),
    )


def restore_frames(
    restorer: Restorer,
    frames: Iterable[Pixels],
    *,
    note: Callable[[str], object] = lambda text: None,
) -> Iterator[Pixels]:
    """Yield the frames of a film restored, each (H, W, 3) uint8, in order.

    A model that sees neighbouring frames gets them, the first and the last repeated at the ends;
    one that carries a state begins with the first frame. ``note`` is told of the tiles that memory
    asked for, each once. Raises what the model raises.
    """
    reach = reach_of(restorer)
    cut: tuple[int, int] | None = None
    around = (0, 0) if reach.recurrent else (reach.before, reach.after)
    for number, window in enumerate(windows(map(to_tensor, frames), *around)):
        seen = stacked(window) if len(window) > 1 else window[0]
        restored = restorer.restore(seen, Hints(begins=number == 0))
        now = tiles_for_memory(restorer, *window[0].shape[-2:])
        if now and now != cut:
            note(CUT.format(*now))
        cut = now
        yield from_tensor(restored, np.uint8)


def to_tensor(samples: Samples) -> torch.Tensor:
    """(H, W, 1 or 3) uint8 or uint16 -> (1, 3, H, W) float32 in [0, 1]."""
    import torch

    most = float(np.iinfo(samples.dtype).max)
    planes = torch.from_numpy(samples.astype(np.float32)).permute(2, 0, 1)[None] / most
    return planes.expand(-1, 3, -1, -1).contiguous()


def from_tensor(restored: torch.Tensor, kind: type[np.unsignedinteger[Any]]) -> Samples:
    """(1, 3, H, W) float -> (H, W, 3) uint8 or uint16: clipped to [0, 1], rounded.

    Raises `ImageError` for values that are not finite.
    """
    if not bool(restored.isfinite().all()):
        raise ImageError("the model returned values that are not finite (NaN or infinity)")
    levels = restored[0].clamp(0, 1).double().mul(int(np.iinfo(kind).max)).round()
    return np.ascontiguousarray(levels.permute(1, 2, 0).numpy().astype(kind))


def _resized(alpha: Samples | None, size: tuple[int, ...]) -> Samples | None:
    if alpha is None or alpha.shape == size:
        return alpha
    import cv2

    return cv2.resize(alpha, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
