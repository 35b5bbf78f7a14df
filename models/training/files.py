"""Where the training of a model keeps what."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.core.identity import digest_of
from bench.core.layout import file_name
from bench.records import Pair
from bench.suites.identity import pair_digest


class Files:
    """The files of one model's training in a folder."""

    def __init__(self, folder: Path, model: str) -> None:
        self.folder = folder
        model = file_name(model)
        self.weights = folder / f"{model}.safetensors"
        self.curves = folder / f"{model}.csv"
        self.plan = folder / f"{model}.plan.json"
        self.last = folder / f"{model}.last.ckpt"
        self.best = folder / f"{model}.best.ckpt"
        self.samples = folder / model

    def clear(self) -> None:
        """Take away what a training without a plan left: nobody could say how it came about."""
        for path in (self.weights, self.curves, self.last, self.best, *self._rows()):
            path.unlink(missing_ok=True)

    def forget(self) -> None:
        """Take away the plan too: the training begins anew."""
        self.clear()
        self.plan.unlink(missing_ok=True)

    def finished(self) -> None:
        """Take away what only an unfinished training needs."""
        for checkpoint in (self.last, self.best):
            checkpoint.unlink(missing_ok=True)

    def _rows(self) -> list[Path]:
        return list(self.samples.glob("epoch-*.png"))


def name_pairs(pairs: Sequence[Pair]) -> str:
    """Return the number of pairs, and the digest of their content and order."""
    return f"{len(pairs)} pairs {digest_of([pair_digest(pair) for pair in pairs])}"
