"""THE table of what a profile measures. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quantity:
    """One row of the table: a cost, its unit and exactly what it means."""

    name: str
    unit: str
    meaning: str
    higher_is_better: bool = False


QUANTITIES: dict[str, Quantity] = {
    quantity.name: quantity
    for quantity in (
        Quantity("params", "", "parameters of the network, shared ones once"),
        Quantity(
            "macs", "",
            "multiply-accumulates of all matrix-like operations for one image of the size; tiled "
            "where the model runs in tiles, overlaps included; FLOPs = 2 x MACs",
        ),
        Quantity(
            "activations", "",
            "elements put out by convolutions, matrix products, recurrent and attention operations "
            "for one image of the size",
        ),
        Quantity("weights_mb", "MB", "parameters and buffers as stored, 10^6 bytes"),
        Quantity(
            "latency_ms", "ms",
            "median time of one pass over the batch: the network's forward pass on data on its "
            "device; the whole call from image to image for what is no network or runs in tiles",
        ),
        Quantity("latency_ms_p90", "ms", "90th percentile of the same passes"),
        Quantity(
            "throughput_mpix_s", "Mpixel/s", "10^6 input pixels a second at the median latency",
            higher_is_better=True,
        ),
        Quantity(
            "device_memory_mb", "MB",
            "peak of the GPU allocator in one pass, weights included, 10^6 bytes",
        ),
        Quantity(
            "process_memory_mb", "MB",
            "peak resident memory of loading and the first pass, less that before loading, "
            "10^6 bytes",
        ),
        Quantity(
            "cold_start_s", "s",
            "from starting the process to the first restored image: imports, loading, first pass",
        ),
        Quantity(
            "energy_j", "J",
            "energy of the GPU for one pass over the batch, idle power included (NVML)",
        ),
    )
}  # fmt: skip
