"""Costs over the size of the image and over the batch: curves, exponents, and what fits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator

from bench.compute.growth import Point, growth, largest_that_fits
from bench.compute.noise import MARK
from bench.compute.quantities import row_of
from bench.core.names import counted
from bench.framework.costs import CostConditions, cost_of
from bench.records import ONE, ONE_SAMPLE
from bench.report.drawing.axes import explain, log_axis, with_unit
from bench.report.drawing.content import Block
from bench.report.drawing.numbers import fixed, significant
from bench.report.drawing.tables import Column, Table, TableCell
from bench.report.drawing.theme import INK, PAPER, WIDTH, Look, Plot, drawing, finish
from bench.report.reading.analysis import Analysis

DRAWN = ("latency_ms", "device_memory_mb", "process_memory_mb", "throughput_mpix_s")
MEMORIES = ("device_memory_mb", "process_memory_mb")
MODELS = 12
"""Lines of a plot, at most: the best models by the first metric; the table has all."""
SIDES_WRITTEN = 6
"""Up to so many sizes, the axis names those that were measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """What is varied: ``of`` is its number under conditions, ``fixed`` the conditions without it.

    ``held`` says what is the same for a whole plot.
    """

    name: str
    title: str
    of: Callable[[CostConditions], float]
    fixed: Callable[[CostConditions], CostConditions]
    held: Callable[[CostConditions], str]


