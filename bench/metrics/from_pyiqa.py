"""``pyiqa:NAME``: any metric of single images in the list of pyiqa, which is an optional extra.

Its list is read without importing it (that takes seconds and needs much). Each metric is what
pyiqa makes of the name by its defaults, of RGB in [0,1] as float32; pyiqa itself downloads what the
metric needs when it is first used, from addresses of its own. The package's licence forbids
commercial use.

Chen et al., https://github.com/chaofengc/IQA-PyTorch.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import version
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core.errors import BenchError, Unscorable, message_of
from bench.core.names import choose
from bench.image import Picture, Pixels
from bench.metrics.card import MetricCard

if TYPE_CHECKING:
    from torch import Tensor

PREFIX = "pyiqa:"
INSTALL = "pip install 'restoration-bench[pyiqa]'"
OF_SETS = frozenset({"fid", "sfid", "fid_dinov2", "inception_score"})
"""What has no value for a single image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PyiqaCard(MetricCard):
    """A row that is made of pyiqa's own list."""

    def make(self, device: str = "cpu") -> PyiqaMetric:
        """Return the metric; its network is built when the first image is scored."""
        return PyiqaMetric(self.name.removeprefix(PREFIX), device)


class PyiqaMetric:
    """One metric of pyiqa. One image is worked on at a time."""

    def __init__(self, name: str, device: str = "cpu") -> None:
        self.name, self.device = name, device
        self._lock = threading.Lock()

    @property
    def weights(self) -> str:
        """What its weights follow from: the package's version."""
        return f"pyiqa {version('pyiqa')}"

    def features(self, reference: Picture) -> Tensor:
        """Return the reference, (1, 3, H, W) float32 in 0..1."""
        return _tensor(reference.pixels)

    def compare(self, restored: Picture, features: Tensor | None) -> float:
        """Return pyiqa's score. Raises Unscorable with what it says where it has none."""
        import torch

        with self._lock:
            metric = self._made
            if isinstance(metric, Unscorable):
                raise metric
            given = [_tensor(restored.pixels), *([] if features is None else [features])]
            try:
                with torch.inference_mode():
                    return float(metric(*given))
            except Exception as error:  # noqa: BLE001  other people's code may raise anything
                raise Unscorable(f"pyiqa's {self.name} fails: {message_of(error)}") from None

    @cached_property
    def _made(self) -> Any:
        """Return the network, or why there is none: it is not tried again for every image."""
        try:
            import pyiqa

            return pyiqa.create_metric(self.name, device=self.device)
        except Exception as error:  # noqa: BLE001  it downloads, and imports a great deal
            return Unscorable(f"pyiqa cannot make {self.name} here: {message_of(error)}")


def pyiqa_card(name: str) -> MetricCard:
    """Return the row of ``pyiqa:NAME``.

    Raises `BenchError` without the package, for what it does not list, and for metrics of sets.
    """
    listed = pyiqa_list()
    theirs = choose("metric of pyiqa", name.removeprefix(PREFIX), listed)
    if theirs in OF_SETS:
        raise BenchError(f"'{name}' is of whole sets of images; ask for 'fid' or 'kid'")
    entry = listed[theirs]
    low, high = _range(str(entry.get("score_range", "")))
    needs_reference = entry["metric_mode"] == "FR"
    return PyiqaCard(
        name=PREFIX + theirs,
        factory=f"{__name__}:PyiqaMetric",
        higher_is_better=not entry.get("lower_better", False),
        low=low,
        high=high,
        unit="",
        convention=(
            f"pyiqa {version('pyiqa')}'s {theirs} by its defaults, RGB in [0,1], float32; "
            "non-commercial licence"
        ),
        citation="see https://github.com/chaofengc/IQA-PyTorch",
        needs_reference=needs_reference,
        package="pyiqa",
        group="perceptual" if needs_reference else "no-reference",
        check="pyiqa's function is the reference itself",
    )


@cache
def pyiqa_list() -> dict[str, dict[str, Any]]:
    """Return pyiqa's own table of defaults by name. Raises `BenchError` without the package."""
    package = find_spec("pyiqa")
    if package is None or package.origin is None:
        raise BenchError(f"'{PREFIX}NAME' needs the package pyiqa; run: {INSTALL}")
    spec = spec_from_file_location(
        "_pyiqa_defaults", Path(package.origin).with_name("default_model_configs.py")
    )
    if spec is None or spec.loader is None:
        raise BenchError(f"pyiqa {version('pyiqa')} has no list of metrics that is known here")
    defaults = module_from_spec(spec)
    spec.loader.exec_module(defaults)
    return dict(defaults.DEFAULT_CONFIGS)


def _range(text: str) -> tuple[float, float]:
    """Return the range that pyiqa tells, such as ``0, ~1``; what is open or unknown is infinite.

    >>> _range("0, ~1"), _range("~, ~"), _range("")
    ((0.0, 1.0), (-inf, inf), (-inf, inf))
    """
    ends = [end.strip().strip("~") for end in text.split(",")]
    if len(ends) != 2:
        return -math.inf, math.inf
    return float(ends[0] or -math.inf), float(ends[1] or math.inf)


def _tensor(pixels: Pixels) -> Tensor:
    import torch

    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255
