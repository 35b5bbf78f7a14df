"""Sample rows of a training: the same validation crop after each epoch, degraded to reference."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from bench.image import to_pixels, write_png

MOST = 16
"""About so many rows are kept, spread evenly; the first and the newest are always among them."""

GAP = 4
"""White pixels between the images of a row."""


class SampleRows:
    """``epoch-0007.png`` and so on in a folder; with rising epochs most of them go again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, epoch: int, sample: Sequence[torch.Tensor]) -> None:
        """Write the row of (3,H,W) images, in [0,1], and take away what is too many."""
        side = sample[-1].shape[-2:]
        row: list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]] = []
        for image in sample:
            enlarged = F.interpolate(image[None], size=side, mode="nearest")
            row += [to_pixels(enlarged), np.full((side[0], GAP, 3), 255, np.uint8)]
        write_png(self.path(epoch), np.concatenate(row[:-1], axis=1))
        for path in self._folder.glob("epoch-*.png"):
            number = path.stem.removeprefix("epoch-")
            if number.isdigit() and int(number) not in kept(epoch):
                path.unlink(missing_ok=True)

    def path(self, epoch: int) -> Path:
        """Return where the row of an epoch lies."""
        return self._folder / f"epoch-{epoch:04d}.png"


def kept(epoch: int) -> set[int]:
    """Return the epochs whose rows are kept after ``epoch``: they follow from it alone."""
    stride = 1
    while epoch // stride > MOST:
        stride *= 2
    return {1, *range(stride, epoch + 1, stride), epoch}
