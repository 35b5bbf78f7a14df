"""A package of somebody else: a row for every table that packages join."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.compute.quantities import Quantity
from bench.degrade.table import Blur
from bench.image import Picture, write_png
from bench.metrics import Check, MetricCard, SetMetricCard
from bench.records import Pair
from bench.report.drawing.content import Content
from bench.report.reading.context import Context
from bench.report.sections.table import Section
from bench.runs.executors.shard import restore_shard
from bench.runs.executors.table import Executor
from bench.suites import Suite, SuiteCard
from models.catalogue import Card
from models.variants import Variant


def invert() -> Any:
    """A module whose output is the negative of its input."""
    import torch

    class Invert(torch.nn.Module):
        def forward(self, degraded: torch.Tensor) -> torch.Tensor:
            return 1 - degraded

    return Invert()


def copy() -> Any:
    """A module whose output is its input."""
    import torch

    return torch.nn.Identity()


class LargestError:
    """The largest absolute difference, 0..255."""

    def __init__(self, device: str = "cpu") -> None:
        pass

    def features(self, reference: Picture) -> Any:
        return reference.pixels.astype(int)

    def compare(self, restored: Picture, features: Any) -> float:
        return float(np.abs(restored.pixels.astype(int) - features).max())


def last(restored: Any, reference: Any) -> float:
    """The largest absolute difference, as a list has it at its end when it is sorted."""
    pairs = zip(restored.ravel().tolist(), reference.ravel().tolist(), strict=True)
    return float(sorted(abs(a - b) for a, b in pairs)[-1])


def mean_colours(device: str) -> Any:
    """What an image is to the set metric: its mean colour."""
    return lambda pixels: pixels.mean((0, 1))


def colour_distance(restored: Any, reference: Any) -> tuple[float, None]:
    """The distance of two sets' mean colours."""
    return float(np.linalg.norm(restored.mean(0) - reference.mean(0))), None


def open_greys(card: SuiteCard, root: Path, options: Mapping[str, str], **_: Any) -> Suite:
    """Two grey images, 100 and 150, each the reference of the other."""
    for level in (100, 150):
        write_png(root / f"{level}.png", np.full((32, 32, 3), level, np.uint8))
    low, high = root / "100.png", root / "150.png"

    def pairs(split: str) -> Sequence[Pair]:
        return [Pair("low", low, high, "low"), Pair("high", high, low, "high")] * (split == "test")

    return Suite(card.name, card, root, "made", pairs)


def smear(light: Any, how: Any, _: Any) -> tuple[Any, Any]:
    """The mean of ``size`` rows."""
    psf = np.full((round(how.size), 1), 1 / round(how.size))
    return sum(np.roll(light, row - len(psf) // 2, axis=0) for row in range(len(psf))) / len(
        psf
    ), psf


BLUR = Blur(
    name="outside-smear",
    apply="bench_outside:smear",
    unit="rows",
    about="the mean of neighbouring rows",
    uniform=True,
)


def restore(shard: Any, progress: Any, ready: Mapping[str, Any]) -> Any:
    """This process, after a word."""
    progress.note("restored by an executor from outside")
    return restore_shard(shard, progress, ready)


EXECUTOR = Executor(name="outside-local", run="bench_outside:restore", about="as local")


def letters(context: Context) -> Content:
    """How many letters the models' names have."""
    return Content([f"Letters: {sum(map(len, context.analysis.order))}."])


def passes(measurement: Any) -> float | str:
    """How many passes were timed, in thousands."""
    timed = [report.latency.passes_ms for report in measurement.reports if report.latency]
    return sum(map(len, timed)) / 1000 if timed else "no pass was timed"


MODEL = Card(
    name="outside-invert",
    title="Negative",
    family="outside",
    tasks=("deblur",),
    build="bench_outside:invert",
    citation="nobody",
)
BASELINE = Card(
    name="outside-copy",
    title="Copy",
    family="outside",
    tasks=("deblur",),
    build="bench_outside:copy",
    citation="nobody",
    baseline="the plain copy",
)
METRIC = MetricCard(
    name="outside-max",
    factory="bench_outside:LargestError",
    higher_is_better=False,
    low=0,
    high=255,
    unit="",
    convention="largest difference",
    citation="nobody",
    check=Check(
        reference="a sorted list", package="bench-outside", value="bench_outside:last", tolerance=0
    ),
)
SET_METRIC = SetMetricCard(
    name="outside-cast",
    features="bench_outside:mean_colours",
    compare="bench_outside:colour_distance",
    fewest=1,
    higher_is_better=False,
    low=0,
    high=442,
    unit="",
    convention="distance of both sets' mean colours, R, G, B in 0..255",
    citation="nobody",
)
SUITE = SuiteCard(
    name="outside-greys",
    title="Two greys",
    task="deblur",
    opener="bench_outside:open_greys",
    about="",
    licence="none",
    citation="",
    size="tiny",
)
PASSES = Quantity(
    "outside-passes",
    "k",
    "thousands of timed passes",
    "Passes",
    "",
    1000,
    aliases={"outside-single-passes": 0.001},
    measure="bench_outside:passes",
)
PRICE = Quantity("outside-price", "EUR", "what a pass costs", "Price")
SECTION = Section("outside-letters", "Letters", ("scores",), "bench_outside:letters")


class Dimmed:
    """A restorer whose images are half as bright."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.name, self.device, self.network = inner.name, inner.device, None
        self.needs_psf, self.uses_noise, self.scale = inner.needs_psf, False, inner.scale

    def restore(self, degraded: Any, *hints: Any) -> Any:
        return self.inner.restore(degraded, *hints) / 2


VARIANT = Variant(
    name="outside-dim",
    title="half as bright",
    apply="bench_outside:Dimmed",
    citation="",
)
