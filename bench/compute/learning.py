"""What the training of a model cost, as the header of its weights tells; 0 where none is needed."""

from __future__ import annotations

from collections.abc import Callable

from bench.compute.profile import Measurement
from bench.core.errors import BenchError
from models.catalogue import model_cards
from models.specs import model_file
from models.variants import parted


def _figure(name: str) -> Callable[[Measurement], float | str]:
    def figure(measured: Measurement) -> float | str:
        path = measured.weights or model_file(measured.spec)
        if path is None:
            card = model_cards().get(parted(measured.spec)[0])
            learns = card is None or card.recipe is not None or card.checkpoint is not None
            return "its weights were not trained" if learns else 0.0
        if path.suffix.lower() != ".safetensors":
            return "trained elsewhere: its file says nothing of that"
        from models.weights import read_header  # imports torch, and most models were not trained

        try:
            header = read_header(path)
        except BenchError as error:
            return str(error)
        if header is None or header.cost is None:
            return "the file of its weights does not say"
        value: float | None = getattr(header.cost, name)
        missing: str = getattr(header.cost, f"{name.partition('_')[0]}_missing", None) or "not kept"
        return missing if value is None else value

    return figure


seconds = _figure("seconds")
device_seconds = _figure("device_seconds")
best_seconds = _figure("best_seconds")
steps = _figure("steps")
samples = _figure("samples")
memory_mb = _figure("memory_mb")
energy_j = _figure("energy_j")
flops = _figure("flops")
