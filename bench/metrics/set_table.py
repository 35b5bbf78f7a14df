"""THE table of metrics of whole sets of images, and what such a metric is.

A metric of `bench.metrics.table` has a value for each image; one of these has a single value for
all restored images of a model together. Names of both tables are given in one list.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias

from bench.core.errors import BenchError
from bench.core.plugins import extended, load_object
from bench.metrics.table import metric_cards, resolve

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bench.image import Pixels

    Vector: TypeAlias = NDArray[np.float64]
    Matrix: TypeAlias = NDArray[np.float64]
else:
    Vector = Matrix = Any


class Describe(Protocol):
    """The features of one image. Made once per run, where its factory finds what it needs."""

    def __call__(self, pixels: Pixels) -> Vector:
        """(H, W, 3) uint8 -> (D,), D the same for all images. May raise `Unscorable`."""
        ...


class Compare(Protocol):
    """What two sets of features come to."""

    def __call__(self, restored: Matrix, reference: Matrix) -> tuple[float, float | None]:
        """(N,D) and (M,D) -> the value, and its standard deviation where it is an estimate.

        May raise `Unscorable`.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMetricCard:
    """One row of the table: a name and the one convention that it stands for."""

    name: str
    features: str
    """``module:callable`` that takes ``device`` and returns a `Describe`, or raises `Unscorable`.
    Rows that name the same one share its work."""
    compare: str
    """``module:callable``, a `Compare`."""
    fewest: int
    """The fewest images that each set must have."""
    higher_is_better: bool
    low: float
    high: float
    unit: str
    convention: str
    citation: str
    backbone: str = ""
    """The network of `bench.metrics.backbones` that has to be fetched first; empty: none."""
    package: str = ""
    """The distribution that computes it or brings its weights, where it is somebody else's."""
    needs_reference: ClassVar[bool] = True
    group: ClassVar[str] = "whole set"
    extra: ClassVar[str] = ""

    def describe(self, device: str) -> Describe:
        """Make the features' part. Raises `Unscorable` without what it needs (weights)."""
        made: Describe = load_object(self.features)(device=device)
        return made

    def measure(self, restored: Matrix, reference: Matrix) -> tuple[float, float | None]:
        """Return the value and its standard deviation, see `Compare`."""
        compare: Compare = load_object(self.compare)
        return compare(restored, reference)


_INF = float("inf")
_FEATURES = "bench.metrics.inception:InceptionFeatures"
_NETWORK = "torchvision's Inception v3, 2048 features, 299x299 bilinear; not TensorFlow's graph"

SET_METRICS: dict[str, SetMetricCard] = {
    card.name: card
    for card in (
        SetMetricCard(
            name="fid",
            features=_FEATURES,
            compare="bench.metrics.inception:fid",
            fewest=2,
            higher_is_better=False,
            low=0,
            high=_INF,
            unit="",
            convention=f"all images together; {_NETWORK}; biased upwards for few images",
            citation="Heusel et al. 2017, arXiv:1706.08500",
            backbone="inception",
        ),
        SetMetricCard(
            name="kid",
            features=_FEATURES,
            compare="bench.metrics.inception:kid",
            fewest=4,
            higher_is_better=False,
            low=-_INF,
            high=_INF,
            unit="",
            convention=(
                f"all images together; {_NETWORK}; unbiased, kernel (x.y/2048 + 1)^3, mean of "
                "100 subsets of half of the images, 1000 at most"
            ),
            citation="Binkowski et al. 2018, arXiv:1801.01401",
            backbone="inception",
        ),
    )
}


def set_metric_cards() -> dict[str, SetMetricCard]:
    """Return the table with the rows of installed packages.

    Raises `BenchError` for a name that a metric of single images has.
    """
    found = extended(SET_METRICS, "restoration_bench.set_metrics", SetMetricCard)
    if doubled := found.keys() & metric_cards().keys():
        raise BenchError(f"metrics of sets and of images share names ({sorted(doubled)}); rename")
    return found


@dataclass(frozen=True, slots=True)
class Chosen:
    """Names of metrics: those with a value for each image, and those of whole sets."""

    of_images: tuple[str, ...]
    of_sets: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Every name."""
        return (*self.of_images, *self.of_sets)


def choose_metrics(names: Iterable[str]) -> Chosen:
    """Return the metrics of both tables that are named, as `resolve` writes them out.

    ``all`` is every metric of single images. Raises `BenchError` for an unknown name.
    """
    sets = set_metric_cards()
    found = resolve(names, sets)
    return Chosen(
        tuple(name for name in found if name not in sets),
        tuple(name for name in found if name in sets),
    )