AXES = (
    Axis(
        name="size",
        title="megapixels of an image",
        of=lambda at: at.height * at.width / 1e6,
        fixed=lambda at: replace(at, height=0, width=0),
        held=lambda at: f"batch {at.batch}",
    ),
    Axis(
        name="batch",
        title="images in a pass",
        of=lambda at: at.batch,
        fixed=lambda at: replace(at, batch=0),
        held=lambda at: f"{at.height}×{at.width}",
    ),
    Axis(
        name="threads",
        title="threads",
        of=lambda at: at.threads,
        fixed=lambda at: replace(at, threads=0),
        held=lambda at: f"{at.height}×{at.width}, batch {at.batch}",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A model's cost at one place of an axis, in the quantity's unit."""

    x: float
    value: float
    low: float
    high: float
    noisy: bool
    single: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Conditions that differ along one axis alone, two of them or more, from small to large."""

    axis: Axis
    number: int
    places: Sequence[CostConditions]

    @property
    def conditions(self) -> str:
        """What all of them share."""
        at = self.places[0]
        alike = len({place.threads for place in self.places}) == 1
        threads = counted(at.threads, "thread") if at.threads and alike else ""
        machine = f"machine {at.machine + 1}" if at.machine else ""
        return ", ".join(filter(None, (at.device, at.dtype, self.axis.held(at), threads, machine)))

    def spots(self, analysis: Analysis, name: str, quantity: str) -> list[Spot]:
        """Return a model's costs along the axis, where they are known and above 0."""
        found = []
        for at in self.places:
            cost = cost_of(analysis.data.costs[name].get(at, {}), quantity)
            if cost and cost.value > 0:
                low = cost.low if cost.low > 0 else cost.value
                found.append(
                    Spot(
                        x=self.axis.of(at),
                        value=cost.value,
                        low=low,
                        high=cost.high,
                        noisy=bool(cost.noisy),
                        single=cost.single,
                    )
                )
        return found


def sweeps(analysis: Analysis) -> list[Sweep]:
    """Return the sweeps over sizes and over batches that any model has two figures of."""
    found = []
    known = [at for at in analysis.data.conditions() if at.height and at.threads]
    for axis in AXES:
        groups: dict[CostConditions, list[CostConditions]] = {}
        for at in known:
            groups.setdefault(axis.fixed(at), []).append(at)
        number = 0
        for group in groups.values():
            one = Sweep(axis=axis, number=number, places=sorted(group, key=axis.of))
            if any(len(one.spots(analysis, n, "latency_ms")) > 1 for n in analysis.order):
                found.append(one)
                number += 1
    return found


def curves(analysis: Analysis, looks: Mapping[str, Look]) -> list[Block]:
    """Return plots of each sweep, and a table for those over sizes; nothing of one size alone."""
    blocks: list[Block] = []
    for sweep in sweeps(analysis):
        plots = [plot for q in DRAWN if (plot := _plot(analysis, sweep, q, looks))]
        if plots:
            blocks.append(plots)
        if sweep.axis.name == "size":
            blocks.append(_table(analysis, sweep))
    return blocks


def _name(sweep: Sweep, what: str) -> str:
    name = f"{what}-by-{sweep.axis.name}".replace("_", "-")
    return f"{name}-{sweep.number + 1}" if sweep.number else name


def _plot(
    analysis: Analysis, sweep: Sweep, quantity: str, looks: Mapping[str, Look]
) -> Plot | None:
    lines = {n: spots for n, spots in _lines(analysis, sweep, quantity) if len(spots) > 1}
    if not lines:
        return None
    row, shown = row_of(quantity), dict(list(lines.items())[:MODELS])
    with drawing(WIDTH, 3.1) as (figure, axes):
        noisy = any(spot.noisy for spots in shown.values() for spot in spots)
        explain(
            figure,
            "Bars: 95 % intervals." + (" Hollow, dashed: noisy, with its range." * noisy),
        )
        for name, spots in shown.items():
            _draw(axes, spots, looks[name], row.factor)
        _scales(axes, sweep, list(shown.values()), row.factor)
        axes.set_xlabel(f"{sweep.axis.title} (log scale)\n{sweep.conditions}")
        axes.set_ylabel(f"{with_unit(row.title, row.page_unit)} (log scale)")
        axes.legend(
            [Line2D([], [], color=looks[n].colour, marker=looks[n].marker) for n in shown],
            [looks[n].name for n in shown],
            frameon=False,
            fontsize=7.5,
            labelcolor=INK,
            ncols=1 + (len(shown) > 5),
        )
        rest = len(lines) - len(shown)
        text = "; ".join(
            f"{name} {_written(spots[0], row.factor)} to {_written(spots[-1], row.factor)}"
            for name, spots in shown.items()
        )
        return finish(
            figure,
            _name(sweep, quantity),
            f"{row.title} by {sweep.axis.name}",
            f"{row.title} in {row.page_unit} against {sweep.axis.title}, {sweep.conditions}, first "
            f"to last: {text}.",
            [f"{counted(rest, 'further model')} in the table."] if rest else [],
        )


def _written(spot: Spot, factor: float) -> str:
    text = significant(spot.value * factor)
    text = f"{text} {MARK}" if spot.noisy else text
    return f"{text} ({ONE})" if spot.single else text


def _lines(analysis: Analysis, sweep: Sweep, quantity: str) -> Iterator[tuple[str, Sequence[Spot]]]:
    for name in analysis.order:
        yield name, sweep.spots(analysis, name, quantity)


def _draw(axes: Axes, spots: Sequence[Spot], look: Look, factor: float) -> None:
    xs, ys = [spot.x for spot in spots], [spot.value * factor for spot in spots]
    axes.plot(xs, ys, color=look.colour, linewidth=1.3, zorder=2)
    for spot, y in zip(spots, ys, strict=True):
        axes.plot(
            [spot.x, spot.x],
            [spot.low * factor, spot.high * factor],
            color=look.colour,
            linewidth=1.0,
            linestyle="--" if spot.noisy else "-",
            alpha=0.7,
            zorder=2,
        )
        axes.plot(
            spot.x,
            y,
            marker=look.marker,
            color=look.colour,
            markersize=5.5,
            markerfacecolor=PAPER if spot.noisy else look.colour,
            zorder=3,
        )


def _scales(axes: Axes, sweep: Sweep, lines: Sequence[Sequence[Spot]], factor: float) -> None:
    """Make both axes logarithmic; few places are named as they were measured."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    places = sorted({spot.x for spots in lines for spot in spots})
    values = [end * factor for spots in lines for s in spots for end in (s.low, s.high)]
    log_axis(axes, math.log10(places[-1] / places[0]))
    log_axis(axes, math.log10(max(values) / min(values)), along="y")
    if len(places) <= SIDES_WRITTEN:
        axes.xaxis.set_major_locator(FixedLocator(places))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
    axes.set_ylim(min(values) / 1.5, max(values) * 1.5)


def _table(analysis: Analysis, sweep: Sweep) -> Table:
    """Return how fast each model's costs grow, the largest size that ran, and what would fit."""
    memory = next(
        (q for q in MEMORIES if any(len(s) > 1 for _, s in _lines(analysis, sweep, q))), None
    )
    quantities = ["latency_ms", *([memory] if memory else [])]
    room = _room(analysis, sweep.places[0])
    fits = f"reckoned for {room / 1e3:.3g} GB" if room else ""
    columns = [
        Column("Model", numeric=False),
        *(Column(row_of(q).title, "exponent", "Grows as megapixels to the") for q in quantities),
        Column("Largest that ran", "pixels"),
        *([Column("Would fit", f"megapixels, {fits}")] if fits and memory else []),
    ]
    rows, records = [], []
    for name in analysis.order:
        if not any(sweep.spots(analysis, name, q) for q in quantities):
            continue
        row = [TableCell(name)]
        record: dict[str, Any] = {"model": name, "conditions": sweep.conditions}
        for quantity in quantities:
            spots = sweep.spots(analysis, name, quantity)
            found = growth(_points(spots))
            if found is None:
                row.append(TableCell.missing("fewer than two sizes have a figure"))
                continue
            noise = f" {MARK}" if any(spot.noisy for spot in spots) else ""
            row.append(
                TableCell(
                    f"{fixed(found.exponent, 2)}{noise}",
                    ONE_SAMPLE
                    if found.single
                    else f"[{fixed(found.low, 2)}, {fixed(found.high, 2)}]",
                    sort=found.exponent,
                )
            )
            record |= {
                f"{quantity}_exponent": found.exponent,
                f"{quantity}_exponent_low": None if found.single else found.low,
                f"{quantity}_exponent_high": None if found.single else found.high,
            }
        largest, beyond = _largest(analysis, sweep, name)
        row.append(TableCell(largest, notes=(beyond,) if beyond else ()))
        record |= {"largest": largest, "beyond": beyond}
        if fits and memory and room:
            held = largest_that_fits(_points(sweep.spots(analysis, name, memory)), room)
            if held:
                side = 64 * (math.isqrt(int(held.megapixels * 1e6)) // 64)
                row.append(
                    TableCell(
                        f"{'≥ ' * held.at_least}{significant(held.megapixels)}",
                        f"tiles of {side:,}",
                        sort=held.megapixels,
                    )
                )
            else:
                row.append(TableCell.missing("its memory is not known at two sizes"))
            record |= {
                "fits_megapixels": held and held.megapixels,
                "fits_at_least": held and held.at_least,
                "memory_mb": room,
            }
        rows.append(row)
        records.append(record)
    legend = [
        "Least squares in logarithms over all sizes; brackets: with every cost anywhere in its "
        "interval, or in its range where it is noisy. 1: each pixel costs the same; near 0: "
        "something else decides."
    ]
    if fits and memory:
        legend.append(
            f"Would fit: reckoned from {row_of(memory).word} at the two largest sizes, not "
            "measured; a larger image is worked on in tiles, of at most the side beneath it. ≥: "
            "memory grew more slowly than the pixels, so that a part of it is none of theirs."
        )
    return Table(
        _name(sweep, "growth"),
        f"Growth with the size of the image on {sweep.conditions}",
        columns,
        rows=rows,
        records=records,
        legend=legend,
    )


def _points(spots: Sequence[Spot]) -> list[Point]:
    return [
        Point(megapixels=s.x, value=s.value, low=s.low, high=s.high, single=s.single) for s in spots
    ]


def _largest(analysis: Analysis, sweep: Sweep, name: str) -> tuple[str, str]:
    """Return the largest size that a model ran at, and why it did not at the next one."""
    ran, beyond = "—", ""
    for at in sweep.places:
        figure = analysis.data.costs[name].get(at, {}).get("latency_ms")
        size = f"{at.height}×{at.width}"
        if figure and figure.value is not None:
            ran, beyond = size, ""
        elif figure and not beyond:
            beyond = f"{size}: {figure.missing or 'not measured'}"
    return ran, beyond


def _room(analysis: Analysis, at: CostConditions) -> float | None:
    """Return the memory, in MB, of the device that figures were measured on; None: not kept."""
    environment = analysis.data.environment(at.machine)
    gpu = environment.get("gpu")
    if at.device.startswith("cuda"):
        found = gpu.get("memory_mb") if isinstance(gpu, Mapping) else None
    else:
        found = environment.get("memory_mb")
    return float(found) if isinstance(found, int | float) else None
