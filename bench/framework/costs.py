"""What models cost, under which conditions, and how sure that is.

Figures of different device, precision, size, batch, threads or machine say different things, so
everything that ranks models by a cost takes its figures from here, under one set of conditions.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from bench.compute.noise import with_noise
from bench.compute.quantities import named, names, row_of
from bench.core.errors import BenchError
from bench.core.names import choose
from bench.records import Profile
from bench.runs.store import RunFolder
from bench.statistics.intervals import draw_quantile

Floats = NDArray[np.float64]

_TINY = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class CostConditions:
    """What a cost was measured under. ``machine`` numbers the runs' machines and libraries."""

    device: str
    dtype: str
    height: int
    width: int
    batch: int
    threads: int
    machine: int = 0

    def __str__(self) -> str:
        size = f"{self.height}×{self.width}, batch {self.batch}" if self.height else ""
        threads = f"{self.threads} thread{'s' * (self.threads != 1)}" if self.threads else ""
        machine = f"machine {self.machine + 1}" if self.machine else ""
        return ", ".join(filter(None, (self.device, self.dtype, size, threads, machine)))

    def of(self, quantity: str) -> CostConditions:
        """Return these conditions without those that ``quantity`` does not depend on."""
        depends = row_of(quantity).depends
        if depends == "nothing":
            return CostConditions(device="", dtype="", height=0, width=0, batch=0, threads=0)
        if depends == "input":
            return replace(self, device="", dtype="", threads=0, machine=0)
        return self


Figures = Mapping[CostConditions, Mapping[str, Profile]]
"""What is known of one model: conditions -> quantity -> figure."""


def conditions_of(figure: Profile, machine: int = 0) -> CostConditions:
    """Return what a figure was measured under."""
    return CostConditions(
        device=figure.device,
        dtype=figure.dtype,
        height=figure.height,
        width=figure.width,
        batch=figure.batch,
        threads=figure.threads,
        machine=machine,
    )


@dataclass(frozen=True, slots=True)
class Cost:
    """A figure, and what it may be compared by, in the quantity's unit.

    ``low`` and ``high``: its 95 % interval, the value itself where there is none; where it is
    ``noisy``, which says why, the range that it lies in: from the smallest median of a process to
    the largest, and its interval. ``single``: one sample is all that is
    known, which has no interval; a range rests on it.
    """

    value: float
    low: float
    high: float
    noisy: str = ""
    single: bool = False

    @property
    def reach(self) -> tuple[float, float]:
        """The ends between which it is compared: the range of a noisy figure, else the value.

        One cost is said to be less than another only where their reaches do not meet.
        """
        return (self.low, self.high) if self.noisy else (self.value, self.value)


def cost_of(figures: Mapping[str, Profile], quantity: str) -> Cost | None:
    """Return a figure of one set of conditions as a cost; None where it has no value."""
    figure = figures.get(quantity)
    if figure is None or figure.value is None:
        return None
    value = figure.value
    low = value if figure.low is None else figure.low
    high = value if figure.high is None else figure.high
    if not figure.noisy:
        return Cost(value, low, high, single=figure.single)
    ends = [low, value, high, *(median(passes) for passes in figure.samples if passes)]
    time = cost_of(figures, "latency_ms") if quantity != "latency_ms" else None
    if time and time.value and len(figure.samples) < 2:
        # It was measured once, or follows from the latency: it varies as that does.
        slower = [end / time.value for end in (time.low, time.high)]
        ends += [value / s if row_of(quantity).higher_is_better else value * s for s in slower]
    return Cost(value, min(ends), max(ends), figure.noisy, figure.single)


def read_figures(run: RunFolder) -> list[Profile]:
    """Return all figures of a run, the noisy ones with the reason, whatever version measured."""
    return with_noise(run.read_profiles(), run.record().profile_notes)


def read_costs(run: RunFolder) -> dict[str, dict[CostConditions, dict[str, Profile]]]:
    """Return a run's figures, model -> conditions -> quantity -> figure; none for a new model."""
    found: dict[str, dict[CostConditions, dict[str, Profile]]] = {
        model: {} for model in run.record().models
    }
    for figure in read_figures(run):
        if figure.model in found:
            found[figure.model].setdefault(conditions_of(figure), {}).setdefault(
                figure.quantity, figure
            )
    return found


def all_conditions(costs: Mapping[str, Figures]) -> list[CostConditions]:
    """Return the conditions that costs were measured under, those of most figures first.

    Conditions without a single figure (a model that died in profiling) are not among them, unless
    there are no others.
    """
    counts: dict[CostConditions, int] = {}
    for figures in costs.values():
        for conditions, by_quantity in figures.items():
            known = sum(figure.value is not None for figure in by_quantity.values())
            counts[conditions] = counts.get(conditions, 0) + known
    found = sorted(counts, key=lambda conditions: -counts[conditions])
    return [conditions for conditions in found if counts[conditions]] or found[:1]


def measured_with(
    figures: Figures, quantity: str, conditions: CostConditions
) -> tuple[CostConditions, Mapping[str, Profile]] | None:
    """Return the first conditions that are the same as far as they matter for a quantity and have a
    figure of it, and all figures measured under them; None where there are none."""
    for at, by_quantity in figures.items():
        if at.of(quantity) == conditions.of(quantity) and quantity in by_quantity:
            return at, by_quantity
    return None


def figure_under(figures: Figures, quantity: str, conditions: CostConditions) -> Profile | None:
    """Return a figure measured under conditions that are the same as far as they matter."""
    found = measured_with(figures, quantity, conditions)
    return found[1][quantity] if found else None


