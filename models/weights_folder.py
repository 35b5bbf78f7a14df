"""Where the weights that were trained here are kept, and found again. Imports no torch."""

from __future__ import annotations

from pathlib import Path

from bench.core.errors import BenchError
from bench.core.files import copy_atomic
from bench.core.layout import file_name, weights_root


class WeightsFolder:
    """The weights that were trained here, for later runs: by suite, then by model."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or weights_root()

    def keep(self, weights: Path, suite: str) -> Path:
        """Copy the weights of a model that learned from ``suite`` (its spec); return the copy."""
        kept = self.root / file_name(suite) / weights.name
        copy_atomic(weights, kept)
        return kept

    def find(self, model: str, suite: str) -> Path | None:
        """Return the weights of a model that learned from ``suite`` (its spec), or None."""
        path = self.root / file_name(suite) / f"{model}.safetensors"
        return path if path.is_file() else None

    def all_of(self, model: str) -> list[Path]:
        """Return the weights of a model from whatever suites, the newest last."""
        found = self.root.glob(f"*/{model}.safetensors")
        return sorted(found, key=lambda path: path.stat().st_mtime_ns)

    def latest(self, model: str) -> Path:
        """Return the newest weights of a model. Raises `BenchError` where there are none."""
        found = self.all_of(model)
        if not found:
            raise no_weights(model)
        return found[-1]


def no_weights(name: str) -> BenchError:
    """Return the error for a network that nobody has trained yet."""
    return BenchError(
        f"no weights for '{name}': train it with 'bench run --suite SUITE --models {name} --train "
        "missing', or give --weights FILE"
    )
