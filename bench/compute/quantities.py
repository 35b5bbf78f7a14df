"""THE table of cost quantities: what a profile measures, how it is read, and where it is shown.

Standard library only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal

from bench.core.plugins import extended

Place = Literal["short", "axis", "page", "bars"]
"""Where a quantity is shown beside the table of costs, which has all: in a short table beside
quality; as an axis that quality is drawn against, in ``plots/`` or on the page too; in bars."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """One row of the table: a cost, its unit and exactly what it means.

    ``heading`` and ``shown_unit`` are those of the page (default: name and unit); a stored value
    times ``factor`` is in the latter. ``places`` say where it is shown, and plots come by ``rank``,
    then in the table's order. ``aliases``: other names for `bench pick`, and what one of them is in
    ``unit``; a name that several rows have is the first of them of which there is any figure.
    ``depends``: figures of different conditions, of different input, or none at all are apart.
    ``passes``: the quantile of latency's passes that it follows from. ``timed``: it takes time, and
    a busy machine lengthens it (`bench.compute.noise`). ``once``: measured in one process alone,
    and another would tell otherwise: one sample. ``measure`` is for rows that
    `bench.compute.profile` does not know: it gets the `Measurement` of one model and returns the
    value or the reason why there is none; ``module:function``, or the function itself.
    """

    name: str
    unit: str
    meaning: str
    heading: str = ""
    shown_unit: str | None = None
    factor: float = 1.0
    higher_is_better: bool = False
    depends: Literal["conditions", "input", "nothing"] = "conditions"
    places: tuple[Place, ...] = ()
    rank: int = 100
    aliases: Mapping[str, float] = field(default_factory=dict)
    passes: float | None = None
    timed: bool = False
    once: bool = False
    measure: str | Callable[[Any], float | str] | None = None

    @property
    def title(self) -> str:
        """How it is written in headings."""
        return self.heading or self.name

    @property
    def word(self) -> str:
        """How it is written within a sentence."""
        abbreviated = any(letter.isupper() for letter in self.title[1:])
        return self.title if abbreviated else self.title.lower()

    @property
    def page_unit(self) -> str:
        """The unit of ``factor`` times a value."""
        return self.unit if self.shown_unit is None else self.shown_unit


_MEMORY = {"memory_mb": 1.0, "memory": 1.0, "memory_gb": 1e3}

TRAINING: tuple[tuple[str, str, str, str, str | None, float, Mapping[str, float], str], ...] = (
    ("s", "seconds", "s", "Training time", "min", 1 / 60, {"train_minutes": 60.0,
     "train_hours": 3600.0}, "wall clock of the training, timing and validation included"),
    ("device_s", "device_seconds", "s", "Training, device time", "min", 1 / 60, {},
     "the GPU's time in training steps; of a CPU that of all threads, validation included"),
    ("best_s", "best_seconds", "s", "Training to its best", "min", 1 / 60,
     {"train_best_minutes": 60.0}, "wall clock until the weights that were kept"),
    ("steps", "steps", "", "Training steps", None, 1.0, {}, "steps of the network that restores"),
    ("samples", "samples", "", "Training samples", "M", 1e-6, {}, "crops learned from"),
    ("memory_mb", "memory_mb", "MB", "Training memory", None, 1.0, {"train_memory_gb": 1e3},
     "peak of the GPU allocator in training; of a CPU of the whole process, 10^6 bytes"),
    ("energy_j", "energy_j", "J", "Training energy", "kJ", 1e-3, {"train_energy_kj": 1e3},
     "energy of the GPU (NVML) or the processors (RAPL) in training, idle power included"),
    ("flops", "flops", "", "Training FLOPs", "P", 1e-15, {"train_pflops": 1e15},
     "reckoned: three forward passes of the network that restores for each crop, 2 a MAC"),
)  # fmt: skip
"""What a training cost: name, field of the weights' header, unit, heading, unit and factor of the
page, aliases, meaning. They are of the weights, whatever the conditions of a profile."""

QUANTITIES: dict[str, Quantity] = {
    quantity.name: quantity
    for quantity in (
        Quantity(
            name="params",
            unit="",
            meaning="parameters of the network, shared ones once",
            heading="Parameters",
            shown_unit="M",
            factor=1e-6,
            depends="nothing",
            places=("short", "axis", "bars"),
            rank=3,
            aliases={"mparams": 1e6},
        ),
        Quantity(
            name="macs",
            unit="",
            meaning="multiply-accumulates of all matrix-like operations for one image of the size; "
            "tiled where the model runs in tiles, overlaps included; FLOPs = 2 x MACs",
            heading="MACs",
            shown_unit="G",
            factor=1e-9,
            depends="input",
            places=("short", "axis", "page", "bars"),
            rank=2,
            aliases={"gmacs": 1e9, "gflops": 0.5e9, "flops": 0.5},
        ),
        Quantity(
            name="activations",
            unit="",
            meaning="elements put out by convolutions, matrix products, recurrent and attention "
            "operations for one image of the size",
            heading="Activations",
            shown_unit="M",
            factor=1e-6,
            depends="input",
        ),
        Quantity(
            name="weights_mb",
            unit="MB",
            meaning="parameters and buffers as stored, 10^6 bytes",
            heading="Weights",
            depends="nothing",
        ),
        Quantity(
            name="latency_ms",
            unit="ms",
            meaning="median time of one pass over the batch: the network's forward pass on data on "
            "its device; the whole call from image to image for what is no network or runs in "
            "tiles",
            heading="Latency",
            places=("short", "axis", "page", "bars"),
            rank=1,
            aliases={"latency": 1.0, "latency_s": 1e3},
            passes=0.5,
            timed=True,
        ),
        Quantity(
            name="latency_ms_p90",
            unit="ms",
            meaning="90th percentile of the same passes",
            heading="Latency, 90 %",
            aliases={"latency_p90_ms": 1.0},
            passes=0.9,
            timed=True,
        ),
        Quantity(
            name="throughput_mpix_s",
            unit="Mpixel/s",
            meaning="10^6 input pixels a second at the median latency",
            heading="Throughput",
            higher_is_better=True,
            aliases={"throughput": 1.0},
            passes=0.5,
            timed=True,
        ),
        Quantity(
            name="gpu_busy_percent",
            unit="%",
            meaning="of a pass by the wall clock, what the GPU works: by its record of kernels "
            "(CUPTI), or where there is none between the events around a pass; under 83 % the "
            "latency is limited by launches at this size",
            heading="GPU at work",
            higher_is_better=True,
            timed=True,
            measure="bench.compute.waiting:busy_percent",
        ),
        Quantity(
            name="system_percent",
            unit="%",
            meaning="of the processor time of the timed passes on a CPU, what the system takes",
            heading="System's share",
            timed=True,
            measure="bench.compute.waiting:system_percent",
        ),
        Quantity(
            name="handed_out_mb",
            unit="MB",
            meaning="memory that the system hands out in a pass on a CPU, 10^6 bytes: minor page "
            "faults times the size of a page; what layers give back is handed out anew, and "
            "MODEL@keep_memory keeps it",
            heading="Memory handed out",
            measure="bench.compute.waiting:handed_out_mb",
        ),
        Quantity(
            name="device_memory_mb",
            unit="MB",
            meaning="peak of the GPU allocator in one pass, weights included, 10^6 bytes",
            heading="Device memory",
            places=("axis", "bars"),
            aliases=_MEMORY,
        ),
        Quantity(
            name="process_memory_mb",
            unit="MB",
            meaning="peak resident memory of loading and the first pass, less that before loading, "
            "10^6 bytes",
            heading="Process memory",
            places=("axis", "bars"),
            aliases=_MEMORY,
        ),
        Quantity(
            name="cold_start_s",
            unit="s",
            meaning="from starting the process to the first restored image: imports, loading, "
            "first pass; on Linux's CPUs of the first process alone, the others being copies of it",
            heading="Cold start",
            places=("bars",),
            aliases={"cold_start": 1.0},
            timed=True,
        ),
        Quantity(
            name="files_per_s",
            unit="images/s",
            meaning="photographs of the size a second from PNG file to PNG file, one after another:"
            " decoded, restored, encoded; after the start",
            heading="File to file",
            higher_is_better=True,
            aliases={"images_s": 1.0},
            timed=True,
            once=True,
            measure="bench.compute.roofline:files_per_s",
        ),
        Quantity(
            name="arithmetic_percent",
            unit="%",
            meaning="of device_tflops, what the counted operations of a pass reach: 2 x MACs over "
            "the latency",
            heading="Of peak arithmetic",
            higher_is_better=True,
            timed=True,
            once=True,
            measure="bench.compute.roofline:arithmetic_percent",
        ),
        Quantity(
            name="bandwidth_percent",
            unit="%",
            meaning="of device_gb_s, what the counted operations of a pass reach: the bytes that "
            "each reads and writes by itself, over the latency; above 100 where caches or fused "
            "operations save the way to memory",
            heading="Of peak bandwidth",
            higher_is_better=True,
            timed=True,
            once=True,
            measure="bench.compute.roofline:bandwidth_percent",
        ),
        Quantity(
            name="device_tflops",
            unit="TFLOP/s",
            meaning="of the device with these threads: the quickest product of large matrices in "
            "the model's precision",
            heading="Device's arithmetic",
            higher_is_better=True,
            timed=True,
            once=True,
            measure="bench.compute.roofline:device_tflops",
        ),
        Quantity(
            name="device_gb_s",
            unit="GB/s",
            meaning="of the device with these threads: bytes read and written by the quickest copy "
            "of more than caches hold",
            heading="Device's bandwidth",
            higher_is_better=True,
            timed=True,
            once=True,
            measure="bench.compute.roofline:device_gb_s",
        ),
        Quantity(
            name="energy_j",
            unit="J",
            meaning="energy of the GPU (NVML) or the processors (RAPL) for one pass over the "
            "batch, idle power and whatever else works there included",
            heading="Energy",
            places=("axis", "bars"),
            aliases={"energy": 1.0},
            timed=True,
        ),
        *(
            Quantity(
                name=f"train_{name}",
                unit=unit,
                meaning=meaning,
                heading=heading,
                shown_unit=shown,
                factor=factor,
                depends="nothing",
                aliases=aliases,
                measure=f"bench.compute.learning:{field_name}",
            )
            for name, field_name, unit, heading, shown, factor, aliases, meaning in TRAINING
        ),
    )
}


@cache
def quantities() -> Mapping[str, Quantity]:
    """Return our quantities, and after them those of packages that join."""
    found = extended(QUANTITIES, "restoration_bench.quantities", Quantity)
    return {name: replace(row, name=name) for name, row in found.items()}


def row_of(name: str) -> Quantity:
    """Return the row called ``name``; a bare one where the package that brought it is gone."""
    return quantities().get(name) or Quantity(name, "", "not known here")


def shown_in(place: Place) -> list[str]:
    """Return the quantities that are shown in one place, in the table's order."""
    return [name for name, row in quantities().items() if place in row.places]


def plotted_in(place: Place) -> list[str]:
    """Return the quantities that are plotted in one place, in the order of the plots."""
    return sorted(shown_in(place), key=lambda name: quantities()[name].rank)


def names() -> list[str]:
    """Return every name of a quantity: its own, then the aliases."""
    rows = quantities()
    return [*rows, *dict.fromkeys(alias for row in rows.values() for alias in row.aliases)]


def named(name: str) -> dict[str, float]:
    """Return the quantities that ``name`` may stand for, and what one of it is in their units."""
    rows = quantities()
    if name in rows:
        return {name: 1.0}
    return {row.name: row.aliases[name] for row in rows.values() if name in row.aliases}
