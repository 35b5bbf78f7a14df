"""THE table of models: name -> card. Imports no torch: builders are named, loaded when needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.plugins import extended


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is trained: data, not code."""

    loss: str = "charbonnier"
    optimiser: str = "adamw"
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    batch: int = 8
    crop: int = 64
    schedule: str = "cosine"
    augment: tuple[str, ...] = ("flip", "rot90")
    validate_every: int = 100
    """Optimiser steps between validations; each one writes a checkpoint."""
    patience: int = 20
    """Validations without improvement before training stops early."""


@dataclass(frozen=True, slots=True)
class Card:
    """One row of the table.

    ``build`` is ``module:callable``, called with ``options``. It returns a `torch.nn.Module` where
    there is a ``recipe`` (a network that needs weights), else a `models.restorer.Restorer`.
    """

    name: str
    title: str
    family: str
    tasks: tuple[str, ...]
    build: str
    citation: str
    licence: str = "MIT"
    options: Mapping[str, Any] = field(default_factory=dict)
    recipe: Recipe | None = None
    needs_psf: bool = False
    multiple: int = 1
    """The network needs heights and widths that are a multiple of this; inputs are padded."""


MODELS: dict[str, Card] = {
    card.name: card
    for card in (
        Card(
            "input", "Untouched input", "identity", ("deblur", "denoise"),
            "models.classical:identity", "the degraded image itself: the line to beat",
        ),
        Card(
            "nlm", "Non-local means", "classical", ("deblur", "denoise"),
            "models.classical:non_local_means", "Buades et al. 2005, doi:10.1109/CVPR.2005.38",
        ),
        Card(
            "tv", "Total variation", "classical", ("deblur", "denoise"),
            "models.classical:total_variation",
            "Chambolle 2004, doi:10.1023/B:JMIV.0000011325.36760.1e",
        ),
        Card(
            "unsharp", "Unsharp masking", "classical", ("deblur",),
            "models.classical:unsharp_mask", "scikit-image unsharp_mask, radius 2, amount 0.5",
        ),
        Card(
            "wiener", "Wiener filter", "classical", ("deblur",), "models.classical:wiener",
            "Wiener 1949; scikit-image wiener, balance by the noise", needs_psf=True,
        ),
        Card(
            "richardson-lucy", "Richardson-Lucy", "classical", ("deblur",),
            "models.classical:richardson_lucy", "Richardson 1972, doi:10.1364/JOSA.62.000055",
            needs_psf=True,
        ),
        Card(
            "unet", "U-Net", "cnn", ("deblur", "denoise"), "models.architectures.unet:UNet",
            "Ronneberger et al. 2015, doi:10.1007/978-3-319-24574-4_28", recipe=Recipe(),
            multiple=8,
        ),
        Card(
            "rescnn", "Residual CNN", "cnn", ("deblur", "denoise"),
            "models.architectures.rescnn:ResidualCNN", "He et al. 2016, doi:10.1109/CVPR.2016.90",
            recipe=Recipe(), multiple=2,
        ),
    )
}  # fmt: skip


def model_cards() -> dict[str, Card]:
    """Return the table with the models of installed third-party packages."""
    return extended(MODELS, "restoration_bench.models", Card)
