"""What a metric is, and its card: a row of the table of conventions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from bench.core.plugins import load_object

if TYPE_CHECKING:
    from bench.image import Picture


class Metric(Protocol):
    """A metric at work. Made once per run, called once per reference and once per restored image.

    Both methods may raise `Unscorable` with the reason why there is no number. They
    are called from several threads, for different images. A metric whose card says that it needs
    no reference is never asked for features and gets None.
    """

    def features(self, reference: Picture) -> Any:
        """Return the reference's part of the computation, done once for all models."""
        ...

    def compare(self, restored: Picture, features: Any) -> float:
        """Return the score of one restored image of the reference's size; may be infinite."""
        ...


class OnCpu:
    """Base of metrics that compute on the processor whatever the run's device is."""

    def __init__(self, device: str = "cpu") -> None:
        del device


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """How `bench.metrics.checks` proves a metric against somebody else's implementation of it."""

    reference: str
    """What it is, as people call it."""
    package: str
    """The installed distribution that it is of, for its version."""
    value: str
    """``module:callable`` of restored and reference pixels, (H, W, 3) uint8, that returns the score
    and may raise `Unscorable`."""
    tolerance: float
    """The largest difference that rounding explains."""


GROUPS = {
    "fidelity": "how near to the reference, by formulas of pixels, structure and features",
    "perceptual": "how near to the reference, as networks see it that learned from images",
    "temporal": "how steadily the frames of a sequence follow each other (a suite with frames=)",
    "no-reference": "how good the image looks, without a reference",
    "use": "what the image is good for beside looking at it",
    "whole set": "all images of a model together: one value, none for each image",
}
"""The groups that metrics are listed in, and what those of each tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricCard:
    """One row of the table: a name and the one convention that it stands for."""

    name: str
    factory: str
    """``module:callable`` that takes ``device`` ("cpu", "cuda") and returns a `Metric`."""
    higher_is_better: bool
    low: float
    high: float
    unit: str
    convention: str
    citation: str
    needs_reference: bool = True
    consecutive: bool = False
    """It compares each frame of a sequence with the one before it: both its methods are given a
    `bench.image.Frame`, and the first frame has no score."""
    backbone: str = ""
    """The network of `bench.metrics.backbones` that has to be fetched first; empty: none."""
    package: str = ""
    """The distribution that computes it or brings its weights, where it is somebody else's."""
    extra: str = ""
    """The optional extra of this package that installs it, where it is not always there."""
    program: str = ""
    """What of ``package`` is run, where that is no Python package."""
    group: str = ""
    """One of `GROUPS`. Empty: ``no-reference`` for a metric without, ``perceptual`` for one with a
    backbone, else ``fidelity``."""
    check: Check | str = "its row names no reference"
    """What proves it, or why nothing does."""

    def __post_init__(self) -> None:
        with_reference = "perceptual" if self.backbone else "fidelity"
        group = self.group or (with_reference if self.needs_reference else "no-reference")
        if group not in GROUPS:
            raise ValueError(f"group {group!r} of metric {self.name!r}: not in {list(GROUPS)}")
        object.__setattr__(self, "group", group)

    def make(self, device: str = "cpu") -> Metric:
        """Build the metric."""
        metric: Metric = load_object(self.factory)(device=device)
        return metric
