"""THE table of the weights that come with the package. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent

GERUNDS: Mapping[str, str] = {"deblur": "deblurring", "denoise": "denoising"}
"""Task -> what a sentence calls it."""

TASKS: Mapping[str, str] = {"deblur": "folder", "denoise": "folder:sigma=5-50"}
"""Task -> the suite spec that the pairs of `models.shipped.making` are trained on as."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipped:
    """Weights of a network of the catalogue for one task, in a file of the package."""

    network: str
    task: str
    steps: int
    """Of the training that made them."""

    @property
    def name(self) -> str:
        """What the model is called, which is not what weights trained here are called."""
        return f"{self.network}-shipped-{self.task}"

    @property
    def file(self) -> Path:
        """Where the weights lie."""
        return FOLDER / f"{self.network}-{self.task}.safetensors"


STEPS = {"deblur": 6000, "denoise": 2500}
"""Of a training: task -> how many. Noise is learned sooner than blur."""

SHIPPED: dict[str, Shipped] = {
    row.name: row
    for row in (
        Shipped(network=network, task=task, steps=STEPS[task])
        for task in TASKS
        for network in ("litenet", "rescnn", "unet")
    )
}


def shipped_of(network: str, task: str | None = None) -> Shipped | None:
    """Return what ships for a network and a task, for its first task where none is given."""
    fit = (row for row in SHIPPED.values() if row.network == network and task in (row.task, None))
    return next(fit, None)
