"""Where the weights that were trained here are kept, and found again. Imports no torch."""

from __future__ import annotations

from pathlib import Path

from bench.core.errors import BenchError
from bench.core.files import copy_atomic
from bench.core.layout import file_name, weights_root


class WeightsFolder:
    """The weights that were trained here, for later runs: by suite, training images and model.

    Training images are named by the digest of their content (`bench.records.Learned`): those of two
    collections never mix, whatever the suites are called.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or weights_root()

    def keep(self, weights: Path, suite: str, learned: str, tag: str = "") -> Path:
        """Copy the weights of a model that learned from ``suite`` (its spec); return the copy.

        ``tag`` sets apart those of a recipe of one's own (`models.recipe_files.tag_of`).
        """
        kept = self.root / file_name(suite) / learned / tag / weights.name
        copy_atomic(weights, kept)
        return kept

    def find(self, model: str, suite: str, learned: str, tag: str = "") -> Path | None:
        """Return the weights of a model that learned from these images, or None."""
        path = self.root / file_name(suite) / learned / tag / f"{model}.safetensors"
        return path if path.is_file() else None

    def all_of(self, model: str, suite: str | None = None) -> list[Path]:
        """Return the weights of a model, from one suite or from whatever suites, the newest last.

        Those that versions before kept, without their training images, are not among them.
        """
        above = "*" if suite is None else file_name(suite)
        found = self.root.glob(f"{above}/*/{model}.safetensors")
        return sorted(found, key=lambda path: path.stat().st_mtime_ns)

    def only(self, model: str) -> Path:
        """Return the weights of a model where there is one file of them.

        Raises `BenchError` where there is none, or more than one: then the user has to choose.
        """
        found = self.all_of(model)
        if not found:
            raise no_weights(model)
        if len(found) > 1:
            raise BenchError(
                f"'{model}' was trained {len(found)} times, on different images; say which is "
                "meant: " + ", ".join(f"--weights {path}" for path in reversed(found))
            )
        return found[0]


def no_weights(name: str) -> BenchError:
    """Return the error for a network that nobody has trained yet."""
    return BenchError(
        f"no weights for '{name}': train it with 'bench run --suite SUITE --models {name} --train "
        "missing', or give --weights FILE"
    )