def cost_under(figures: Figures, quantity: str, conditions: CostConditions) -> Cost | None:
    """Return a cost measured under such conditions; None where there is no value."""
    found = measured_with(figures, quantity, conditions)
    return cost_of(found[1], quantity) if found else None


def why_no_figure(figures: Figures, quantity: str, conditions: CostConditions) -> str:
    """Return why a model has no figure under ``conditions``: missing, or measured otherwise."""
    figure = figure_under(figures, quantity, conditions)
    if figure is not None and figure.value is None:
        return figure.missing or "not measured"
    found = {at: of[quantity] for at, of in figures.items() if quantity in of}
    if found and all(one.value is None for one in found.values()):
        return next(iter(found.values())).missing or "not measured"
    if found:
        elsewhere = "; ".join(str(at.of(quantity)) for at in found)
        return f"measured under other conditions only ({elsewhere})"
    return "not measured"


def require_same(figures: Iterable[tuple[Profile, int]]) -> CostConditions | None:
    """Return the one set of conditions of figures, each with its machine; None for no figures.

    Raises `BenchError` that names what differs: such costs are never ranked together.
    """
    met: dict[CostConditions, Profile] = {}
    for figure, machine in figures:
        met.setdefault(conditions_of(figure, machine).of(figure.quantity), figure)
    if len(met) > 1:
        (first, one), (second, other) = list(met.items())[:2]
        differ = [
            f"{field.name} {getattr(first, field.name)} and {getattr(second, field.name)}"
            for field in fields(CostConditions)
            if getattr(first, field.name) != getattr(second, field.name)
        ]
        raise BenchError(
            f"costs of different conditions are never ranked together: {one.quantity} of "
            f"'{one.model}' and {other.quantity} of '{other.model}' differ in "
            f"{', '.join(differ)}; measure both alike"
        )
    return next(iter(met), None)


def resolve_quantity(name: str, costs: Mapping[str, Figures]) -> tuple[str, float]:
    """Return the quantity that ``name`` stands for, and what one of it is in that one's unit.

    Raises `BenchError` for an unknown name, with the nearest known one.
    """
    choose("cost", name, names())
    *first, last = named(name).items()
    return next((one for one in first if _any_figure(one[0], costs)), last)


def _any_figure(quantity: str, costs: Mapping[str, Figures]) -> bool:
    return any(
        figure.value is not None
        for figures in costs.values()
        for by_quantity in figures.values()
        if (figure := by_quantity.get(quantity))
    )


def cost_draws(
    figures: Mapping[str, Profile], quantity: str, samples: int, seed: int
) -> tuple[Floats, str]:
    """Return ``samples`` draws (S,) of a figure that has a value, and how they were made.

    Where the processes and passes behind it are known they are drawn anew, as the figure's own
    interval was made; latency, its 90th percentile and throughput by the same draws. Where only the
    interval is known, the draws are log-normal on either side of the value so that 95 % lie inside
    it. What is noisy is drawn evenly, by its logarithm, from its range: nothing says where in it
    the figure lies. A count does not vary.
    """
    figure, cost = figures[quantity], cost_of(figures, quantity)
    assert figure.value is not None
    assert cost is not None
    rng = np.random.default_rng([seed, zlib.crc32(figure.model.encode())])
    if cost.noisy:
        share = rng.random(samples)
        if row_of(quantity).higher_is_better:
            share = 1 - share  # as slow a draw as that of its latency
        low, high = max(cost.low, _TINY), max(cost.high, _TINY)
        return np.asarray(low * (high / low) ** share), "noise"
    if figure.low is None or figure.high is None:
        return np.full(samples, figure.value), "exact"
    passes = row_of(quantity).passes
    source = figure if passes is None else figures.get("latency_ms")
    if source and source.samples:
        drawn = draw_quantile(source.samples, 0.5 if passes is None else passes, samples, rng)
        if quantity == "throughput_mpix_s" and source.value:
            drawn = figure.value * source.value / drawn
        return drawn, "processes"
    return _between(figure, samples, rng), "interval"


def _between(figure: Profile, samples: int, rng: np.random.Generator) -> Floats:
    """Draw from the interval alone: log-normal halves that meet at the value."""
    value, low, high = _positive(figure)
    z = rng.standard_normal(samples)
    reach = float(norm.ppf(0.975))
    below, above = np.log(value / low) / reach, np.log(high / value) / reach
    return np.asarray(value * np.exp(np.where(z < 0, below, above) * z))


def _positive(figure: Profile) -> tuple[float, float, float]:
    """Return value and interval, all above zero, which a logarithm needs."""
    assert figure.value is not None
    low = figure.value if figure.low is None else figure.low
    high = figure.value if figure.high is None else figure.high
    return (
        max(figure.value, _TINY),
        max(min(low, figure.value), _TINY),
        max(high, figure.value, _TINY),
    )


def draw_notes(sources: Sequence[str]) -> list[str]:
    """Say how cost draws of ``sources`` were made, as far as there is something to be said."""
    found = []
    if "interval" in sources:
        found.append(
            "single measurements of some costs were not kept: their draws follow the interval alone"
        )
    if "noise" in sources:
        found.append("some costs are noisy: they are drawn evenly from their range")
    return found


def as_record(at: CostConditions) -> dict[str, Any]:
    """Return the conditions as columns of a table."""
    return {
        name: getattr(at, name)
        for name in ("device", "dtype", "height", "width", "batch", "threads")
    }
